"""Configuration: load YAML, merge layers, check all of it at once, explain it, dump it.

Layers are defaults < YAML files, left to right < command line. Nothing here knows which options
there are: those stand beside their owners, as pydantic models whose attribute docstrings are the
help text. Never imports torch.
"""

import difflib
import types
from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from textgan.errors import UserError

Tree = dict[str, Any]
M = TypeVar("M", bound=BaseModel)

SHIPPED = (Path(__file__).parent, Path(__file__).parent.parent)
"""Where configs/ and corpora/ lie: in the installed package, or in the checkout around it."""


def one_of(*options: type[BaseModel]) -> Any:
    """The type of a section whose ``name`` chooses among several models."""
    if len(options) == 1:
        return options[0]
    return Annotated[reduce(lambda a, b: Union[a, b], options), Field(discriminator="name")]  # type: ignore[arg-type, return-value]  # noqa: UP007


def find(path: str) -> Path:
    """A file of the user's, or else of that name among the shipped ones (``configs/tiny.yaml``)."""
    for base in (Path(), *SHIPPED):
        if (base / path).exists():
            return base / path
    return Path(path)


def read_yaml(path: str) -> Tree:
    """One config file as a tree.

    Raises:
        UserError: there is no such file, or it isn't YAML with keys at its top level.
    """
    place = find(path)
    try:
        tree = yaml.safe_load(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file; {_known_configs()}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read ({error}); give a YAML file") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise UserError(f"{path}{line}: {problem}; mend the YAML there") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise UserError(f"{path}: must hold 'key: value' pairs at its top level")
    return tree


def _known_configs() -> str:
    names = {str(p.relative_to(base)) for base in SHIPPED for p in base.glob("configs/**/*.yaml")}
    return "shipped ones: " + ", ".join(sorted(names))


def parse_overrides(arguments: Sequence[str]) -> tuple[list[str], Tree]:
    """``FILE... --any.dotted.key value --other=value`` -> files, tree of values (YAML scalars).

    Raises:
        UserError: a key without a value.
    """
    files: list[str] = []
    tree: Tree = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            files.append(word)
            continue
        key, equals, value = word[2:].partition("=")
        if not equals:
            if not rest:
                raise UserError(f"--{key}: needs a value, as in --{key} VALUE")
            value = rest.pop(0)
        try:
            leaf = yaml.safe_load(value)
        except yaml.YAMLError:
            leaf = value
        *path, last = key.split(".")
        merge(tree, reduce(lambda below, name: {name: below}, reversed(path), {last: leaf}))
    return files, tree


def merge(under: Tree, over: Tree) -> Tree:
    """Lay ``over`` on ``under``, in place; another variant (``name``) drops the old one's keys."""
    for key, value in over.items():
        old = under.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            if "name" in value and "name" in old and value["name"] != old["name"]:
                old.clear()
            merge(old, value)
        elif isinstance(value, dict):
            under[key] = merge({}, value)
        else:
            under[key] = value
    return under


def check(model: type[M], tree: Tree) -> M:
    """The tree as an object.

    Raises:
        UserError: everything that is wrong, one line each, in the user's own words.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        lines = [_in_words(model, tree, problem) for problem in error.errors()]
        raise UserError("\n".join(dict.fromkeys(lines))) from None


def _in_words(model: type[BaseModel], tree: Tree, problem: ErrorDetails) -> str:
    path = _without_tags(tree, problem["loc"])
    if problem["type"] == "extra_forbidden":
        *above, key = path
        close = difflib.get_close_matches(str(key), known_keys(model, tree, above), n=1)
        hint = f"; did you mean '{close[0]}'?" if close else "; --list-config shows every key"
        where = f"{dotted(above)}: " if above else ""
        return f"{where}unknown key '{key}'{hint}"
    if problem["type"] == "union_tag_invalid":
        names = (problem.get("ctx") or {}).get("expected_tags", "")
        tag = (problem.get("ctx") or {}).get("tag", "")
        return f"{dotted([*path, 'name'])}: '{tag}' is not one of {names}"
    message = problem["msg"].removeprefix("Value error, ")
    got = problem["input"]
    shown = f", got {got!r}" if isinstance(got, str | int | float | bool | None) else ""
    return f"{dotted(path) or 'config'}: {message}{shown}"


def _without_tags(tree: Any, loc: Sequence[int | str]) -> list[int | str]:
    """pydantic puts a variant's name and a union's member into the path; users don't."""
    path: list[int | str] = []
    for i, step in enumerate(loc):
        inside = isinstance(tree, dict) and step in tree
        if inside or isinstance(step, int):
            path.append(step)
            tree = tree[step] if inside or isinstance(tree, list) else None
        elif i == len(loc) - 1 and not (isinstance(tree, dict) and tree.get("name") == step):
            path.append(step)
    return path


def dotted(path: Sequence[int | str]) -> str:
    """(``pretrain``, 0, ``steps``) -> ``pretrain[0].steps``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def known_keys(model: type[BaseModel], tree: Any, path: Sequence[int | str]) -> list[str]:
    """The keys that the section at ``path`` may have, under the variant chosen in ``tree``."""
    here = [model]
    for step in path:
        tree = tree[step] if isinstance(tree, dict | list) else None
        if isinstance(step, str):
            fields = [m.model_fields[step] for m in here if step in m.model_fields]
            here = [m for field in fields for m in models_in(field.annotation)]
    named = [m for m in here if isinstance(tree, dict) and _name(m) == tree.get("name")]
    return [key for m in named or here for key in m.model_fields]


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The pydantic models that a field's type mentions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models_in(part)]


def _name(model: type[BaseModel]) -> Any:
    return model.model_fields["name"].default if "name" in model.model_fields else None


def explain(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Every key: its dotted path, type, default and meaning."""
    for key, field in model.model_fields.items():
        inner = models_in(field.annotation)
        path = f"{prefix}{key}"
        if inner and inner != [model] and model not in inner:
            lists = get_origin(field.annotation) is list
            maps = get_origin(field.annotation) is dict
            if lists or maps:
                yield path, "list" if lists else "map", "", (field.description or "").strip()
            step = "[]" if lists else ".<player>" if maps else ""
            for variant in inner:
                name = _name(variant)
                tag = f"({name})" if len(inner) > 1 and name else ""
                yield from explain(variant, f"{path}{step}{tag}.")
        else:
            default = field.get_default(call_default_factory=True)  # type: ignore[call-arg]
            shown = "" if field.is_required() else yaml.safe_dump(default, default_flow_style=True)
            shown = shown.removesuffix("\n").removesuffix("...").strip()
            meaning = " ".join((field.description or "").split())
            yield path, _type_name(field.annotation), shown, meaning


def _type_name(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return " | ".join(_type_name(a) for a in arguments)
    if origin is not None and not isinstance(origin, type):
        return " | ".join(repr(a) if isinstance(a, str) else str(a) for a in arguments)  # Literal
    if annotation is type(None):
        return "null"
    if origin is Annotated:
        return _type_name(arguments[0])
    return str(annotation) if origin else getattr(annotation, "__name__", str(annotation))


def dump(model: BaseModel) -> str:
    """YAML that loads back to the same object."""
    return yaml.safe_dump(model.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
