"""All stimuli of a competition from one call."""

import torch

import metameric as mm
from metameric.plot._views import view_of
from metameric.problems import QuadraticMetric


def metrics() -> dict:
    return {"ssim": mm.metric.as_distance(mm.metric.ssim), "mse": mm.metric.mse}


def test_one_batch_equals_four_competitions() -> None:
    image = torch.cat([mm.data.image("camera", size=32), mm.data.image("coins", size=32)]).double()
    together = mm.MADSet(image, metrics())
    together.setup(0.05, seed=3)
    together.synthesize(12, progress=False)
    for case in together:
        alone = mm.MADCompetition(image, metrics()[case.optimized], metrics()[case.reference], case.minmax)
        alone.setup(0.05, seed=3)
        alone.synthesize(12, progress=False)
        torch.testing.assert_close(together[case], alone.mad_image, rtol=0, atol=1e-8)
        torch.testing.assert_close(together.initial_image, alone.initial_image)
        view = together.competition(*case)
        torch.testing.assert_close(view.optimized_metric_loss, alone.optimized_metric_loss, rtol=1e-8, atol=0)
        assert view.minmax == case.minmax
        assert torch.equal(view.mad_image, together[case])


def test_every_ordered_pair_of_three_quadratic_metrics() -> None:
    matrices = {}
    for seed, name in enumerate("abc"):
        root = torch.randn(6, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        matrices[name] = root @ root.mT + 0.5 * torch.eye(6, dtype=torch.float64)
    image = torch.full((1, 6), 0.5, dtype=torch.float64)
    mad = mm.MADSet(image, {name: QuadraticMetric(m) for name, m in matrices.items()})
    mad.setup(0.01, seed=0)
    mad.synthesize(300, progress=False)
    assert len(mad.cases) == 12
    for row in mad.table():
        eigen = torch.linalg.eigvals(torch.linalg.solve(matrices[row["reference"]], matrices[row["optimized"]])).real
        wanted = float(eigen.max() if row["minmax"] == "max" else eigen.min())
        assert abs(row["optimized_final"] / row["reference_final"] / wanted - 1) < 1e-3
        assert row["stray_percent"] < 0.1


def test_table_summary_and_dictionary() -> None:
    mad = mm.MADSet(mm.data.image("camera", size=32), list(metrics().values()))
    mad.setup(0.05, seed=0)
    mad.synthesize(3, progress=False)
    assert [case.minmax for case in mad.cases] == ["min", "max"] * 2
    table = mad.table()
    assert len(table) == 4
    assert set(table[0]) == {
        *("optimized", "reference", "minmax", "image", "status", "stray_percent"),
        *("optimized_initial", "optimized_final", "reference_initial", "reference_final"),
    }
    assert mad.to_dict()["stimuli"] == table
    assert mad.to_dict()["metrics"] == list(mad.metrics)
    assert mad.summary().count("strayed") == 4
    case = mad.cases[2]
    label = f"{case.optimized} {case.minmax}, {case.reference} held"
    assert f"[2] {label}: " in mad.summary() and mad.to_dict()["labels"][2] == label
    assert label in mm.plot.report(mad) and label in view_of(mad, 2).headline


def test_save_and_go_on(tmp_path) -> None:
    def make() -> mm.MADSet:
        return mm.MADSet(mm.data.image("camera", size=32), metrics())

    first, second = make(), make()
    first.setup(0.05, seed=0)
    first.synthesize(3, progress=False)
    first.save(tmp_path / "set.safetensors")
    second.load(tmp_path / "set.safetensors")
    for mad in (first, second):
        mad.synthesize(3, progress=False)
    assert torch.equal(first.stimulus, second.stimulus)


def test_a_case_is_saved_and_goes_on_alone(tmp_path) -> None:
    mad = mm.MADSet(mm.data.image("camera", size=32), metrics())
    mad.setup(0.05, seed=0)
    mad.synthesize(3, progress=False)
    one = mad.competition("mse", "ssim", "max")
    before = float(one.optimized_metric_loss[-1])
    one.save(tmp_path / "one.safetensors")
    result = one.synthesize(3, progress=False)
    assert float(result.figures["optimized_final"]) > before
    assert float(result.figures["stray_percent"]) < 0.1
