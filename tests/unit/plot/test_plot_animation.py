import shutil
import subprocess

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.animation import FuncAnimation, PillowWriter
from PIL import Image

import metameric as mm
from metameric._core.errors import InputError, MissingDependencyError
from metameric.plot import _video
from metameric.plot._synthesis_animate import _frames_to_fit

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="NO FFMPEG: movies are NOT tested")


@pytest.fixture
def video():
    """Frame t has the value t everywhere, but for one corner."""
    frames = torch.arange(4.0).reshape(1, 1, 4, 1, 1).expand(1, 1, 4, 6, 8).clone()
    frames[..., 0, 0] = 8
    return frames


@pytest.fixture
def metamer():
    found = mm.Metamer(torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(0)), mm.models.Identity())
    found.setup(seed=0, optimizer=torch.optim.Adam)
    found.synthesize(6, store_progress=True, progress=False, stop_criterion=0.0)
    return found


def values_in(frame):
    """Values of the axes' centres, over the range 0 to 8."""
    return frame[-25, frame.shape[1] // 2, 0] / 255 * 8


def test_frames_in_order(video):
    animation = mm.plot.animshow(video, framerate=5, title="video", zoom=10)
    assert isinstance(animation, FuncAnimation)
    assert np.allclose([values_in(f) for f in animation.frames()], [0, 1, 2, 3], atol=0.05)
    (axes,) = animation.figure.axes
    assert axes.get_title() == "video\nrange [0, 8]\n6 × 8, zoom 10"


def test_frames_are_what_drawing_everything_gives(metamer):
    animation = mm.plot.synthesis_animate(metamer)
    fast = [frame.copy() for frame in animation.frames()]
    iterations = range(len(fast))
    assert len(fast) == 7
    for i in iterations:
        animation._put_frame(i)
        animation.figure.canvas.draw()
        slow = np.asarray(animation.figure.canvas.buffer_rgba())[..., :3]
        assert np.abs(fast[i].astype(int) - slow).max() <= 1, i


def test_frames_at_another_resolution_leave_the_figure_alone(video):
    animation = mm.plot.animshow(video, zoom=10)
    small = next(animation.frames()).shape
    assert next(animation.frames(dpi=200)).shape == (2 * small[0], 2 * small[1], 3)
    assert animation.figure.dpi == 100
    assert not animation.figure.axes[0].images[0].get_animated()


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_pictures_that_move(video, tmp_path, suffix):
    path = tmp_path / f"video{suffix}"
    seen = []
    animation = mm.plot.animshow(video, framerate=5, repeat=True, zoom=10)
    animation.save(path, progress=False, progress_callback=lambda i, n: seen.append((i, n)))
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4)]
    with Image.open(path) as found:
        assert found.n_frames == 4 and found.info["loop"] == 0
        found.seek(2)
        found.load()
        assert found.info["duration"] == 200
        assert values_in(np.asarray(found.convert("RGB"))) == pytest.approx(2, abs=0.2)


@needs_ffmpeg
def test_movies(video, tmp_path):
    path = tmp_path / "video.mp4"
    mm.plot.animshow(video, framerate=5, zoom=10).save(path, progress=False)
    asked = ["ffprobe", "-v", "error", "-show_entries", "stream=nb_frames,r_frame_rate", "-of", "csv=p=0", str(path)]
    assert subprocess.check_output(asked, text=True).strip() == "5/1,4"
    raw = ["ffmpeg", "-loglevel", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    frames = np.frombuffer(subprocess.check_output(raw), np.uint8)
    animation = mm.plot.animshow(video, zoom=10)
    width, height = (int(2 * np.ceil(n / 2)) for n in animation.figure.bbox.size)
    assert np.allclose([values_in(f) for f in frames.reshape(4, height, width, 3)], [0, 1, 2, 3], atol=0.2)


@needs_ffmpeg
def test_html_holds_everything(video, tmp_path):
    path = tmp_path / "video.html"
    animation = mm.plot.animshow(video)
    animation.save(path)
    page = path.read_text()
    assert '<video width="' in page and "data:video/mp4;base64," in page and "http" not in page
    assert animation._repr_html_().startswith("<video")
    assert "save it to a file" in animation.to_html5_video(embed_limit=1e-4)


def test_without_ffmpeg(video, tmp_path, monkeypatch):
    monkeypatch.setattr(_video.shutil, "which", lambda name: None)
    animation = mm.plot.animshow(video)
    with pytest.raises(MissingDependencyError, match=r"install it, or save as .gif or .webp"):
        animation.save(tmp_path / "video.mp4")
    assert animation.to_html5_video().startswith("<img")


def test_writers_of_matplotlib_still_work(video, tmp_path):
    path = tmp_path / "video.gif"
    mm.plot.animshow(video).save(path, writer=PillowWriter(fps=3))
    with Image.open(path) as found:
        assert found.n_frames == 4


def test_other_suffixes(video, tmp_path):
    with pytest.raises(InputError, match=r"cannot be saved as '.avi'; expected one of .mp4"):
        mm.plot.animshow(video).save(tmp_path / "video.avi")


def test_videos_of_different_length(video):
    with pytest.raises(InputError, match=r"have \[3, 4\] frames"):
        mm.plot.animshow([video, video[:, :, :3]])
    with pytest.raises(InputError, match="expected 5 dimensions"):
        mm.plot.animshow(video[0])


def test_synthesis_over_its_iterations(metamer):
    animation = mm.plot.synthesis_animate(metamer, framerate=4)
    target, stimulus, loss, error = animation.figure.axes
    shown = []
    for _ in animation.frames():
        images = (stimulus.images[0].get_array().copy(), error.images[0].get_array().copy())
        shown.append((float(loss.lines[-1].get_xdata()[0]), *images))
    for i, (at, image, difference) in enumerate(shown):
        assert at == i
        assert np.allclose(image, metamer.saved_metamer[i, 0, 0])
        assert np.allclose(difference, metamer.saved_metamer[i, 0, 0] - metamer.image[0, 0])
    assert np.allclose(target.images[0].get_array(), metamer.image[0, 0])
    assert "[iteration=6]" in stimulus.get_title()


def test_ranges_of_errors_follow(metamer):
    animation = mm.plot.synthesis_animate(metamer, rescale_ylim="rescale1")
    tops = [animation.figure.axes[3].images[0].get_clim()[1] for _ in animation.frames()]
    assert tops[-1] < tops[0]
    fixed = mm.plot.synthesis_animate(metamer, rescale_ylim=False)
    assert len({fixed.figure.axes[3].images[0].get_clim() for _ in fixed.frames()}) == 1


def test_processed_images(metamer):
    animation = mm.plot.synthesis_animate(
        metamer, process_image=lambda x: x * 0 + 3, included_plots=["synthesis_imshow"]
    )
    assert {float(animation.figure.axes[0].images[0].get_array().max()) for _ in animation.frames()} == {3}


def test_when_limits_are_fitted():
    assert _frames_to_fit(False, 100) == frozenset()
    assert _frames_to_fit("rescale", 100) == frozenset(range(0, 100, 10))
    assert _frames_to_fit("rescale25", 100) == {0, 25, 50, 75}
    for wrong in (True, "rescale0", "often"):
        with pytest.raises(InputError, match="expected False, 'rescale' or 'rescaleN'"):
            _frames_to_fit(wrong, 100)


def test_html_of_the_users_choice(video):
    with mpl.rc_context({"animation.html": "jshtml"}):
        assert "<script" in mm.plot.animshow(video)._repr_html_()
    plt.close("all")
