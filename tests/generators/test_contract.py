"""The generator inside transformers 5: what `generate`, `pipeline` and the Auto classes expect."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, pipeline

import textgan  # noqa: F401 - enough for the Auto classes
from textgan import config, runtime
from textgan.data.tokenizers import TokenizerOptions, train_tokenizer
from textgan.errors import UserError
from textgan.generators import GENERATORS, Generator
from textgan.generators.lstm import LSTMConfig, LSTMGenerator, LSTMOptions

PAD, BOS, EOS, V, T = 0, 1, 2, 13, 9
RECURRENT = {"embedding_size": 12, "hidden_size": 12, "init_std": 0.7}
LEAKED = {"embedding_size": 3, "widths": [1, 2, 4], "filters": [3, 2, 3]}
SIZES = {
    "lstm": RECURRENT,
    "gru": RECURRENT,
    "transformer": {"hidden_size": 12, "layers": 2, "heads": 3, "dropout": 0.3},
    "pretrained": {},
    "leakgan": {**RECURRENT, "goal_size": 3, "horizon": 3, "features": LEAKED},
    "relational_memory": {"embedding_size": 12, "slots": 2, "heads": 2, "head_size": 6},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "lstm": {},
    "deep": {"layers": 2, "dropout": 0.3},
    "tied": {"tied": True},
    "deep and tied": {"layers": 2, "dropout": 0.3, "tied": True},
    "gru": {"name": "gru", "layers": 2, "dropout": 0.3},
    "transformer": {"name": "transformer"},
    "untied transformer": {"name": "transformer", "tied": False},
    "llama": {"name": "pretrained"},
    "leakgan": {"name": "leakgan", "dropout": 0.3},
    "relational memory": {"name": "relational_memory", "dropout": 0.3},
}
LLAMA = {
    "model_type": "llama",
    "vocab_size": V,
    "hidden_size": 12,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


def make(eos: int | None = EOS, seed: int = 0, name: str = "lstm", **options: object) -> Generator:
    """A peaked policy: its likeliest tokens differ from place to place."""
    runtime.seed(seed, "contract")
    model = GENERATORS[name]
    options = {"name": name, **SIZES[name], **options}
    settings = model.config_class(
        vocab_size=V,
        length=2 * T,
        never=[PAD, BOS],
        options=model.Options.model_validate(options).model_dump(mode="json"),
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=eos,
        **({"pretrained": LLAMA} if name == "pretrained" else {}),
    )
    generator = model(settings).eval()
    if name in ("transformer", "pretrained", "relational_memory"):
        with torch.no_grad():
            for part in generator.parameters():
                part.mul_(20 if part.dim() > 1 else 1)
    return generator


@pytest.fixture(params=VARIANTS, ids=list(VARIANTS))
def generator(request: pytest.FixtureRequest) -> Generator:
    return make(**VARIANTS[request.param])


def prompts(*texts: list[int]) -> torch.Tensor:
    return torch.tensor([[BOS, *text] for text in texts])


def step_by_step(generator: Generator, prompt: list[int], steps: int) -> list[int]:
    """The likeliest next token, again and again, until <eos>."""
    state, ids = generator.initial_state(1), []
    with torch.no_grad():
        for token in [BOS, *prompt]:
            logits, state = generator.advance(torch.tensor([token]), state)
        while len(ids) < steps and EOS not in ids:
            ids.append(int(logits.argmax()))
            logits, state = generator.advance(torch.tensor(ids[-1:]), state)
    return ids


def score(generator: Generator, ids: list[int]) -> float:
    """Teacher-forced log-probability of all tokens behind <bos>."""
    with torch.no_grad():
        logits = generator(prompts(ids)).logits[0, :-1]
    return float(logits.log_softmax(dim=1)[range(len(ids)), ids].sum())


def ended(ids: list[int]) -> list[int]:
    """A text up to and including its first <eos>."""
    return ids[: ids.index(EOS) + 1] if EOS in ids else ids


def without_padding(ids: torch.Tensor) -> list[int]:
    return [int(token) for token in ids if token != PAD]


def test_greedy_is_the_argmax_of_every_step(generator: Generator) -> None:
    for prompt in ([], [5], [7, 3, 11]):
        out = generator.generate(prompts(prompt), do_sample=False, max_new_tokens=T)
        expected = [BOS, *prompt, *step_by_step(generator, prompt, T)]
        assert out[0].tolist() == expected


@pytest.mark.parametrize("do_sample", [False, True], ids=["greedy", "sampled"])
@pytest.mark.parametrize("num_beams", [1, 3])
def test_without_cache_the_output_is_the_same(
    generator: Generator, num_beams: int, do_sample: bool
) -> None:
    outputs = []
    for use_cache in (True, False):
        torch.manual_seed(3)
        ids = generator.generate(
            prompts([5, 6], [4, 4]),
            do_sample=do_sample,
            num_beams=num_beams,
            use_cache=use_cache,
            max_new_tokens=T,
        )
        outputs.append(ids.tolist())
    assert outputs[0] == outputs[1]


def test_the_state_is_kept_back_when_the_cache_is_off(generator: Generator) -> None:
    assert generator(prompts([4, 5]), use_cache=False).state is None
    assert generator(prompts([4, 5]), use_cache=True).state is not None


def test_beam_search_is_a_brute_force_beam() -> None:
    generator, width, steps = make(eos=None, layers=2), 3, 6
    beams = [([], 0.0)]
    for _ in range(steps):
        longer = [([*ids, v], score(generator, [*ids, v])) for ids, _ in beams for v in range(V)]
        beams = sorted(longer, key=lambda beam: -beam[1])[:width]
    out = generator.generate(
        prompts([]),
        num_beams=width,
        num_return_sequences=width,
        do_sample=False,
        max_new_tokens=steps,
        length_penalty=0.0,
        return_dict_in_generate=True,
        output_scores=True,
    )
    assert out.sequences[:, 1:].tolist() == [ids for ids, _ in beams]
    torch.testing.assert_close(
        out.sequences_scores, torch.tensor([value for _, value in beams]), rtol=1e-5, atol=1e-5
    )


def test_beams_that_end_score_their_log_probability(generator: Generator) -> None:
    out = generator.generate(
        prompts([]),
        num_beams=3,
        num_return_sequences=3,
        do_sample=False,
        max_new_tokens=T,
        length_penalty=0.0,
        return_dict_in_generate=True,
        output_scores=True,
    )
    texts = [ids[1:].tolist() for ids in out.sequences]
    assert len({tuple(text) for text in texts}) == 3
    assert out.sequences_scores.tolist() == sorted(out.sequences_scores.tolist(), reverse=True)
    for text, value in zip(texts, out.sequences_scores, strict=True):
        assert float(value) == pytest.approx(score(generator, ended(text)), abs=1e-4)


def test_several_sequences_a_prompt_begin_with_it(generator: Generator) -> None:
    torch.manual_seed(0)
    out = generator.generate(
        prompts([5, 6], [7, 8]), do_sample=True, num_return_sequences=4, max_new_tokens=T
    )
    assert out[:, :3].tolist() == [[BOS, 5, 6]] * 4 + [[BOS, 7, 8]] * 4
    assert len({tuple(ids) for ids in out.tolist()}) > 4


@pytest.mark.parametrize("num_beams", [1, 3])
def test_left_padding_changes_no_continuation(generator: Generator, num_beams: int) -> None:
    texts = [[], [5], [7, 3, 11, 6]]
    width = 1 + max(len(text) for text in texts)
    ids = torch.tensor([[PAD] * (width - 1 - len(text)) + [BOS, *text] for text in texts])
    together = generator.generate(
        ids,
        attention_mask=(ids != PAD).long(),
        do_sample=False,
        num_beams=num_beams,
        max_new_tokens=T,
    )
    for row, text in zip(together, texts, strict=True):
        alone = generator.generate(
            prompts(text), do_sample=False, num_beams=num_beams, max_new_tokens=T
        )
        assert ended(without_padding(row)) == ended(without_padding(alone[0]))


def test_left_padding_changes_no_logits(generator: Generator) -> None:
    alone = generator(prompts([5, 6])).logits
    padded = torch.tensor([[PAD, PAD, PAD, BOS, 5, 6]])
    inside = generator(padded, attention_mask=(padded != PAD).long()).logits[:, 3:]
    torch.testing.assert_close(inside, alone, rtol=1e-5, atol=1e-5)


def test_sampled_text_has_neither_padding_nor_bos(generator: Generator) -> None:
    torch.manual_seed(0)
    for new in (
        generator.generate(prompts([]).repeat(200, 1), do_sample=True, top_k=0, max_new_tokens=T),
        torch.nn.functional.pad(generator.sample(200).ids, (1, 0), value=BOS),
    ):
        for ids in new[:, 1:].tolist():
            text = ids[: ids.index(EOS)] if EOS in ids else ids
            assert PAD not in text
            assert BOS not in text
            assert set(ids[len(text) :]) <= {EOS, PAD}


def test_reloaded_by_the_auto_class_it_gives_the_same_logits(
    generator: Generator, tmp_path: Path
) -> None:
    generator.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(again) is type(generator)
    assert type(AutoConfig.from_pretrained(tmp_path)) is generator.config_class
    assert again.config.options == generator.config.options
    ids = torch.randint(3, V, (5, T))
    with torch.no_grad():
        assert torch.equal(again(ids).logits, generator(ids).logits)
    runtime.seed(1)
    drawn = generator.sample(4)
    runtime.seed(1)
    assert torch.equal(again.sample(4).ids, drawn.ids)


def test_tied_embeddings_are_one_tensor_before_and_after_a_reload(tmp_path: Path) -> None:
    generator = make(tied=True)
    assert generator.output.weight is generator.embedding.weight
    untied = make()
    matrix = generator.embedding.weight.numel()
    assert sum(p.numel() for p in untied.parameters()) - matrix == sum(
        p.numel() for p in generator.parameters()
    )
    generator.save_pretrained(tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    assert len({"embedding.weight", "output.weight"} & set(saved)) == 1
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert again.output.weight is again.embedding.weight
    assert torch.equal(again.embedding.weight, generator.embedding.weight)


def test_one_step_moves_both_ends_of_a_tied_matrix() -> None:
    generator = make(tied=True)
    generator(prompts([4, 5]), labels=prompts([4, 5])).loss.backward()
    with torch.no_grad():
        generator.embedding.weight -= generator.embedding.weight.grad
    assert torch.equal(generator.output.weight, generator.embedding.weight)


def test_untied_matrices_stay_apart_after_a_reload(tmp_path: Path) -> None:
    generator = make()
    assert generator.output.weight is not generator.embedding.weight
    generator.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(again.output.weight, generator.output.weight)
    assert not torch.equal(again.output.weight, again.embedding.weight)


def test_tying_matrices_of_two_sizes_is_an_error_in_the_users_words() -> None:
    with pytest.raises(UserError) as error:
        config.check(LSTMOptions, {"tied": True, "embedding_size": 8, "hidden_size": 16})
    assert str(error.value) == (
        "config: tied needs embedding_size 8 to equal hidden_size 16; "
        "give both the same value or set tied to false"
    )


def test_the_pipeline_speaks_from_an_empty_prompt(tmp_path: Path) -> None:
    tokenizer = train_tokenizer(["the moon is old", "the sea is cold"], TokenizerOptions())
    settings = LSTMConfig(
        vocab_size=len(tokenizer),
        length=T,
        never=[PAD, BOS],
        options=LSTMOptions(init_std=0.7).model_dump(mode="json"),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    runtime.seed(0)
    generator = LSTMGenerator(settings)
    torch.nn.init.constant_(generator.output.bias[EOS], -5.0)
    generator.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    speak = pipeline("text-generation", model=str(tmp_path))
    text = speak("", do_sample=False, max_new_tokens=6)[0]["generated_text"]
    generator.eval()
    ids = step_by_step(generator, [], 6)
    reader = AutoTokenizer.from_pretrained(tmp_path)
    assert text == reader.decode(ids, skip_special_tokens=True) != ""
    assert speak("the moon", do_sample=True, max_new_tokens=3)[0]["generated_text"].startswith(
        "the moon"
    )


SCRIPT = """
import sys
import textgan
assert "torch" not in sys.modules, "importing textgan is slow"
from transformers import AutoModelForCausalLM
print("textgan first:", type(AutoModelForCausalLM.from_pretrained(sys.argv[1])).__name__)

from transformers.models.auto import configuration_auto, modeling_auto
configuration_auto.CONFIG_MAPPING._extra_content.clear()
modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING._extra_content.clear()
for name in [name for name in sys.modules if name.partition(".")[0] == "textgan"]:
    del sys.modules[name]
try:
    AutoModelForCausalLM.from_pretrained(sys.argv[1])
except ValueError:
    print("without textgan: unknown")
import textgan
print("transformers first:", type(AutoModelForCausalLM.from_pretrained(sys.argv[1])).__name__)
"""


def test_importing_textgan_registers_it_in_either_order(tmp_path: Path) -> None:
    make().save_pretrained(tmp_path)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=root,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "textgan first: LSTMGenerator",
        "without textgan: unknown",
        "transformers first: LSTMGenerator",
    ], done.stderr
