"""Filtering with sums of separable kernels, such as differences of Gaussians: one axis after the other.

All sums are of the products themselves. Where an image is zero the result is zero, and where image and kernel are
positive the result is, which Fourier transforms do not give.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from metameric._core.functions import Function
from metameric._core.linear import Map, linear_map, linear_map_to_several
from metameric._core.types import Images
from metameric._core.verbatim import as_written
from metameric.process._banded import (
    BLOCK,
    Profile,
    Strip,
    block_width,
    is_filtered_by_strips,
    line,
    strip,
    whole_blocks,
)
from metameric.process._convolution import Filtered, Size
from metameric.process._padding import same_pads

# Image sizes whose matrices are kept.
KEPT_SIZES = 8
# Microseconds on one CPU core in single precision, in which `convolve` by Fourier transforms costs CALL_COST and
# TRANSFORM_COST for each sample of each channel; here each pair of profiles costs LOOP_COST per image and PRODUCT_COST
# for each pixel and sample that a block meets.
CALL_COST, TRANSFORM_COST, LOOP_COST, PRODUCT_COST = 40, 2.2e-3, 20, 3e-5

# Held while one of several threads changes what is kept.
_lock = threading.Lock()

Pair = tuple[Profile, Profile]
Parts = tuple[tuple[int, float], ...]


class Terms(NamedTuple):
    """Kernels as weighted sums of outer products: for each kernel and term a weight and two profiles."""

    weights: Float[Tensor, "kernel term"]
    down: Float[Tensor, "kernel term height"]
    along: Float[Tensor, "kernel term width"]

    @as_written
    def kernels(self) -> Float[Tensor, "kernel 1 height width"]:
        """Add up the terms."""
        return torch.einsum("kt,kth,ktw->khw", self.weights, self.down, self.along).unsqueeze(1)


class SeparableBank:
    """A bank of constant kernels that are sums of separable terms; `dtype` is that of the images to come."""

    def __init__(self, terms: Terms, dtype: torch.dtype) -> None:
        self.kernel_size = (terms.down.shape[-1], terms.along.shape[-1])
        self.n_kernels = terms.weights.shape[0]
        self.dtype = dtype
        self._uses = _distinct(terms, torch.finfo(dtype).eps)
        self._matrices: OrderedDict[tuple[Size, str], tuple[_Matrices, _Matrices]] = OrderedDict()

    def pays(self, image: Images, pad_mode: str) -> bool:
        """Tell whether this is possible, and likely to be cheaper than `convolve`, for images (..., channel, h, w)."""
        if pad_mode == "circular" or not is_filtered_by_strips(image):
            return False
        *lead, n_channels, height, width = image.shape
        n_images = math.prod(lead)
        routes = self._routes(shared=n_channels == 1)
        met = sum(block_width(n, p) for r in routes for n, p in zip((height, width), r.pair, strict=True))
        padded = (height + self.kernel_size[0]) * (width + self.kernel_size[1])
        separable = n_images * (len(routes) * LOOP_COST + met * height * width * PRODUCT_COST)
        return separable < CALL_COST + n_images * (n_channels + self.n_kernels) * padded * TRANSFORM_COST

    def __call__(self, image: Images, pad_mode: str) -> Filtered:
        """Filter images at their own size; channels and kernels are matched as by `convolve`."""
        if self.n_kernels == 1:
            return self.split(image.unsqueeze(-3), pad_mode, [1])[0].squeeze(-3)
        return self.split(image, pad_mode, [self.n_kernels])[0]

    def root_mean_square(self, image: Images, pad_mode: str) -> Images:
        """Return the root of the filtered square of images, of each channel by the kernel of its own.

        Kernels must be positive. Where an image is zero all around, so is the root, and its gradient.
        """
        there, back = self._at((image.shape[-2], image.shape[-1]), pad_mode)
        routes = self._routes(shared=False)
        turned = [route.turned() for route in routes]
        n = (self.n_kernels,)
        return _RootMeanSquare.apply(
            image, lambda x: there.filter((x,), routes, n)[0], lambda y: back.filter((y,), turned, n)[0]
        )

    def split(self, image: Images, pad_mode: str, groups: Sequence[int]) -> tuple[Filtered, ...]:
        """Filter images (..., 1 or as many as kernels, height, width); the results come in groups of channels."""
        n_channels = image.shape[-3]
        there, back = self._at((image.shape[-2], image.shape[-1]), pad_mode)
        routes = self._routes(shared=n_channels == 1)
        turned = [route.turned() for route in routes]
        return linear_map_to_several(
            image,
            lambda x: there.filter((x,), routes, groups),
            lambda *ys: back.filter(ys, turned, (n_channels,))[0],
        )

    def _routes(self, shared: bool) -> list["_Route"]:
        """From the one channel to all kernels that use a pair, or from each channel to the kernel of its own."""
        if shared:
            return [_Route(((0, 1.0),), pair, tuple(parts)) for pair, parts in self._uses.items()]
        return [
            _Route(((kernel, 1.0),), pair, ((kernel, weight),))
            for pair, parts in self._uses.items()
            for kernel, weight in parts
        ]

    def _at(self, size: Size, pad_mode: str) -> tuple["_Matrices", "_Matrices"]:
        """Return the matrices for images of one size, and their transposes."""
        key = size, pad_mode
        found = self._matrices.get(key)
        if found is None:
            same_pads(size, self.kernel_size, pad_mode)
            found = self._make(size, pad_mode, False), self._make(size, pad_mode, True)
        with _lock:
            self._matrices[key] = found
            self._matrices.move_to_end(key)
            if len(self._matrices) > KEPT_SIZES:
                self._matrices.popitem(last=False)
        return found

    def _make(self, size: Size, pad_mode: str, transposed: bool) -> "_Matrices":
        def of(n: int, profile: Profile) -> Strip:
            return strip(n, profile, pad_mode, transposed, self.dtype)

        strips = {pair: (of(size[0], pair[0]), of(size[1], pair[1])) for pair in self._uses}
        return _Matrices(size, BLOCK + max(profile.reach for pair in self._uses for profile in pair), strips)


def _distinct(terms: Terms, eps: float) -> dict[Pair, list[tuple[int, float]]]:
    """Find the distinct pairs of profiles (down, along), and which kernels use each with what weight."""
    uses: dict[Pair, list[tuple[int, float]]] = {}
    for kernel, parts in enumerate(zip(*(t.tolist() for t in terms), strict=True)):
        for weight, down, along in zip(*parts, strict=True):
            if weight:
                pair = Profile.trimmed(down, eps), Profile.trimmed(along, eps)
                uses.setdefault(pair, []).append((kernel, weight))
    return uses


class _RootMeanSquare(Function):
    """With r = sqrt(F x^2), of a linear F, r dr = F (x dx): the factors of square and root cancel."""

    @staticmethod
    def forward(x: Tensor, apply: Map, adjoint: Map) -> Tensor:
        square = apply(x * x)
        return square.clamp(min=torch.finfo(x.dtype).tiny).sqrt_()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Map, Map], output: Tensor) -> None:
        x, ctx.map, ctx.adjoint = inputs
        ctx.save_for_backward(x, output)
        ctx.save_for_forward(x, output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        x, root = ctx.saved_tensors
        return x * linear_map(_divide(gradient, root), ctx.adjoint, ctx.map), None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: None) -> Tensor:
        x, root = ctx.saved_tensors
        return _divide(linear_map(x * tangent, ctx.map, ctx.adjoint), root)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int, None, None], x: Tensor, apply: Map, adjoint: Map) -> tuple[Tensor, int]:
        return _RootMeanSquare.apply(x.movedim(in_dims[0], 0), apply, adjoint), 0


def _divide(gradient: Tensor, root: Tensor) -> Tensor:
    """Divide by a root; where that is as small as it gets, its slope counts as zero."""
    least = torch.finfo(root.dtype).tiny ** 0.5
    return torch.ops.aten.threshold_backward(gradient / root, root, 1.001 * least)


class _Route(NamedTuple):
    """Weighted planes are summed, filtered by one pair of profiles, and added to planes with weights."""

    sources: Parts
    pair: Pair
    targets: Parts

    def turned(self) -> "_Route":
        return _Route(self.targets, self.pair, self.sources)


class _Matrices(NamedTuple):
    """Of each pair of profiles the strips down columns and along rows of images of one size."""

    size: Size
    margin: int
    strips: dict[Pair, tuple[Strip, Strip]]

    def filter(self, xs: Sequence[Tensor], routes: Sequence[_Route], groups: Sequence[int]) -> tuple[Tensor, ...]:
        """Filter the channels of all `xs`, each (..., channel, height, width), into groups of channels."""
        height, width = self.size
        lead = xs[0].shape[:-3]
        planes = [x.reshape(-1, *x.shape[-3:]) for x in xs]
        outs = [xs[0].new_empty(len(planes[0]), n, whole_blocks(height), width) for n in groups]
        lines = [line(xs[0], n, self.margin) for n in (height * width, height * whole_blocks(width))]
        for image in range(len(planes[0])):
            sources, results = ([c for part in parts for c in part[image].unbind()] for parts in (planes, outs))
            self._filter_one(sources, results, routes, *lines)
        return tuple(out[..., :height, :].reshape(*lead, *out.shape[1:2], height, width) for out in outs)

    def _filter_one(
        self,
        sources: Sequence[Tensor],
        results: Sequence[Tensor],
        routes: Sequence[_Route],
        given: Tensor,
        half: Tensor,
    ) -> None:
        m, (height, width) = self.margin, self.size
        source, turned = given[m:-m].view(height, width), half[m:-m].view(-1, height)
        loaded: Parts = ()
        reached: set[int] = set()
        for route in routes:
            down, along = self.strips[route.pair]
            weight = route.sources[0][1]
            relative = tuple((plane, w / weight) for plane, w in route.sources)
            if relative != loaded:
                _mix(sources, relative, source)
                loaded = relative
            along.add_product(given, m, width, turned, weight, fresh=True)
            if len(route.targets) == 1:
                ((plane, weight),) = route.targets
                down.add_product(half, m, height, results[plane], weight, fresh=plane not in reached)
            else:
                product = torch.empty_like(results[0])
                down.add_product(half, m, height, product, 1.0, fresh=True)
                for plane, weight in route.targets:
                    if plane in reached:
                        results[plane].add_(product, alpha=weight)
                    else:
                        torch.mul(product, weight, out=results[plane])
            reached.update(plane for plane, _ in route.targets)


def _mix(planes: Sequence[Tensor], parts: Parts, out: Tensor) -> None:
    (first, _), *others = parts
    out.copy_(planes[first])
    for plane, weight in others:
        out.add_(planes[plane], alpha=weight)
