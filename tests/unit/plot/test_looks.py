"""Nothing in a figure hides or distorts anything else."""

import itertools
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
import torch

import metameric as mm
from metameric.plot._drawn import draw_panel

STATISTICS = mm.models.PortillaSimoncelli((32, 32), n_scales=2)


def synthesis(model, image):
    losses = torch.logspace(-1, -3, 31)
    return SimpleNamespace(
        image=image, metamer=image + 0.1 * torch.rand(image.shape), losses=losses, penalties=torch.zeros(31),
        penalty_lambda=0.1, model=model, target_representation=model(image),
    )  # fmt: skip


def shown_texts(figure):
    """Boxes of all titles, labels and tick labels, as drawn."""
    figure.canvas.draw()
    texts = []
    for ax in figure.axes:
        texts.append(ax.title)
        if ax.axison:
            low, high = ax.get_xlim()
            texts += [t for t in ax.get_xticklabels() if low <= t.get_position()[0] <= high]
            low, high = ax.get_ylim()
            texts += [t for t in ax.get_yticklabels() if low <= t.get_position()[1] <= high]
            texts += [ax.xaxis.label, ax.yaxis.label]
    return [(t.get_text(), t.get_window_extent()) for t in texts if t.get_text()]


def overlapping(figure):
    boxes = shown_texts(figure)
    return [(a, b) for (a, box), (b, other) in itertools.combinations(boxes, 2) if box.shrunk(0.9, 0.9).overlaps(other)]


def outside(figure):
    return [text for text, box in shown_texts(figure) if box.x0 < 0 or box.y0 < 0 or box.x1 > figure.bbox.x1]


MODELS = {
    "one map": lambda x: x,
    "two maps": lambda x: torch.cat([x, -x], 1),
    "six maps": lambda x: torch.cat([x] * 6, 1),
    "vector": lambda x: x.mean(-1),
    "statistics": STATISTICS,
}


@pytest.mark.parametrize("name", MODELS)
def test_no_text_of_a_status_figure_covers_another_one(name):
    figure = mm.plot.synthesis_status(synthesis(MODELS[name], torch.rand(1, 1, 32, 32)))
    assert overlapping(figure) == []
    assert outside(figure) == []


@pytest.mark.parametrize("size", [(12, 5), (10, 6)])
def test_no_text_of_the_statistics_covers_another_one(size):
    figure, _ = STATISTICS.plot_representation(STATISTICS(torch.rand(1, 1, 32, 32)), figsize=size)
    assert overlapping(figure) == []
    assert outside(figure) == []


def test_what_is_held_is_drawn_flat():
    values = 0.5 + 1e-4 * torch.rand(40)
    _, (held, driven) = plt.subplots(1, 2)
    draw_panel(mm.plot.CurvesPanel("held", {"d": values}, log=False), held)
    draw_panel(mm.plot.CurvesPanel("driven", {"d": torch.linspace(0.5, 1, 40)}, log=False), driven)
    assert held.get_ylim()[1] - held.get_ylim()[0] == pytest.approx(0.05, rel=0.01)
    assert held.get_ylim()[0] < values.min() < values.max() < held.get_ylim()[1]
    assert driven.get_ylim() == pytest.approx((0.475, 1.025))


def test_iterations_are_counted_in_round_numbers():
    _, ax = plt.subplots()
    mm.plot.synthesis_loss(synthesis(MODELS["vector"], torch.rand(1, 1, 8, 8)), ax=ax)
    assert [t for t in ax.get_xticks() if 0 <= t <= 30] == [0, 10, 20, 30]


def test_a_curve_that_a_logarithmic_axis_cannot_show_is_named_as_such():
    _, ax = plt.subplots()
    mm.plot.synthesis_loss(synthesis(MODELS["vector"], torch.rand(1, 1, 8, 8)), plot_penalties=True, ax=ax)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["metamer loss", "penalty (0 throughout)"]


@pytest.mark.parametrize("n", [1, 2, 4])
def test_the_legend_of_a_histogram_has_room_of_its_own(n):
    _, ax = plt.subplots(figsize=(4.8, 3.6))
    mm.plot.histogram([torch.rand(1, 1, 64, 64)] * n, [f"number {i}" for i in range(n)], ax=ax)
    ax.figure.canvas.draw()
    top = max(path.get_path().get_extents().y1 for path in ax.patches)
    assert ax.get_legend().get_window_extent().y0 > ax.transData.transform((0, top))[1]


def test_histograms_of_a_batch_name_each_entry():
    _, ax = plt.subplots()
    mm.plot.synthesis_histogram(synthesis(MODELS["vector"], torch.rand(2, 1, 8, 8)), ax=ax)
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    assert labels == ["Metamer[0] [iteration=30]", "Target image[0]", "Metamer[1] [iteration=30]", "Target image[1]"]
