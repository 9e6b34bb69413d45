"""What a raster looks like when it lands."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from conftest import write_raster
from driftway.processing_provider.catalogue import algorithms, ramps
from driftway.processing_provider.colour_ramps import colour_at
from driftway.processing_provider.styles import apply_style, sample, stops
from qgis.core import QgsRasterLayer

STYLED = [(e["id"], o) for e in algorithms() for o in e["outputs"] if o["kind"] == "raster"]
VALUES = [float(value) for value in range(1, 101)]


def layer_of(tmp_path: Path, values: list[list[float]], bands: int = 1) -> QgsRasterLayer:
    return QgsRasterLayer(str(write_raster(tmp_path / "raster.tif", values, bands=bands)), "raster")


def items(layer: QgsRasterLayer) -> list[Any]:
    return layer.renderer().shader().rasterShaderFunction().colorRampItemList()


@pytest.mark.parametrize(("algorithm", "output"), STYLED, ids=[f"{a}-{o['name']}" for a, o in STYLED])
def test_every_declared_style_can_be_applied(tmp_path: Path, algorithm: str, output: dict) -> None:
    assert output["style"]["ramp"] in ramps()
    layer = layer_of(tmp_path, [[0.0, 1.0, 2.0], [3.0, -9999.0, 1.0]])
    assert apply_style(layer, output["style"])
    expected = "paletted" if output["style"]["classes"] else "singlebandpseudocolor"
    assert layer.renderer().type() == expected


def test_linear_stops_are_even() -> None:
    assert [value for value, _ in stops(VALUES, "viridis", "linear")] == pytest.approx([1 + 9.9 * i for i in range(11)])


def test_quantile_stops_cover_the_same_number_of_cells() -> None:
    skewed = sorted(value**3 for value in VALUES)
    placed = [value for value, _ in stops(skewed, "viridis", "quantile")]
    counts = [sum(low <= value < high for value in skewed) for low, high in pairwise(placed)]
    assert max(counts) - min(counts) <= 1
    assert (placed[0], placed[-1]) == (skewed[0], skewed[-1])


def test_log_stops_have_one_ratio_and_leave_zero_out() -> None:
    placed = [value for value, _ in stops([0.0, *VALUES], "magma", "log")]
    ratios = [high / low for low, high in pairwise(placed)]
    assert ratios == pytest.approx([ratios[0]] * len(ratios))
    assert placed[-1] == pytest.approx(100)


def test_diverging_stops_are_symmetric_and_have_the_middle_colour_at_zero() -> None:
    placed = stops([-1.0, *VALUES], "vik", "diverging")
    assert placed[0][0] == -placed[-1][0]
    middle = dict(placed)[0.0]
    assert min(middle.red(), middle.green(), middle.blue()) > 200
    assert placed[-1][0] < 100  # the few largest values do not wash out the rest


def test_stops_of_ratios_have_the_middle_colour_at_one() -> None:
    placed = stops([0.0, 0.25, 0.5, 1.0, 2.0, 3.0], "vik", "ratio")
    assert placed[0][0] * placed[-1][0] == pytest.approx(1)
    value, middle = placed[len(placed) // 2]
    assert value == pytest.approx(1)
    assert min(middle.red(), middle.green(), middle.blue()) > 200


def test_a_constant_raster_has_a_legend_with_one_stop(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, [[5.0, 5.0], [5.0, 5.0]])
    for stretch in ("linear", "quantile", "log", "diverging", "ratio"):
        assert apply_style(layer, {"ramp": "viridis", "stretch": stretch, "classes": []})
        assert items(layer)


def test_many_equal_values_give_increasing_stops() -> None:
    placed = [value for value, _ in stops([0.0] * 90 + [float(i) for i in range(1, 11)], "mako", "quantile")]
    assert all(low < high for low, high in pairwise(placed))


def test_a_raster_without_values_is_left_as_it_is(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, [[-9999.0, -9999.0]])
    before = layer.renderer().type()
    assert not apply_style(layer, {"ramp": "viridis", "stretch": "linear", "classes": []})
    assert layer.renderer().type() == before


def test_the_band_that_is_asked_for_is_shown(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, [[1.0, 2.0]], bands=2)
    style = {"ramp": "viridis", "stretch": "linear", "classes": []}
    assert apply_style(layer, style)
    assert layer.renderer().usesBands() == [1]
    assert apply_style(layer, style, band=2)
    assert layer.renderer().usesBands() == [2]
    assert not apply_style(layer, style, band=3)


def test_classes_keep_their_labels_and_colours(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, [[0.0, 1.0]])
    classes = [[0, "No", "#d9d9d9"], [1, "Yes", "#c2255c"]]
    apply_style(layer, {"ramp": "viridis", "stretch": "classes", "classes": classes})
    legend = [[entry.value, entry.label, entry.color.name()] for entry in layer.renderer().classes()]
    assert legend == classes


def test_a_style_survives_saving_and_loading(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, [[1.0, 2.0, 9.0]])
    apply_style(layer, {"ramp": "mako", "stretch": "quantile", "classes": []})
    wanted = [(pytest.approx(item.value), item.color.name(), item.label) for item in items(layer)]
    layer.saveNamedStyle(str(tmp_path / "style.qml"))
    again = layer_of(tmp_path, [[1.0, 2.0, 9.0]])
    again.loadNamedStyle(str(tmp_path / "style.qml"))
    assert [(item.value, item.color.name(), item.label) for item in items(again)] == wanted


def test_a_large_raster_is_sampled(tmp_path: Path) -> None:
    layer = layer_of(tmp_path, [[float(column) for column in range(900)] for _ in range(700)])
    values = sample(layer, 1)
    assert len(values) == 512 * 512
    assert values[0] < 5
    assert values[-1] > 895


def test_ramps_run_from_their_first_to_their_last_stop() -> None:
    for name, colours in ramps().items():
        assert colour_at(name, 0.0).name() == colours[0]
        assert colour_at(name, 1.0).name() == colours[-1]
    assert colour_at("no such ramp", 0.0) == colour_at("viridis", 0.0)
