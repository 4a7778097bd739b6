"""What is computed of an image that does not change is computed once, and is right for any rows of it."""

import pytest
import torch

from metameric._core.fixed import Fixed, is_fixed, recall


class Counted:
    """A function of batches that counts its calls and says how many rows it was given."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        self.calls.append(len(x))
        return x.flatten(1).sum(1), [2 * x]


@pytest.fixture
def batch() -> torch.Tensor:
    return torch.arange(24.0).reshape(3, 2, 4)


def equal(found, x) -> bool:
    return torch.equal(found[0], x.flatten(1).sum(1)) and torch.equal(found[1][0], 2 * x)


def test_computed_once_inside_and_anew_outside(batch) -> None:
    fixed, compute = Fixed(batch), Counted()
    with fixed.known():
        for x in (batch, batch[:], batch[1:2], batch[1:], batch[:2]):
            assert is_fixed(x)
            assert equal(recall(x, "sums", compute), x)
    assert compute.calls == [3]
    assert not is_fixed(batch)
    assert equal(recall(batch, "sums", compute), batch)
    assert compute.calls == [3, 3]
    with fixed.known():
        assert equal(recall(batch, "others", compute), batch)
    assert compute.calls == [3, 3, 3]


def test_some_rows_know_what_the_whole_knows(batch) -> None:
    compute = Counted()
    fixed = Fixed(batch)
    part = fixed.rows(torch.tensor([2, 0]))
    again = part.rows(torch.tensor([1]))
    for each in (again, part):
        with each.known():
            assert equal(recall(each.batch, "sums", compute), each.batch)
    assert compute.calls == [3]


def test_other_tensors_are_not_taken_for_it(batch) -> None:
    compute = Counted()
    with Fixed(batch[1:]).known():
        others = (
            batch,
            batch.clone(),
            batch[:2],
            batch[..., ::2],
            batch.mT,
            batch[:, :1],
            batch[1:].double(),
            batch[::2],
        )
        for x in others:
            assert not is_fixed(x)
            assert equal(recall(x, "sums", compute), x)
        assert not is_fixed(batch[1:].requires_grad_())
    assert compute.calls == [len(x) for x in others]


def test_one_image_for_many_rows() -> None:
    image, compute = torch.rand(1, 2, 4), Counted()
    wide = image.expand(5, 2, 4)
    with Fixed(wide).known():
        assert equal(recall(wide[3:], "sums", compute), wide[3:])
        assert equal(recall(image, "sums", compute), image)
    assert compute.calls == [5]


def test_an_error_inside_leaves_nothing_behind(batch) -> None:
    with pytest.raises(ZeroDivisionError), Fixed(batch).known():
        raise ZeroDivisionError
    assert not is_fixed(batch)
