"""Watching the layers of a network while it runs, and stopping once the last one wanted has answered."""

import copy
import difflib
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from metameric._core.errors import InputError, InputTypeError, ModelError, NearestNameError
from metameric._core.modules import remove_grad


class _DeepestReached(Exception):
    """Ends a forward pass from within."""


class _Turn:
    """A lock; copies and pickles of its owner have one of their own."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def __reduce__(self) -> tuple[type["_Turn"], tuple[()]]:
        return _Turn, ()


class LayerExtractor(nn.Module):
    """A frozen copy of a network that returns chosen layers' outputs and runs no further than the deepest of them.

    `return_nodes` maps the names of layers to the keys of the result. A layer called more than once gives its first
    output; `name_1` is its second, `name_2` its third (torchvision's names for these).
    """

    def __init__(self, model: nn.Module, return_nodes: Mapping[str, str]) -> None:
        super().__init__()
        self.model = remove_grad(copy.deepcopy(model)).eval()
        for module in self.model.modules():
            # An operation in place would overwrite the output of the layer before it.
            if getattr(module, "inplace", False) is True:
                module.inplace = False  # type: ignore[assignment]
        modules = dict(self.model.named_modules())
        self.wanted = {_locate(name, modules): key for name, key in return_nodes.items()}
        # Layers tell all who watch: one call watches at a time, whichever thread it comes from.
        self._turn = _Turn()

    def train(self, mode: bool = True) -> "LayerExtractor":
        """Stay in evaluation mode whatever is asked for: dropout and batch statistics make a model random."""
        return super().train(False)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return the outputs by key, in the order in which the network computes them."""
        with self._turn.lock:
            return self._watched(x)

    def _watched(self, x: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        calls: Counter[str] = Counter()
        handles = []
        try:
            for name in {name for name, _ in self.wanted}:
                hook = self._hook(name, calls, found)
                handles.append(self.model.get_submodule(name).register_forward_hook(hook))
            self.model(x)
        except _DeepestReached:
            return found
        finally:
            for handle in handles:
                handle.remove()
        missing = [
            name if call == 0 else f"{name}_{call}"
            for name, call in self.wanted
            if self.wanted[name, call] not in found
        ]
        raise ModelError(
            f"the network finished without calling {missing}; expected layers that its forward pass runs "
            "(their `forward` may be called by another name, or not for this input)."
        )

    def _hook(self, name: str, calls: Counter[str], found: dict[str, Tensor]) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            key = self.wanted.get((name, calls[name]))
            calls[name] += 1
            if key is None:
                return
            if not isinstance(output, Tensor):
                raise ModelError(
                    f"layer {name!r} returns a {type(output).__name__}; expected a layer that returns a tensor."
                )
            if len(found) + 1 == len(self.wanted):
                found[key] = output
                raise _DeepestReached
            # What follows may work in place on the output.
            found[key] = output.clone()

        return hook


def named_nodes(return_nodes: str | Sequence[str] | Mapping[str, str]) -> dict[str, str]:
    """Bring the ways of naming layers into one: name of the layer to key of the result."""
    if isinstance(return_nodes, str):
        return_nodes = [return_nodes]
    pairs = dict(return_nodes) if isinstance(return_nodes, Mapping) else {name: name for name in return_nodes}
    if not pairs or not all(isinstance(name, str) for name in (*pairs, *pairs.values())):
        raise InputTypeError(
            f"return_nodes is {return_nodes!r}; expected a layer's name, several, or a dict of names to keys."
        )
    if len(set(pairs.values())) < len(pairs):
        raise InputError(f"return_nodes gives one key to several layers: {pairs}; expected different keys.")
    return pairs


def _locate(name: str, modules: Mapping[str, nn.Module]) -> tuple[str, int]:
    """Return the module and which of its calls a name stands for."""
    if name in modules and name:
        return name, 0
    stem, _, count = name.rpartition("_")
    if stem in modules and stem and count.isdigit():
        return stem, int(count)
    known = [n for n in modules if n]
    near = difflib.get_close_matches(name, known, n=6, cutoff=0.4) or known[:6]
    raise NearestNameError(
        f"the network has no layer named {name!r}; expected one of its {len(known)} modules, for example "
        f"{', '.join(map(repr, near))}. `dict(model.named_modules())` lists them all."
    )
