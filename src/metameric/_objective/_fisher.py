"""Fisher information of a model at a stimulus, as an operator that is never written out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse.linalg import LinearOperator
from torch import Tensor

from metameric._core.errors import InputError
from metameric._core.tensors import dot
from metameric._core.types import Batch
from metameric._objective._jacobian import Jacobian
from metameric._objective._noise import ResponseNoise, as_noise

# Elements of stimuli below which running several vectors as one batch saves more overhead than it costs in cache.
_SMALL = 2**15
_LARGEST_DENSE = 2**28


class FisherInformation:
    """Fisher information ``F = J' C^-1 J`` of a model at a stimulus.

    Parameters
    ----------
    model
        Callable from (batch, ...) to a tensor, real or complex, or to several. Batch entries must not interact.
    image
        Stimuli, (batch, ...). Each has its own F, with as many rows as it has elements.
    noise
        Covariance C of the response: None for white noise of variance 1, a variance, ``"poisson"`` for a variance
        equal to the mean, or a `ResponseNoise`.
    mode
        ``"auto"``, ``"reverse"`` or ``"forward"``, see `Jacobian`.
    vectors_at_once
        How many vectors to run as one batch. Memory grows with it. By default as many as pay off.

    Raises
    ------
    ValueError
        If the noise does not suit the response, or the model's derivatives are inconsistent.

    Notes
    -----
    For a small distortion v the model's discriminability is ``d' = sqrt(v' F v)`` (Berardino et al. 2017).

    Examples
    --------
    >>> import torch, metameric as mm
    >>> fisher = mm.FisherInformation(lambda x: 3 * x, torch.rand(1, 1, 4, 4))
    >>> fisher.information(torch.ones(1, 1, 4, 4))
    tensor([144.])
    """

    def __init__(
        self,
        model: Callable[..., Any],
        image: Batch,
        noise: ResponseNoise | float | Tensor | str | None = None,
        *,
        mode: str = "auto",
        vectors_at_once: int | None = None,
    ) -> None:
        self.model, self.image = model, image.detach()
        self.noise = as_noise(noise)
        self._jacobian = Jacobian(model, image, mode)
        self._wide: dict[int, Jacobian] = {}
        self.noise.whiten(torch.zeros_like(self._jacobian.response), self._jacobian.response)
        if vectors_at_once is None:
            few = 1 if image.device.type == "cpu" else 4
            vectors_at_once = max(few, min(64, _SMALL // max(1, image.numel())))
        self.vectors_at_once = vectors_at_once

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of F, of every stimulus."""
        return self.image[0].numel(), self.image[0].numel()

    @property
    def dtype(self) -> torch.dtype:
        """Precision."""
        return self.image.dtype

    @property
    def response_size(self) -> int:
        """Number of real responses to each stimulus; F has at most this rank."""
        return self._jacobian.response.shape[1]

    @property
    def linearised(self) -> Jacobian:
        """The products with J and its adjoint of which F is made."""
        return self._jacobian

    def matvec(self, distortion: Tensor) -> Tensor:
        """Return F v for distortions of the image's shape (batch, ...), or for several of each, (k, batch, ...)."""
        if distortion.shape == self.image.shape:
            return self._apply(self._jacobian, distortion)
        if distortion.shape[1:] != self.image.shape:
            raise InputError(
                f"distortion has shape {tuple(distortion.shape)}; expected that of the image, "
                f"{tuple(self.image.shape)}, or (k, *{tuple(self.image.shape)}) for k at once."
            )
        return self._in_chunks(distortion, self._apply)

    def rmatvec(self, distortion: Tensor) -> Tensor:
        """Return F' v, which is F v."""
        return self.matvec(distortion)

    def information(self, distortion: Tensor) -> Tensor:
        """Return v' F v, (batch,) or (k, batch)."""
        if distortion.shape == self.image.shape:
            product = self._jacobian.jvp(distortion)
            return dot(product, self.noise.whiten(product, self._jacobian.response))
        return torch.stack([self.information(one) for one in distortion])

    def threshold(self, distortion: Tensor) -> Tensor:
        """Return the factor by which a distortion must be scaled to be discriminable with d' = 1."""
        return self.information(distortion).rsqrt()

    def jacobian(self) -> Float[Tensor, "batch response elements"]:
        """Return J in full, for small problems: one product per element of the stimulus or of the response."""
        batch, n, r = self.image.shape[0], self.shape[0], self.response_size
        self._check_size(batch * n * r, "the Jacobian")
        if n <= r:
            units = self._units(n).reshape(n, batch, *self.image.shape[1:])
            columns = self._in_chunks(units, lambda j, v: j.jvp(v))
            return columns.permute(1, 2, 0)
        each = self._in_chunks(self._units(r), lambda j, u: j.vjp(u))
        return each.reshape(r, batch, n).permute(1, 0, 2)

    def to_dense(
        self, jacobian: Float[Tensor, "batch response elements"] | None = None
    ) -> Float[Tensor, "batch elements elements"]:
        """Return F in full, for small problems, (batch, elements, elements); `jacobian` spares computing J again."""
        self._check_size(self.image.shape[0] * self.shape[0] ** 2, "the matrix")
        jacobian, response = self.jacobian() if jacobian is None else jacobian, self._jacobian.response
        weighted = torch.stack([self.noise.whiten(column, response) for column in jacobian.unbind(2)], 2)
        dense = jacobian.mT @ weighted
        return (dense + dense.mT) / 2

    def to_scipy(self) -> LinearOperator:
        """Return a SciPy operator on NumPy vectors; a batch makes one block-diagonal operator."""
        size = self.image.numel()

        def matvec(vector: np.ndarray) -> np.ndarray:
            v = torch.as_tensor(vector.reshape(self.image.shape), dtype=self.dtype, device=self.image.device)
            return self.matvec(v).reshape(-1).cpu().numpy()

        kind = torch.empty(0, dtype=self.dtype).numpy().dtype
        return LinearOperator((size, size), matvec=matvec, rmatvec=matvec, dtype=kind)

    def __repr__(self) -> str:
        n, batch = self.shape[0], self.image.shape[0]
        return f"FisherInformation({batch} x {n} x {n}, responses={self.response_size}, noise={self.noise!r})"

    def _apply(self, jacobian: Jacobian, distortion: Tensor) -> Tensor:
        change = self.noise.whiten(jacobian.jvp(distortion), jacobian.response)
        return jacobian.vjp(change)

    def _in_chunks(self, vectors: Tensor, product: Callable[[Jacobian, Tensor], Tensor]) -> Tensor:
        """Map a product over the first dimension of `vectors` (k, batch, ...), several at a time."""
        results = []
        for chunk in vectors.split(self.vectors_at_once):
            wide = self._widened(chunk.shape[0])
            result = product(wide, chunk.flatten(0, 1))
            results.append(result.reshape(*chunk.shape[:2], *result.shape[1:]))
        return torch.cat(results)

    def _widened(self, k: int) -> Jacobian:
        if k == 1:
            return self._jacobian
        if k not in self._wide:
            # One width is kept besides the last: graphs are large.
            self._wide = {w: j for w, j in self._wide.items() if w == self.vectors_at_once}
            repeats = (k, *(1,) * (self.image.ndim - 1))
            self._wide[k] = Jacobian(self.model, self.image.repeat(repeats), self._jacobian.mode)
        return self._wide[k]

    def _units(self, n: int) -> Tensor:
        eye = torch.eye(n, dtype=self.dtype, device=self.image.device)
        return eye[:, None].expand(n, self.image.shape[0], n)

    def _check_size(self, numbers: int, what: str) -> None:
        if numbers > _LARGEST_DENSE:
            raise InputError(
                f"{what} would have {numbers:.2g} entries; expected at most {_LARGEST_DENSE:.2g}. "
                "Use a smaller stimulus, or products only (matvec)."
            )
