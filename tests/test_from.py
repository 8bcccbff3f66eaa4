"""`--from`: going on from a run, or from any causal language model of transformers."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as Decoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    PreTrainedTokenizerFast,
)

from tests.conftest import Command, write_poems
from textgan import api, inheritance, models, new_players, runs
from textgan.data.sequences import Sequences
from textgan.data.splits import CorpusOptions, Division
from textgan.errors import UserError
from textgan.generators import GENERATORS
from textgan.generators.pretrained import PretrainedGenerator
from textgan.origin import Origin
from textgan.sampling_report import SamplingReport

END = "<|endoftext|>"
SPARE = 7
"""Rows of the model's matrices that no token has, as in many published models."""


def save_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """As GPT-2's: byte pairs, one special token for beginning, end and unknown, no padding."""
    backend = Tokenizer(BPE())
    backend.pre_tokenizer = ByteLevel(add_prefix_space=False)
    backend.decoder = Decoder()
    alphabet = ByteLevel.alphabet()
    trainer = BpeTrainer(
        vocab_size=280, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(["the moon is low and the river is far"] * 2, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=END, eos_token=END, unk_token=END
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def gpt2(vocabulary: int, positions: int = 80) -> GPT2LMHeadModel:
    sizes = {"n_embd": 12, "n_layer": 2, "n_head": 2, "n_positions": positions}
    return GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, **sizes, **ENDS))


def llama(vocabulary: int) -> LlamaForCausalLM:
    return LlamaForCausalLM(LlamaConfig(vocab_size=vocabulary, **LAYERS, **ENDS))


ENDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None}
LAYERS = {
    "hidden_size": 12,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 80,
}


def save(folder: Path, make: Any, **options: Any) -> Path:
    torch.manual_seed(0)
    tokenizer = save_tokenizer(folder)
    make(len(tokenizer) + SPARE).save_pretrained(folder, **options)
    return folder


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A tiny GPT-2 with its tokenizer."""
    return save(tmp_path / "gpt2", gpt2)


@pytest.mark.parametrize("make", [gpt2, llama])
def test_a_foreign_model_has_the_same_likelihood_here(tmp_path: Path, make: Any) -> None:
    folder = save(tmp_path / "model", make)
    generator = models.load_generator(folder)
    tokenizer = models.load_tokenizer(folder, generator)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = torch.tensor([tokenizer("the river is low")["input_ids"]])
    with torch.no_grad():
        found = generator.eval().log_prob(Sequences(ids, tokenizer.eos_token_id))
        logits = model(torch.cat([torch.zeros(1, 1, dtype=torch.long), ids], dim=1)).logits[:, :-1]
    # Rows of the matrices that are no token can't be drawn: the rest shares their part.
    logits[..., len(tokenizer) :] = -torch.inf
    expected = logits.log_softmax(dim=2).gather(2, ids[..., None]).squeeze(2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_its_samples_hold_real_tokens_only(foreign: Path) -> None:
    generator = models.load_generator(foreign)
    new_players.fit(generator, 20)
    s = generator.sample(300)
    assert int(s.ids.max()) < generator.config.vocab_size - SPARE
    assert (s.ids[~s.mask] == generator.config.pad_token_id).all()


def test_a_foreign_model_is_pretrained_further_played_and_sampled(
    textgan: Command, small: Path, foreign: Path
) -> None:
    recipe = (small, "--corpus.max_length", 60, "--optimizers.generator.lr", 0.003)
    done = textgan("pretrain", *recipe, "--from", foreign, "--run", "tuned")
    assert done.code == 0, done.err
    assert f"generator and tokenizer: those of {foreign}" in done.err
    before = load_file(foreign / "model.safetensors")
    after = load_file("tuned/last/generator/model.safetensors")
    name = "transformer.h.1.mlp.c_fc.weight"
    assert 0 < (before[name] - after[f"decoder.{name}"]).abs().max() < 0.1, "a few small steps"
    rows = [json.loads(row) for row in Path("tuned/metrics.jsonl").read_text().splitlines()]
    losses = [row["validation_nll"] for row in rows if "validation_nll" in row]
    assert losses[-1] < 5.5
    played = textgan("adversarial", "--from", "tuned", "--run", "game", "--method.rollouts", 1)
    assert played.code == 0, played.err
    shown = textgan("sample", "game", "--count", 3, "--prefix", "the moon")
    assert shown.code == 0, shown.err
    assert shown.out.startswith("the moon")
    again = AutoModelForCausalLM.from_pretrained("game/last/generator")
    assert type(again) is PretrainedGenerator
    tokenizer = AutoTokenizer.from_pretrained("game/last/generator")
    ids = tokenizer("the moon", return_tensors="pt")["input_ids"]
    assert again.generate(ids, max_new_tokens=5, do_sample=False).shape == (1, ids.shape[1] + 5)


def test_a_foreign_model_can_play_at_once(textgan: Command, small: Path, foreign: Path) -> None:
    recipe = (small, "--corpus.max_length", 60, "--method.rollouts", 1)
    done = textgan("adversarial", *recipe, "--from", foreign, "--run", "game")
    assert done.code == 0, done.err
    assert textgan("evaluate", "game").code == 0


def test_a_run_goes_on_with_other_texts(
    textgan: Command, small: Path, pretrained: Path, tmp_path: Path
) -> None:
    write_poems(tmp_path / "own.txt", 20)
    own = (tmp_path / "own.txt").read_text("utf-8").replace("moon", "lantern")
    (tmp_path / "own.txt").write_text(own, "utf-8")
    words = (small, "--from", pretrained, "--corpus.path", tmp_path / "own.txt", "--run", "own")
    done = textgan("pretrain", *words)
    assert done.code == 0, done.err
    assert "unknown tokens" in done.err
    vocabularies = [
        json.loads((run / "last/generator/tokenizer.json").read_text("utf-8"))["model"]["vocab"]
        for run in (pretrained, Path("own"))
    ]
    assert vocabularies[0] == vocabularies[1]
    shown = textgan("sample", "own", "--report", "--count", 2)
    assert f"lines stand in the training text ({tmp_path / 'own.txt'})" in shown.err


def test_a_generators_folder_alone_is_enough(
    textgan: Command, small: Path, pretrained: Path
) -> None:
    shown = textgan("pretrain", small, "--from", pretrained / "best/generator", "--print-config")
    assert shown.code == 0, shown.err
    assert "  name: pretrained" in shown.lines  # the tokenizer
    assert "  hidden_size: 8" in shown.lines
    done = textgan("pretrain", small, "--from", pretrained / "best/generator", "--run", "again")
    assert done.code == 0, done.err


# Mistakes


def test_what_contradicts_the_model_is_an_error(
    textgan: Command, small: Path, pretrained: Path, foreign: Path
) -> None:
    done = textgan("pretrain", small, "--from", pretrained, "--generator.hidden_size", 9)
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        f"error: generator.hidden_size: 9 contradicts 8 of {pretrained}, which this run goes on "
        "from",
    )
    done = textgan("pretrain", small, "--from", foreign, "--generator.hidden_size", 9)
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith("error: generator: unknown key 'hidden_size'")


def test_without_a_folder_there_is_no_pretrained_generator(textgan: Command, small: Path) -> None:
    done = textgan("pretrain", small, "--generator.name", "pretrained")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "error: generator.name: 'pretrained' is a model from a folder; give --from FOLDER",
    )
    done = textgan("pretrain", small, "--tokenizer.name", "pretrained")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "error: tokenizer.name: 'pretrained' comes with a model; give --from FOLDER",
    )


def test_texts_longer_than_the_models_positions_are_an_error(
    textgan: Command, small: Path, tmp_path: Path
) -> None:
    folder = save(tmp_path / "short", lambda v: gpt2(v, positions=40))
    done = textgan("pretrain", small, "--from", folder, "--corpus.max_length", 200)
    assert done.code == 2
    assert done.err.splitlines()[-1].endswith(
        "tokens, the generator room for 39; set corpus.max_length to 39 or less"
    )
    assert textgan("pretrain", small, "--from", folder, "--corpus.max_length", 39).code == 0


def mamba(vocabulary: int) -> MambaForCausalLM:
    return MambaForCausalLM(
        MambaConfig(vocab_size=vocabulary, hidden_size=8, num_hidden_layers=1, **ENDS)
    )


def gemma(vocabulary: int) -> Gemma2ForCausalLM:
    """Its logits are squashed behind the output layer."""
    config = Gemma2Config(vocab_size=vocabulary, **LAYERS, head_dim=6, **ENDS)
    config.final_logit_softcapping = 0.1
    return Gemma2ForCausalLM(config)


@pytest.mark.parametrize(("make", "kind"), [(mamba, "mamba"), (gemma, "gemma2")])
def test_a_model_that_does_not_fit_is_refused(tmp_path: Path, make: Any, kind: str) -> None:
    folder = save(tmp_path / "model", make)
    with pytest.raises(UserError) as error:
        models.load_generator(folder)
    assert str(error.value) == (
        f"{folder}: a model of type '{kind}' can't be trained here: it must keep keys and values, "
        "and end in a linear layer, as GPT-2 and Llama do"
    )


def test_a_pickle_is_never_loaded(tmp_path: Path, foreign: Path) -> None:
    weights = load_file(foreign / "model.safetensors")
    (foreign / "model.safetensors").unlink()
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> Any:
            return (Path.touch, (trap,))

    torch.save({**weights, "trap": Trap()}, foreign / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"with its weights in safetensors$"):
        models.load_generator(foreign)
    assert not trap.exists()


def test_without_its_tokenizer_a_model_is_refused(foreign: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (foreign / name).unlink()
    with pytest.raises(UserError, match=r"has no tokenizer; put its tokenizer\.json beside"):
        models.load_generator(foreign)


def test_a_folder_that_is_nothing(textgan: Command, small: Path, tmp_path: Path) -> None:
    done = textgan("pretrain", small, "--from", tmp_path / "nowhere")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        f"error: {tmp_path / 'nowhere'}: is not there; `textgan runs` lists what is",
    )


# What a first reader found


def test_a_transformer_goes_on_with_shorter_texts_and_is_read_again(
    textgan: Command, small: Path, tmp_path: Path
) -> None:
    sizes = ("--generator.hidden_size", 8, "--generator.layers", 1, "--generator.heads", 2)
    first = ("pretrain", small, "--generator.name", "transformer", *sizes, "--run", "first")
    assert textgan(*first).code == 0
    lines = (tmp_path / "short.txt", "\n".join(f"the moon is {i}" for i in range(30)))
    lines[0].write_text(lines[1], "utf-8")
    words = ("--corpus.path", lines[0], "--corpus.unit", "line", "--run", "second")
    done = textgan("pretrain", small, "--from", "first", *words)
    assert done.code == 0, done.err
    assert textgan("sample", "second").code == 0
    assert textgan("adversarial", "--from", "second", "--run", "third").code == 0


def test_a_tokenizers_own_padding_and_cutting_spoil_no_text(foreign: Path) -> None:
    backend = Tokenizer.from_file(str(foreign / "tokenizer.json"))
    backend.enable_padding(pad_id=0, pad_token=END, length=20)
    backend.enable_truncation(5)
    backend.save(str(foreign / "tokenizer.json"))
    tokenizer = models.read_tokenizer(foreign).backend_tokenizer
    texts = ["the moon", "the moon is low and the river is far and the moon is low"]
    found = [e.ids for e in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
    assert 0 not in found[0]
    assert len(found[1]) > 5


def test_a_quantised_model_is_refused(foreign: Path) -> None:
    config = json.loads((foreign / "config.json").read_text("utf-8"))
    config["quantization_config"] = {"quant_method": "awq", "bits": 4}
    (foreign / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(UserError, match=r"can't be read \("):
        models.load_generator(foreign)


def test_a_copied_poem_is_told_although_the_model_knows_no_line_break(
    textgan: Command, small: Path, pretrained: Path
) -> None:
    found = runs.open_checkpoint(pretrained, "last")
    path = found.about["recipe"]["corpus"]["path"]
    options = CorpusOptions.model_validate(found.about["recipe"]["corpus"])
    poem = next(iter(Division(options).training()))
    told = SamplingReport(found)
    for text in (poem.replace("\n", " "), "nothing like it"):
        told.add([text])
    assert told.said() == [f"50% of the 2 lines stand in the training text ({path})"]


def test_print_config_says_what_contradicts_the_model(
    textgan: Command, small: Path, pretrained: Path
) -> None:
    words = ("--from", pretrained, "--generator.hidden_size", 9, "--print-config")
    assert textgan("pretrain", small, *words).code == 2


def test_line_breaks_that_the_tokenizer_loses_are_told(
    textgan: Command, small: Path, tmp_path: Path
) -> None:
    def told(source: str, path: Path) -> list[str]:
        words = ("--from", source, "--corpus.path", path, "--corpus.max_length", 60)
        play = ("--pretrain", "[{method: mle, steps: 1}]", "--run", f"{source}-{path.stem}")
        done = textgan("pretrain", small, *words, *play)
        assert done.code == 0, done.err
        return [line for line in done.err.splitlines() if "line break" in line]

    poems, flat = tmp_path / "poems.txt", tmp_path / "flat.txt"
    write_poems(poems, 20)
    flat.write_text("\n\n".join(f"{a}{b}来山月" for a in "山月来风" for b in "雨人花鸟"), "utf-8")
    assert told("shi", poems) == [
        f"warning: {poems} has line breaks, which the inherited tokenizer doesn't know: each text "
        "is read, and will be written, as one line"
    ]
    assert told("shi", flat) == []  # a stanza is a line there
    assert told("sonnets", poems) == []


def test_a_tokenizer_of_single_lines_knows_no_line_break(
    textgan: Command, small: Path, tmp_path: Path
) -> None:
    """It would be <unk>, which is never written."""
    lines = ("--corpus.unit", "line", "--pretrain", "[{method: mle, steps: 1}]", "--run", "lines")
    assert textgan("pretrain", small, *lines).code == 0
    done = textgan("pretrain", small, "--from", "lines", "--run", "poems")
    assert "line breaks, which the inherited tokenizer doesn't know" in done.err
    again = textgan("adversarial", "--from", "poems", "--run", "game")
    assert again.code == 0, again.err
    assert "line breaks" not in again.err  # the same texts as before


@pytest.mark.parametrize("loaded", [True, False])
def test_sections_given_in_python_must_agree_with_the_source(
    small: Path, pretrained: Path, tmp_path: Path, loaded: bool
) -> None:
    given = {"generator": {"hidden_size": 9}, "tokenizer": {"name": "character"}}
    recipe = api.load(small, **given) if loaded else given
    for source, sizes in ((pretrained, 8), (pretrained / "best/generator", 8)):
        with pytest.raises(UserError) as error:
            api.train("pretrain", recipe, run=tmp_path / "run", source=source)
        kind = "word" if source is pretrained else "pretrained"
        end = f"of {source}, which this run goes on from"
        assert sorted(str(error.value).splitlines()) == [
            f"generator.hidden_size: 9 contradicts {sizes} {end}",
            f"tokenizer.name: 'character' contradicts '{kind}' {end}",
        ]
    assert not (tmp_path / "run").exists()


def test_what_files_say_of_the_model_gives_way_in_python(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = api.load(small, generator={"hidden_size": 256}, trainer={"seed": 7})
    given, origin = inheritance.inherit("pretrain", recipe, Path("shi"))
    assert (given["generator"]["hidden_size"], given["generator"]["embedding_size"]) == (256, 256)
    assert (given["tokenizer"], given["trainer"]["seed"]) == ({"name": "pretrained"}, 7)
    assert origin and (origin.path, origin.checkpoint) == (Path("shi"), None)


@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_the_origin_is_opened_once(
    textgan: Command, small: Path, pretrained: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[Path, str]] = []
    real = Origin.open

    def noted(path: Path, stage: Any) -> Origin:
        opened.append((path, stage))
        return real(path, stage)

    monkeypatch.setattr(Origin, "open", noted)
    done = textgan(stage, small, "--from", pretrained, "--run", "new")
    assert done.code == 0, done.err
    assert opened == [(pretrained, stage)]


def test_another_model_of_ours_is_no_generator(
    textgan: Command, small: Path, pretrained: Path
) -> None:
    folder = pretrained / "last/discriminator"
    done = textgan("pretrain", small, "--from", folder)
    expected = f"{folder.resolve()}: is no {' or '.join(GENERATORS)} of textgan"
    assert (done.code, done.err) == (2, f"error: {expected}\n")
    with pytest.raises(UserError) as error:
        models.load_generator(folder.resolve())
    assert str(error.value) == expected


def test_a_model_of_another_library_is_no_discriminator(foreign: Path) -> None:
    with pytest.raises(UserError, match=r": is no cnn or .* of textgan$"):
        models.load_discriminator(foreign)
