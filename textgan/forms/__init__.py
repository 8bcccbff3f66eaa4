"""Forms of verse as logits processors: English by syllables and rhyme, Chinese by tones."""
