"""Nested state (dicts, lists, tensors, numbers) as flat tensors and JSON, and back.

safetensors and JSON hold no code, so a checkpoint can be opened without trusting it.
"""

from typing import Any

from torch import Tensor


def flatten(tree: Any, path: str = "") -> tuple[dict[str, Tensor], Any]:
    """Tensors by path, and the same tree with a ``{"tensor": path}`` where each one stood."""
    if isinstance(tree, Tensor):
        return {path: tree.detach().contiguous().cpu()}, {"tensor": path}
    if isinstance(tree, dict):
        items = [(str(key), flatten(value, f"{path}/{key}")) for key, value in tree.items()]
        tensors = {name: t for _, (found, _) in items for name, t in found.items()}
        return tensors, {"dict": [[key, rest] for key, (_, rest) in items]}
    if isinstance(tree, list | tuple):
        parts = [flatten(value, f"{path}/{i}") for i, value in enumerate(tree)]
        tensors = {name: t for found, _ in parts for name, t in found.items()}
        return tensors, {"list": [rest for _, rest in parts]}
    return {}, {"value": tree}


def unflatten(tensors: dict[str, Tensor], tree: Any) -> Any:
    """The inverse; keys that spell a whole number become ints again (optimizers count so)."""
    if "tensor" in tree:
        return tensors[tree["tensor"]].clone()
    if "dict" in tree:
        return {_key(k): unflatten(tensors, v) for k, v in tree["dict"]}
    if "list" in tree:
        return [unflatten(tensors, v) for v in tree["list"]]
    return tree["value"]


def _key(key: str) -> str | int:
    return int(key) if key.isdigit() else key
