"""textgan: train text generators adversarially, and trust the numbers."""

import sys
from collections.abc import Sequence
from importlib import import_module, util
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__version__ = "0.1.0"

_AUTO = "transformers.models.auto.modeling_auto"


class _Registration(MetaPathFinder):
    """Imports our generators, which register themselves, right behind transformers' Auto models.

    So ``import textgan`` is enough for ``AutoModelForCausalLM.from_pretrained``, before or after
    ``import transformers``, and what needs no model doesn't wait seconds for torch.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _AUTO:
            return None
        sys.meta_path.remove(self)
        spec = util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def execute_and_register(module: ModuleType) -> None:
            execute(module)
            import_module("textgan.generators")

        spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


if _AUTO in sys.modules:
    import_module("textgan.generators")
else:
    sys.meta_path.insert(0, _Registration())
