"""Configuration: load YAML, merge layers, check all of it at once, explain it, dump it.

Layers are defaults < YAML files, left to right < command line. Nothing here knows which options
there are: those stand beside their owners, as pydantic models whose attribute docstrings are the
help text. Never imports torch.
"""

import difflib
import math
import types
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from textgan.errors import UserError

Tree = dict[str, Any]
M = TypeVar("M", bound=BaseModel)

MOST = 100_000
"""Values that a config file may hold."""
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
        tree = _parse(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such config file; {_known_configs()}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: can't be read ({error}); give a YAML file") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise UserError(f"{path}{line}: {problem}; mend the YAML there") from None
    except ValueError as error:  # a 13th month
        raise UserError(f"{path}: can't be taken ({error}); mend the YAML") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise UserError(f"{path}: must hold 'key: value' pairs at its top level")
    return tree


def _parse(text: str) -> Any:
    """YAML, but for what no config needs and what would overflow later: huge numbers, and trees
    that aliases of aliases, or of what they stand in, make large or endless.
    """
    try:
        tree = yaml.safe_load(text)
    except (RecursionError, LookupError, AttributeError, TypeError):  # '!!bool', '!!timestamp x'
        raise ValueError("brackets too deep, or a tag that doesn't fit its value") from None
    todo, values = [tree], 1
    while todo:
        value = todo.pop()
        if isinstance(value, int) and value.bit_length() > 64:
            raise ValueError("a number of more than 64 bits")
        if isinstance(value, dict | list):
            below = value.values() if isinstance(value, dict) else value
            values += len(below)
            if values > MOST:
                raise ValueError(f"more than {MOST:,} values; use fewer aliases")
            todo += below
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
            if not rest or rest[0].startswith("--"):
                raise UserError(f"--{key}: needs a value, as in --{key} VALUE")
            value = rest.pop(0)
        try:
            leaf = _parse(value)
        except (yaml.YAMLError, ValueError):
            leaf = value
        *path, last = key.split(".")
        merge(tree, reduce(lambda below, name: {name: below}, reversed(path), {last: leaf}))
    return files, tree


def merge(under: Tree, over: Tree) -> Tree:
    """Lay ``over`` on ``under``, in place; another variant (``name``) drops the old one's keys."""
    for key, value in over.items():
        old = under.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            if _another(old, value):
                old.clear()
            merge(old, value)
        elif isinstance(value, dict):
            under[key] = merge({}, value)
        else:
            under[key] = value
    return under


def _another(old: Tree, new: Tree) -> bool:
    """True if a section names another variant, or a card that says where its texts are."""
    variant = "name" in old and new.get("name", old["name"]) != old["name"]
    return variant or new.get("card", old.get("card")) != old.get("card")


def check(model: type[M], tree: Tree, where: str = "") -> M:
    """The tree as an object; ``where`` it stands in the config is named in errors.

    Raises:
        UserError: everything that is wrong, one line each, in the user's own words.
    """
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        lines = [_in_words(model, tree, problem, where) for problem in error.errors()]
        raise UserError("\n".join(dict.fromkeys(lines))) from None


def _in_words(model: type[BaseModel], tree: Tree, problem: ErrorDetails, where: str) -> str:
    path = _users_path(tree, problem)
    kind, context, got = problem["type"], problem.get("ctx", {}), problem["input"]
    if isinstance(context.get("error"), UserError):
        return str(context["error"])  # in words already, and says where
    if kind == "extra_forbidden":
        *above, key = path
        section = dotted(above, where)
        hint = did_you_mean(key, known_keys(model, tree, above)) or "--list-config shows every key"
        return f"{section + ': ' if section else ''}unknown key '{key}'; {hint}"
    here = dotted(path, where)
    if kind == "union_tag_invalid":
        names = [name.strip("'") for name in context["expected_tags"].split(", ")]
        hint = did_you_mean(context["tag"], names) or f"there are {', '.join(names)}"
        return f"{here}.name: there is no '{context['tag']}'; {hint}"
    if kind == "union_tag_not_found":
        return f"{here}: has no name; say which it is, as in {here}.name NAME"
    shown = f", got {got!r}" if isinstance(got, str | int | float | bool | None) else ""
    return f"{here or 'config'}: {problem['msg'].removeprefix('Value error, ')}{shown}"


def did_you_mean(word: Any, known: Iterable[str]) -> str:
    """``did you mean 'hidden_size'?``, or nothing."""
    close = difflib.get_close_matches(str(word), known, n=1)
    return f"did you mean '{close[0]}'?" if close else ""


def _users_path(tree: Any, problem: ErrorDetails) -> list[int | str]:
    """A problem's path without the names of variants, which pydantic puts in."""
    path: list[int | str] = []
    for step in problem["loc"]:
        if step in (range(len(tree)) if isinstance(tree, list) else as_tree(tree)):
            path.append(step)
            tree = tree[step]
    return [*path, problem["loc"][-1]] if problem["type"] == "missing" else path


def as_tree(value: Any) -> Tree:
    """The value if it is a section, else an empty one."""
    return value if isinstance(value, dict) else {}


def dotted(path: Sequence[int | str], where: str = "") -> str:
    """(``pretrain``, 0, ``steps``) -> ``pretrain[0].steps``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return (where + "".join(steps)).removeprefix(".")


def known_keys(model: type[BaseModel], tree: Any, path: Sequence[int | str]) -> list[str]:
    """The keys that the section at ``path`` may have, under the variant chosen in ``tree``."""
    here = [model]
    for step in path:
        tree = tree[step]
        fields = [m.model_fields[str(step)] for m in here if str(step) in m.model_fields]
        # No field: a place in a list or a player's name, and the models stay the same.
        here = [m for field in fields for m in models_in(field.annotation)] or here
    named = [m for m in here if _name(m) == as_tree(tree).get("name")]
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
        path, kind = f"{prefix}{key}", field.annotation
        inner = [m for m in models_in(kind) if m is not model]  # a phase's phases: once is enough
        origin = get_origin(kind)
        many = "[]" if origin is list else ".<name>" if origin is dict else ""
        if many or not inner:
            meaning = " ".join((field.description or "").split())
            yield path, _type_name(kind), _default(field), meaning
        for variant in inner:
            tag = f"({_name(variant)})" if len(inner) > 1 else ""
            yield from explain(variant, f"{path}{many}{tag}.")


def value_at(tree: Tree, path: str) -> str:
    """What a tree says of a path that `explain` gave, in the words of a default, or nothing."""
    value: Any = tree
    for step in path.split("."):
        key, _, variant = step.removesuffix(")").partition("(")
        if key not in as_tree(value):
            return ""
        value = value[key]
        if variant and as_tree(value).get("name") != variant:
            return ""
    return _one_line(value)


def _default(field: FieldInfo) -> str:
    return "" if field.is_required() else _one_line(field.default)


def _one_line(value: Any) -> str:
    text: str = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=math.inf
    )
    return text.removesuffix("\n").removesuffix("...").strip()


def _type_name(annotation: Any) -> str:
    """A type as users read it: ``'line' | 'stanza'``, ``int | null``, ``list[int]``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(map(repr, arguments))
    if origin in (Union, types.UnionType):
        return " | ".join(map(_type_name, arguments))
    if origin is Annotated:
        return _type_name(arguments[0])
    if annotation in (None, types.NoneType):
        return "null"
    inside = ", ".join(map(_type_name, arguments))
    return f"{annotation.__name__}[{inside}]" if inside else str(annotation.__name__)


def dump(model: BaseModel) -> str:
    """YAML that loads back to the same object."""
    return to_yaml(model.model_dump(mode="json"))


def to_yaml(tree: Tree) -> str:
    """A tree as YAML, its keys in their order."""
    text: str = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
    return text
