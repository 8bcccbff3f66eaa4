"""An oracle's weights from a file: arrays by name (.npz), or SeqGAN's pickled list of them."""

import pickle
import re
from typing import Any

import numpy as np

from textgan.config import find
from textgan.data.oracle import NAMES, Weights, shapes
from textgan.errors import UserError


def read_weights(path: str) -> Weights:
    """Weights from a file: an .npz of the arrays by name, or a pickled list of them.

    Raises:
        UserError: the file is missing, damaged, not of an LSTM, or a pickle that holds anything
            else than arrays.
    """
    try:
        found = _read_npz(path) if path.endswith(".npz") else _read_pickle(path)
        weights = {name: np.asarray(array, dtype=np.float32) for name, array in found.items()}
        vocabulary, embedding = weights["embedding"].shape
        hidden = len(weights["bi"])
        wanted = shapes(vocabulary, embedding, hidden)
        wrong = [name for name in NAMES if weights[name].shape != wanted[name]]
        if wrong or not all(np.isfinite(array).all() for array in weights.values()):
            raise ValueError(f"{wrong[0]} has a wrong shape" if wrong else "not finite")
    except OSError as error:
        reason = error.strerror or "no .npz file"
        raise UserError(f"corpus.oracle.path: '{path}' can't be read ({reason})") from None
    except Exception as error:  # a damaged pickle or zip raises nearly anything
        reason = (str(error) or repr(error)).splitlines()[0]
        raise UserError(
            f"corpus.oracle.path: '{path}' has not the 15 arrays of an LSTM oracle ({reason})"
        ) from None
    return weights


def _read_npz(path: str) -> Weights:
    try:
        with np.load(find(path), allow_pickle=False) as file:
            missing = [name for name in NAMES if name not in file]
            found = {name: file[name] for name in NAMES if name in file}
    except ValueError:  # NumPy's own words would tell the user to allow pickles
        raise ValueError("it is no .npz file of numbers") from None
    if missing:
        raise ValueError(f"{missing[0]} isn't in it")
    return found


def _read_pickle(path: str) -> dict[str, Any]:
    with find(path).open("rb") as file:
        arrays = ArraysOnly(file, encoding="latin1").load()
    whole = isinstance(arrays, list) and len(arrays) == len(NAMES)
    if not (whole and all(isinstance(part, _Array) for part in arrays)):
        raise pickle.UnpicklingError(f"it is no list of {len(NAMES)} arrays")
    return {name: part.array for name, part in zip(NAMES, arrays, strict=True)}


class _Kind:
    """Stands for numpy.dtype, whose own state could lie about memory."""

    def __init__(self, code: str, *_: Any) -> None:
        if not re.fullmatch(r"[fiu][1248]", code):
            raise pickle.UnpicklingError(f"it holds {code!r}, not numbers")
        self.code = code

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.code = state[1].strip("|") + self.code  # the byte order


class _Array:
    """Stands for numpy.ndarray as ``_reconstruct`` makes it, empty, before it gets its numbers."""

    def __init__(self, *_: Any) -> None:
        self.array = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, data = state
        data = data.encode("latin1") if isinstance(data, str) else data  # of Python 2
        self.array = np.frombuffer(data, kind.code).reshape(shape, order="F" if fortran else "C")


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes for Python 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it encodes text as {encoding!r}")
    return text.encode("latin1")


_STANDS_FOR: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("_codecs", "encode"): _encode,
}


class ArraysOnly(pickle.Unpickler):
    """Reads lists of arrays of numbers. What else a pickle names is refused, and what it may name
    is ours: no code of its choice runs.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STANDS_FOR:
            raise pickle.UnpicklingError(f"it calls {module}.{name}, which is refused")
        return _STANDS_FOR[module, name]
