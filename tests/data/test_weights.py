"""An oracle's weights from files: the same whatever the layout, and no code runs."""

import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textgan.data.oracle import NAMES, OracleOptions, Weights, draw_weights
from textgan.data.weights import read_weights
from textgan.errors import UserError


@pytest.fixture(scope="module")
def weights() -> Weights:
    return draw_weights(OracleOptions(vocabulary=6, embedding_size=3, hidden_size=2))


def refused(place: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_weights(str(place))
    return str(caught.value)


def alike(found: Weights, weights: Weights) -> bool:
    return list(found) == list(NAMES) and all(
        np.array_equal(found[name], weights[name]) for name in NAMES
    )


def test_weights_are_normal_and_those_of_their_seed() -> None:
    options = OracleOptions(vocabulary=500, init_std=0.5, seed=3)
    weights = draw_weights(options)
    for name in ("embedding", "Wf", "Wo", "bo"):
        assert weights[name].std() == pytest.approx(0.5, rel=0.1), name
        assert abs(weights[name].mean()) < 0.1, name
    assert alike(draw_weights(options), weights)
    assert not alike(draw_weights(options.model_copy(update={"seed": 4})), weights)
    # the very numbers, on any machine and with any numpy
    chance = np.random.RandomState([3, 0])
    assert weights["embedding"][0, 0] == np.float32(0.5 * chance.standard_normal())


def test_npz(tmp_path: Path, weights: Weights) -> None:
    np.savez(tmp_path / "oracle.npz", **weights)  # type: ignore[arg-type]
    assert alike(read_weights(str(tmp_path / "oracle.npz")), weights)


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8"])
def test_pickled_lists_of_any_old_protocol(
    tmp_path: Path, weights: Weights, protocol: int, kind: str
) -> None:
    place = tmp_path / "target_params.pkl"
    arrays = [np.asfortranarray(weights[name].astype(kind)) for name in NAMES]
    place.write_bytes(pickle.dumps(arrays, protocol))
    assert alike(read_weights(str(place)), weights)


def test_a_pickle_of_python_2(tmp_path: Path, weights: Weights) -> None:
    """As Python 2 and its numpy wrote: old module names, bytes as text."""
    lines = io.BytesIO()
    lines.write(b"\x80\x02]")
    for name in NAMES:
        array = weights[name]
        lines.write(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R")
        lines.write(b"(K\x01(" + b"".join(b"K" + bytes([n]) for n in array.shape) + b"t")
        lines.write(b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff")
        lines.write(b"J\xff\xff\xff\xffK\x00tb\x89")
        data = array.tobytes()
        lines.write(b"T" + len(data).to_bytes(4, "little") + data + b"tba")
    lines.write(b".")
    place = tmp_path / "target_params.pkl"
    place.write_bytes(lines.getvalue())
    assert alike(read_weights(str(place)), weights)


class Runs:
    """Unpickled, it makes a folder."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.place),)


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, weights: Weights) -> None:
    place, made = tmp_path / "target_params.pkl", tmp_path / "made"
    place.write_bytes(pickle.dumps([*(weights[name] for name in NAMES[1:]), Runs(made)]))
    pickle.loads(place.read_bytes())  # what it does to those who trust it
    made.rmdir()
    assert refused(place) == (
        f"corpus.oracle.path: '{place}' has not the 15 arrays of an LSTM oracle "
        "(it calls posix.mkdir, which is refused)"
    )
    assert not made.exists()


@pytest.mark.parametrize(
    "program",
    [
        b"cbuiltins\neval\n(V1\ntR.",
        b"cnumpy\nload\n(V/dev/null\ntR.",
        b"cnumpy.core.multiarray\nscalar\n(V1\ntR.",
        b"ccopyreg\n_reconstructor\n(tR.",
    ],
)
def test_nothing_else_can_be_named(tmp_path: Path, program: bytes) -> None:
    place = tmp_path / "target_params.pkl"
    place.write_bytes(program)
    assert "which is refused)" in refused(place)


@pytest.mark.parametrize("kind", ["O", "O8", "V8", "U4", "M8"])
def test_an_array_of_anything_but_numbers_is_refused(tmp_path: Path, kind: str) -> None:
    """Bytes read as an array of objects would be addresses."""
    place = tmp_path / "target_params.pkl"
    place.write_bytes(pickle.dumps([np.zeros(1, kind)], 2))
    assert "not numbers)" in refused(place)


def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, weights: Weights) -> None:
    gone, text = tmp_path / "gone.npz", tmp_path / "text.npz"
    text.write_text("17 4 2")
    assert refused(gone).endswith(f"'{gone}' can't be read (No such file or directory)")
    assert refused(text).startswith(f"corpus.oracle.path: '{text}' has not the 15 arrays")
    np.savez(tmp_path / "few.npz", embedding=weights["embedding"])
    assert "(Wi isn't in it)" in refused(tmp_path / "few.npz")
    np.savez(tmp_path / "shape.npz", **(weights | {"Uf": weights["Wf"]}))  # type: ignore[arg-type]
    assert "(Uf has a wrong shape)" in refused(tmp_path / "shape.npz")
    nan = weights | {"bo": weights["bo"] * np.nan}
    np.savez(tmp_path / "nan.npz", **nan)  # type: ignore[arg-type]
    assert "(not finite)" in refused(tmp_path / "nan.npz")
    place = tmp_path / "short.pkl"
    place.write_bytes(pickle.dumps([weights["Wi"]], 2))
    assert "(it is no list of 15 arrays)" in refused(place)
    place.write_bytes(pickle.dumps([1, 2, 3], 2))
    assert "(it is no list of 15 arrays)" in refused(place)
    assert "(it is no .npz file of numbers)" in refused(text)


def test_an_npz_of_pickled_objects_is_refused(tmp_path: Path, weights: Weights) -> None:
    made = tmp_path / "made"
    trap = np.array([Runs(made)], dtype=object)
    np.savez(tmp_path / "trap.npz", **(weights | {"Wi": trap}))  # type: ignore[arg-type]
    assert "(it is no .npz file of numbers)" in refused(tmp_path / "trap.npz")
    assert not made.exists()
