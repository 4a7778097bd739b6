"""Means of SSIM's maps in one step whose gradient is written out; what an image that stays as it is gives is kept.

With moments m, v and c in windows, l the luminance map, s the structure map and w the weight, a mean over windows has
derivatives with respect to m, v and c; back through the window they become those of the pixels.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from metameric._core.fixed import is_fixed, recall
from metameric._core.functions import Function, are_plain, stepwise_gradient
from metameric._core.replay import Replays, replayed
from metameric.process._pool import add_spread, average
from metameric.process._ssim import C1, C2, similarity_maps
from metameric.process._ssim_window import Window

STRUCTURE, BOTH, WEIGHTED = "structure", "luminance and structure", "weighted"
"""What is averaged: s, l s, or l s with weight w."""
Kinds = tuple[str, ...]
"""One for each scale."""
_replays = Replays()


def mean_similarities(img1: Tensor, img2: Tensor, kinds: Kinds, pad_mode: str | bool = False) -> Tensor:
    """Average a map over the windows of images (batch, channel, height, width) at each scale: (scale, batch, channel).

    There are as many scales as kinds, from the finest on, each half as large as the last.
    """
    if are_plain(img1, img2):
        value: Tensor = replayed(
            _replays, (kinds, pad_mode), lambda a, b: _Means.apply(a, b, kinds, pad_mode)[0], [img1, img2]
        )
        return value
    return _differentiable(img1, img2, kinds, pad_mode)


def _differentiable(img1: Tensor, img2: Tensor, kinds: Kinds, pad_mode: str | bool) -> Tensor:
    """Compute it in steps, each of which can be differentiated any number of times."""
    means = []
    for scale, kind in enumerate(kinds):
        if scale:
            img1, img2 = (F.avg_pool2d(image, 2, ceil_mode=True) for image in (img1, img2))
        means.append(_mean(img1, img2, kind, pad_mode))
    return torch.stack(means)


def _mean(img1: Tensor, img2: Tensor, kind: str, pad_mode: str | bool) -> Tensor:
    luminance, structure, weight = similarity_maps(img1, img2, weighted=kind == WEIGHTED, pad_mode=pad_mode)
    if kind == STRUCTURE:
        return structure.mean((-2, -1))
    if weight is None:
        return (luminance * structure).mean((-2, -1))
    total = weight.sum((-2, -1))
    # Without any contrast in either image all windows count the same.
    uniform = total.detach() <= 0
    weight = torch.where(uniform[..., None, None], torch.ones_like(weight), weight)
    return (luminance * structure * weight).sum((-2, -1)) / weight.sum((-2, -1))


class _Local(NamedTuple):
    """An image about its mean, and its moments in windows: the mean about the same, and the variance."""

    pixels: Tensor
    centre: Tensor
    mean: Tensor
    variance: Tensor

    @classmethod
    def of(cls, image: Tensor, window: Window) -> "_Local":
        pixels, centre = _centred(image, window)
        mean, power = window.plain_means(pixels, pixels.square())
        return cls(pixels, centre, mean, power.addcmul_(mean, mean, value=-1))

    @classmethod
    def at_scales(cls, image: Tensor, number: int, pad_mode: str | bool) -> "list[_Local]":
        scales = [image]
        for _ in range(1, number):
            scales.append(average(scales[-1]))
        return [cls.of(scale, Window.of(scale, pad_mode)) for scale in scales]


def _centred(image: Tensor, window: Window) -> tuple[Tensor, Tensor]:
    padded = window.pad(image)
    centre = padded.mean((-2, -1), keepdim=True)
    return padded - centre, centre


class _Maps:
    """The maps of two images, and the derivatives of their means."""

    def __init__(self, img1: Tensor, img2: "Tensor | _Local", kind: str, pad_mode: str | bool) -> None:
        self.kind, self.window = kind, Window.of(img1, pad_mode)
        centre1, centre2 = self._measure(img1, img2)
        # 2 c + C2 becomes the structure map.
        self.structure = self.joint.mul_(2).add_(C2).div_(self.below)
        if kind != STRUCTURE:
            self.mean1, self.mean2 = self.about1 + centre1, self.about2 + centre2
            self.bright = torch.addcmul(self.mean1.square(), self.mean2, self.mean2).add_(C1)
            self.luminance = (self.mean1 * self.mean2).mul_(2).add_(C1).div_(self.bright)

    def _measure(self, img1: Tensor, img2: "Tensor | _Local") -> tuple[Tensor, Tensor]:
        """Compute moments: `joint` is the covariance, `below` the sum of both variances and C2."""
        window = self.window
        if isinstance(img2, _Local) or self.kind == WEIGHTED:
            first = _Local.of(img1, window)
            second = img2 if isinstance(img2, _Local) else _Local.of(img2, window)
            (self.pixels1, centre1, self.about1, self.variance1) = first
            (self.pixels2, centre2, self.about2, self.variance2) = second
            (joint,) = window.plain_means(self.pixels1 * self.pixels2)
            self.below = (self.variance1 + self.variance2).add_(C2)
        else:
            (self.pixels1, centre1), (self.pixels2, centre2) = (_centred(image, window) for image in (img1, img2))
            squares = torch.addcmul(self.pixels1.square(), self.pixels2, self.pixels2)
            maps = self.pixels1, self.pixels2, squares, self.pixels1 * self.pixels2
            self.about1, self.about2, power, joint = window.plain_means(*maps)
            power.addcmul_(self.about1, self.about1, value=-1).addcmul_(self.about2, self.about2, value=-1)
            self.below = power.add_(C2)
        self.joint = joint.addcmul_(self.about1, self.about2, value=-1)
        return centre1, centre2

    def mean(self) -> Tensor:
        """Average over windows."""
        if self.kind == STRUCTURE:
            return self.structure.mean((-2, -1))
        self.both = self.luminance * self.structure
        if self.kind == BOTH:
            return self.both.mean((-2, -1))
        weight = (self.variance1 / C2).add_(1).mul_((self.variance2 / C2).add_(1)).log_()
        total = weight.sum((-2, -1), keepdim=True)
        self.uniform = total <= 0
        # Without any contrast in either image all windows count the same.
        self.weight = torch.where(self.uniform, torch.ones_like(weight), weight)
        self.total = torch.where(self.uniform, float(weight.shape[-2] * weight.shape[-1]), total)
        self.value = (self.both * self.weight).sum((-2, -1), keepdim=True) / self.total
        return self.value[..., 0, 0]

    def pull_back(self, gradient: Tensor, needed: tuple[bool, bool]) -> list[Tensor | None]:
        """Turn the gradient of the mean into that of the images which need it."""
        gradient = gradient[..., None, None]
        share = self._shares(gradient)
        structure = share if self.kind == STRUCTURE else share * self.luminance
        # Half the derivative with respect to c, and that with respect to both v without their part in the weight.
        joint = structure.div_(self.below)
        variance = (joint * self.structure).neg_()
        bright = None if self.kind == STRUCTURE else (share * self.structure).mul_(2).div_(self.bright)
        back: list[Tensor | None] = [None, None]
        (joint_pixels,) = self.window.pull_back(joint)
        for k in (0, 1):
            if needed[k]:
                mean, slope = self._slopes(k, gradient, joint, variance, bright)
                mean_pixels, slope_pixels = self.window.pull_back(mean, slope)
                own, other = (self.pixels1, self.pixels2) if k == 0 else (self.pixels2, self.pixels1)
                mean_pixels.addcmul_(own, slope_pixels, value=2).addcmul_(other, joint_pixels, value=2)
                back[k] = self.window.fold(mean_pixels)
        return back

    def _shares(self, gradient: Tensor) -> Tensor:
        """What each window counts."""
        if self.kind == WEIGHTED:
            return self.weight * (gradient / self.total)
        windows = self.structure.shape[-2] * self.structure.shape[-1]
        return (gradient / windows).expand(self.structure.shape).clone()

    def _slopes(
        self, k: int, gradient: Tensor, joint: Tensor, variance: Tensor, bright: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the derivatives with respect to the mean about the centre and the mean square of one image."""
        own, other = (self.about1, self.about2) if k == 0 else (self.about2, self.about1)
        if self.kind == WEIGHTED:
            # Of the weight, log(1 + v / C2) for each image.
            of_weight = torch.where(self.uniform, 0, gradient / self.total)
            own_variance = (self.variance1, self.variance2)[k]
            variance = (of_weight * (self.both - self.value)).div_(own_variance + C2).add_(variance)
        # v = E[x^2] - m^2 and c = E[x y] - m1 m2.
        mean = (own * variance).addcmul_(other, joint).mul_(-2)
        if bright is not None:
            own, other = (self.mean1, self.mean2) if k == 0 else (self.mean2, self.mean1)
            mean.addcmul_(bright, torch.addcmul(other, own, self.luminance, value=-1))
        return mean, variance


class _Means(Function):
    """`mean_similarities` with a gradient in few operations; gradients of that are left to `_differentiable`."""

    @staticmethod
    def forward(img1: Tensor, img2: Tensor, kinds: Kinds, pad_mode: str | bool) -> tuple[Any, ...]:
        scales = []
        known: list[_Local] | None = None
        if is_fixed(img2):
            key = "ssim", len(kinds), pad_mode
            known = recall(img2, key, lambda image: _Local.at_scales(image, len(kinds), pad_mode))
        for scale, kind in enumerate(kinds):
            if scale:
                img1, img2 = average(img1), img2 if known else average(img2)
            scales.append(_Maps(img1, known[scale] if known else img2, kind, pad_mode))
        return torch.stack([maps.mean() for maps in scales]), scales

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        img1, img2, ctx.kinds, ctx.pad_mode = inputs
        ctx.save_for_backward(img1, img2)
        ctx.scales = output[1] if img1.requires_grad or img2.requires_grad else None

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: None) -> tuple[Tensor | None, ...]:
        images, needed = ctx.saved_tensors, ctx.needs_input_grad[:2]
        if torch.is_grad_enabled() or not are_plain(gradient):
            back = stepwise_gradient(
                lambda a, b: _differentiable(a, b, ctx.kinds, ctx.pad_mode), images, needed, gradient
            )
            return (*back, None, None)
        coarser: list[Tensor | None] = [None, None]
        for maps, own in zip(reversed(ctx.scales), reversed(gradient.unbind()), strict=True):
            finer = maps.pull_back(own, needed)
            for total, added in zip(finer, coarser, strict=True):
                if total is not None and added is not None:
                    add_spread(added, total)
            coarser = finer
        return (*coarser, None, None)
