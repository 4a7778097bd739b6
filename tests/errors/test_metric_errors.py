"""Messages and warnings of metrics."""

import pytest
import torch
from jaxtyping import config

from metameric import metric, process
from metameric._core.batched import each
from metameric._core.errors import InputError, InputTypeError, ModelError

IMAGE = torch.full((1, 1, 256, 256), 0.5)
METRICS = ["mse", "ssim", "ms_ssim", "nlpd"]


@pytest.fixture(autouse=True)
def unchecked(monkeypatch):
    monkeypatch.setattr(config, "jaxtyping_disable", True)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (IMAGE.double(), InputError, "img1 is torch.float32 on cpu, img2 torch.float64"),
        ((IMAGE * 255).to(torch.uint8), InputTypeError, "img2 has dtype torch.uint8.*/ 255"),
        (IMAGE[..., :200], InputError, "256 x 256 pixels, img2 256 x 200"),
        (IMAGE.expand(2, 3, 256, 256)[:, :2], None, ""),
    ],
)
def test_images_that_do_not_match(name, other, error, message):
    function = getattr(metric, name)
    if error is None:
        with pytest.raises(InputError, match="batch and channel that are equal"):
            function(IMAGE.expand(3, 1, 256, 256), other)
        return
    with pytest.raises(error, match=message):
        function(IMAGE, other)


@pytest.mark.parametrize("name", ["ssim", "ms_ssim", "nlpd"])
def test_images_without_batch_and_channel(name):
    with pytest.raises(InputError, match=rf"{name}: img1 has shape \(256, 256\); expected \(batch, channel"):
        getattr(metric, name)(IMAGE[0, 0], IMAGE[0, 0])


def test_a_missing_dimension_is_not_broadcast():
    with pytest.raises(InputError, match="batch and channel that are equal"):
        metric.mse(IMAGE, IMAGE[0])


@pytest.mark.parametrize("name", ["ssim", "ms_ssim", "nlpd"])
def test_another_range_is_warned_of(name):
    with pytest.warns(UserWarning, match=f"{name}: image values run from 127.5 to 127.5"):
        getattr(metric, name)(IMAGE * 255, IMAGE)


def test_another_range_is_warned_of_by_the_map():
    with pytest.warns(UserWarning, match="ssim_map: image values run from 1.5 to 1.5"):
        process.ssim_map(IMAGE, 3 * IMAGE)


def test_small_images_are_warned_of_by_the_map():
    with pytest.warns(UserWarning, match="ssim_map: images of 9 x 40 pixels"):
        process.ssim_map(IMAGE[..., :9, :40], IMAGE[..., :9, :40])


def test_an_image_is_looked_at_though_the_other_is_not():
    with pytest.warns(UserWarning, match="ssim: image values run from 127.5 to 127.5"):
        metric.ssim((IMAGE * 255).requires_grad_(), IMAGE * 255)


def test_single_planes_have_a_mean_squared_error():
    assert float(metric.mse(IMAGE[0, 0], IMAGE[0, 0] + 0.5)) == 0.25
    with pytest.raises(InputError, match="256 x 256 pixels, img2 256 x 1"):
        metric.mse(IMAGE[0, 0], IMAGE[0, 0, :, :1])


def test_an_image_under_synthesis_is_not_looked_at():
    metric.ssim((IMAGE * 255).requires_grad_(), IMAGE)
    metric.ssim(IMAGE * 1.01 + 0.5, IMAGE)


def test_the_smallest_images_that_can_be_compared():
    with pytest.warns(UserWarning, match="ssim"):
        assert float(metric.ssim(IMAGE[..., :2, :2], IMAGE[..., :2, :2])) == pytest.approx(1)
    with pytest.raises(InputError, match="at least 2 pixels"):
        metric.ssim(IMAGE[..., :1, :2], IMAGE[..., :1, :2])
    with pytest.raises(InputError, match=r"img1 has shape \(5,\); expected \(\.\.\., height, width\)"):
        metric.mse(torch.rand(5), torch.rand(5))


def test_small_images():
    small = IMAGE[..., :9, :40]
    with pytest.warns(UserWarning, match="ssim: images of 9 x 40 pixels have 9 at the coarsest of 1 scales"):
        metric.ssim(small, small)
    with pytest.raises(InputError, match=r"ms_ssim: images of 9 x 40 pixels are too small for 5 scales; .*at least 17"):
        metric.ms_ssim(small, small)
    with pytest.raises(InputError, match="at least 33 x 33"):
        metric.nlpd(small, small)


def test_options():
    with pytest.raises(InputError, match="pad is 'mirror'"):
        metric.ssim(IMAGE, IMAGE, pad="mirror")
    with pytest.raises(InputError, match="pad is True"):
        metric.ssim(IMAGE, IMAGE, pad=True)
    with pytest.raises(InputError, match="epsilon is -1"):
        metric.nlpd(IMAGE, IMAGE, epsilon=-1)
    for powers in ([], [-0.5, 1.0]):
        with pytest.raises(InputError, match="power_factors are"):
            metric.ms_ssim(IMAGE, IMAGE, powers)


def test_a_similarity_that_gives_a_map_has_no_value_per_image():
    with pytest.raises(ModelError, match=r"tensor of shape \(1, 1, 246, 246\)"):
        each(metric.as_distance(process.ssim_map))(IMAGE, IMAGE)
