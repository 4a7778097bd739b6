"""Functions of many small operations, recorded once on a CUDA device and replayed as a whole (CUDA graphs).

An operation takes a processor some 10 µs to launch, far longer than a GPU takes to do it on a few images. A replay is
one launch. Functions must be pure, without a look at values on the way, and everything they use beside their inputs
must be constant. Where derivatives other than a first gradient are asked for, the function itself runs.

``METAMERIC_CUDA_GRAPHS=0`` in the environment turns all of it off.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode

from metameric._core.functions import Function, are_plain, stepwise_gradient
from metameric._core.verbatim import as_written

ENABLED = os.environ.get("METAMERIC_CUDA_GRAPHS", "1") != "0"
LARGEST, LARGEST_WITH_GRADIENT = 2**27, 2**24
"""Bytes of the inputs up to which launching takes longer than computing; gradients compute the values once more."""
CALLS_BEFORE = 4
"""A recording costs as much as some dozen calls: what is called a few times only is not worth it."""
KEPT = 6
"""Recordings of one function that are kept: batches shrink as their problems end, one after the other."""

FORGOTTEN_AFTER = 1000
"""Different kinds of calls that are counted; a model that changes all the time would fill the memory with them."""

Apply = Callable[..., Any]
Function_ = Callable[..., list[Tensor]]
F = TypeVar("F", bound=Apply)
_busy = threading.local()
_pools: dict[int, Any] = {}
_lock = threading.RLock()


class _Seen(TorchDispatchMode):
    """Notes the memory of all tensors that operations take in."""

    def __init__(self) -> None:
        super().__init__()
        self.storages: dict[int, StorageWeakRef] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # To keep the compiler away from here, PyTorch would import all of it, which takes seconds.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for value in _pytree.tree_leaves((args, kwargs)):
            if isinstance(value, Tensor):
                storage = value.untyped_storage()
                self.storages.setdefault(storage._cdata, StorageWeakRef(storage))
        return func(*args, **(kwargs or {}))

    def living(self) -> list[Any]:
        """Return, held, what is still there when the function has ended: the constants that it uses."""
        pointers = [ref.cdata for ref in self.storages.values() if not ref.expired()]
        return [torch.UntypedStorage._new_with_weak_ptr(pointer) for pointer in pointers]


class Recording:
    """A function of tensors of given shapes, as a graph with inputs and outputs in places of their own."""

    def __init__(self, function: Function_, inputs: Sequence[Tensor]) -> None:
        self.inputs = [x.detach().clone(memory_format=torch.contiguous_format) for x in inputs]
        pool = _pools.setdefault(_stream(), torch.cuda.graph_pool_handle())
        with _Seen() as seen:
            function(*self.inputs)
        self.held = seen.living()
        self.graph = torch.cuda.CUDAGraph()
        before = torch.cuda.current_stream()
        try:
            # What one graph leaves in the pool is read before another one runs.
            with torch.cuda.graph(self.graph, pool=pool, capture_error_mode="thread_local"):
                self.outputs = function(*self.inputs)
        except BaseException:
            # A recording that fails may not find its way back to the stream it came from.
            torch.cuda.set_stream(before)
            raise

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Return new tensors with the function's values."""
        with _lock:
            for place, x in zip(self.inputs, inputs, strict=True):
                place.copy_(x)
            self.graph.replay()
            return [out.clone() for out in self.outputs]


class _Recorded:
    """A function's values and its gradients, by which inputs need one; gradients compute the values anew."""

    def __init__(self, function: Apply, inputs: Sequence[Tensor]) -> None:
        self.structure: Any = None
        self.is_tensor = False
        self.values = Recording(lambda *xs: self._values(function, xs), inputs)
        self.gradients: dict[tuple[bool, ...], Recording] = {}

    def _values(self, function: Apply, inputs: Sequence[Tensor]) -> list[Tensor]:
        found = function(*inputs)
        self.is_tensor = isinstance(found, Tensor)
        leaves, self.structure = _pytree.tree_flatten(found)
        return cast(list[Tensor], leaves)

    def prepare(self, function: Apply, inputs: Sequence[Tensor], needed: tuple[bool, ...]) -> None:
        """Record the gradient of some of the inputs."""

        def gradient(*tensors: Tensor) -> list[Tensor]:
            xs, given = tensors[: len(inputs)], tensors[len(inputs) :]
            own = [x.detach().requires_grad_(need) for x, need in zip(xs, needed, strict=True)]
            with torch.enable_grad():
                found = torch.autograd.grad(
                    self._values(function, own), [x for x in own if x.requires_grad], given, materialize_grads=True
                )
            return list(found)

        outputs = [torch.zeros_like(out) for out in self.values.outputs]
        self.gradients[needed] = Recording(gradient, [*inputs, *outputs])


class Replays:
    """The recordings of one function, by its further arguments and by shapes, made when they have proved worth it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, _Recorded] = OrderedDict()
        self._calls: dict[Hashable, int] = {}
        # Why the last one could not be recorded.
        self.failure: RuntimeError | None = None

    def __reduce__(self) -> tuple[type["Replays"], tuple[()]]:
        # Copies begin anew.
        return Replays, ()

    def __len__(self) -> int:
        """Return how many recordings there are."""
        return len(self._kept)

    def find(self, key: Hashable, function: Apply, inputs: Sequence[Tensor]) -> _Recorded | None:
        """Return what there is for inputs like these; record it where it has been asked for often enough."""
        needed = tuple(torch.is_grad_enabled() and x.requires_grad for x in inputs)
        with _lock:
            kept = self._kept.get(key)
            if kept is None:
                if len(self._calls) > FORGOTTEN_AFTER:
                    self._calls.clear()
                calls = self._calls[key] = self._calls.get(key, 0) + 1
                if calls <= CALLS_BEFORE:
                    return None
            if kept is None and not _has_room(inputs):
                return None
            try:
                with torch.no_grad(), _alone():
                    kept = kept or _Recorded(function, inputs)
                    if any(needed) and needed not in kept.gradients:
                        kept.prepare(function, inputs, needed)
            except RuntimeError as error:
                # What looks at values on its way, for instance, cannot be recorded: it runs as it is from now on.
                self._calls[key], self.failure = -(10**9), error
                self._kept.pop(key, None)
                return None
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._calls.pop(self._kept.popitem(last=False)[0], None)
            return kept


class _Replayed(Function):
    """A recorded function; derivatives other than a first gradient are those of the function itself."""

    @staticmethod
    def forward(ctx: Any, recorded: _Recorded, function: Apply, *inputs: Tensor) -> tuple[Tensor, ...]:
        ctx.recorded, ctx.function = recorded, function
        ctx.save_for_backward(*inputs)
        return tuple(recorded.values(inputs))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, needed = ctx.saved_tensors, ctx.needs_input_grad[2:]
        given = [g.resolve_conj().resolve_neg() if g.is_complex() else g for g in gradients]
        if torch.is_grad_enabled() or not are_plain(*given):

            def combined(*xs: Tensor) -> Tensor:
                outputs = _pytree.tree_leaves(ctx.function(*xs))
                pairs = zip(outputs, given, strict=True)
                products = ((out * g.conj()).real if out.is_complex() else out * g for out, g in pairs)
                return cast(Tensor, sum(p.sum() for p in products))

            with _alone():
                found = stepwise_gradient(combined, inputs, needed, given[0].real.new_ones(()))
            return None, None, *found
        found = iter(ctx.recorded.gradients[needed]([*inputs, *given]))
        return None, None, *(next(found) if need else None for need in needed)


class _alone:
    """Inside, functions run as they are: they are part of what is being recorded, or counted, already."""

    def __enter__(self) -> None:
        self.before = getattr(_busy, "yes", False)
        _busy.yes = True

    def __exit__(self, *_: object) -> None:
        _busy.yes = self.before


@as_written
def replayed(
    replays: Replays, key: Hashable, function: Apply, inputs: Sequence[Tensor], constants: Iterable[Tensor] = ()
) -> Any:
    """Return ``function(*inputs)``, a tensor or a nest of tensors, replayed where that pays and is possible.

    `key` tells apart what else the function depends on, and `constants` are the tensors among it: where they are
    replaced or changed in place the function counts as another one.
    """
    if not pays(inputs):
        return function(*inputs)
    fixed = list(constants)
    if not are_plain(*inputs) or not all(map(_is_settled, fixed)):
        return function(*inputs)
    inputs = [x.resolve_conj().resolve_neg() if x.is_complex() else x for x in inputs]
    state = tuple([(c._version, c.data_ptr(), c.dtype) for c in fixed])
    alike = tuple((x.shape, x.dtype, x.device) for x in inputs)
    recorded = replays.find((key, state, alike, _stream()), function, inputs)
    if recorded is None:
        with _alone():
            return function(*inputs)
    leaves = _Replayed.apply(recorded, function, *inputs)
    return leaves[0] if recorded.is_tensor else _pytree.tree_unflatten(list(leaves), recorded.structure)


def _is_settled(constant: Tensor) -> bool:
    """Tell whether a tensor that a function reads is a plain one, of which no derivative can be asked for."""
    return not (
        constant.requires_grad
        or constant.is_inference()
        or torch._C._functorch.is_functorch_wrapped_tensor(constant)
        or type(constant) not in (Tensor, nn.Parameter)
    )


def _has_room(inputs: Sequence[Tensor]) -> bool:
    """Tell whether what a recording keeps to itself, perhaps a hundred times its inputs, is there to be had."""
    return 100 * sum(x.nbytes for x in inputs) <= torch.cuda.mem_get_info()[0]


def _stream() -> int:
    return torch.cuda.current_stream().cuda_stream


def pays(inputs: Sequence[Tensor]) -> bool:
    """Tell whether inputs are on a CUDA device, small but not empty, and nothing stands in the way."""
    if not inputs or not inputs[0].is_cuda or not ENABLED or getattr(_busy, "yes", False):
        return False
    here = torch.cuda.current_device()
    if any(x.get_device() != here for x in inputs):
        return False
    differentiated = torch.is_grad_enabled() and any(x.requires_grad for x in inputs)
    small = 0 < sum(x.nbytes for x in inputs) <= (LARGEST_WITH_GRADIENT if differentiated else LARGEST)
    return small and not (
        torch.compiler.is_compiling()
        or torch.cuda.is_current_stream_capturing()
        or torch.is_autocast_enabled()
        or torch.is_inference_mode_enabled()
        or torch.is_anomaly_enabled()
        or _get_current_dispatch_mode() is not None
    )


_of_modules: WeakKeyDictionary[nn.Module, dict[str, Replays]] = WeakKeyDictionary()


def replayable(method: F) -> F:
    """Have a module's method of one tensor, and of further hashable arguments, replayed where that pays."""

    @wraps(method)
    @as_written
    def run(self: nn.Module, x: Tensor, *arguments: Any, **options: Any) -> Any:
        if not (isinstance(x, Tensor) and pays([x])):
            return method(self, x, *arguments, **options)
        parts = list(self.modules())
        key = _frozen((arguments, options)) if arguments or options else ()
        if key is None or any(map(_is_watched, parts[1:])):
            return method(self, x, *arguments, **options)
        replays = _of_modules.setdefault(self, {}).setdefault(method.__qualname__, Replays())
        held = [t for part in parts for kept in (part._parameters, part._buffers) for t in kept.values()]
        constants = [t for t in held if t is not None]
        key = key, tuple([_settings(part) for part in parts])
        return replayed(replays, key, lambda x: method(self, x, *arguments, **options), [x], constants)

    return cast(F, run)


def _is_watched(module: nn.Module) -> bool:
    """Tell whether somebody wants to know of each call."""
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


def _settings(module: nn.Module) -> tuple[Hashable, ...]:
    """Return the public attributes of a module that may change what it computes: numbers, names, functions."""
    return tuple([(name, _identity(value)) for name, value in vars(module).items() if name[0] != "_"])


def _identity(value: Any) -> Hashable:
    try:
        hash(value)
    except TypeError:
        return id(value)
    return cast(Hashable, value)


def _frozen(value: Any) -> Hashable | None:
    """Return something hashable that tells arguments apart, if there is such."""
    leaves, structure = _pytree.tree_flatten(value)
    key = (tuple(leaves), repr(structure))
    try:
        hash(key)
    except TypeError:
        return None
    return None if any(isinstance(leaf, Tensor) for leaf in leaves) else key
