"""Sources and pairs of corridors and paths: what is left out is said, and what can be wrong with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from corridor_runs import COLUMNS, PLACES, ROWS, centre, check, corridors, expected_costs, flat, layer, paths, points
from osgeo import osr
from small_landscapes import CRS

from backend.errors import InputError, MemoryPlanError


def test_pairs_of_a_table(laboratory, resistance):
    table = laboratory.folder / "pairs.csv"
    table.write_text("from,to\nc,a\nb,nobody\na,c\n", encoding="utf-8")
    outcome, found = paths(laboratory, points(laboratory.folder), resistance, PAIRS="table", PAIR_TABLE=str(table))
    assert (found["from"].tolist(), found["to"].tolist()) == (["a"], ["c"])
    assert outcome.heard.warnings == ["1 row of PAIR_TABLE names sources that are not there (nobody)."]
    table.write_text("from,to\nx,y\n", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"^PAIR_TABLE: None of its 1 row names two .*unknown: x.*sources are a, b, c, d"
    ):
        check(laboratory, "leastcostpaths", points(laboratory.folder), resistance, PAIRS="table", PAIR_TABLE=str(table))


def test_what_is_left_out_is_said(laboratory, resistance):
    """A point outside, one on nodata, one in a cell that is taken, and one beyond a wall."""
    walled = resistance.copy()
    walled[:, 10] = 1
    walled[:, 9] = np.nan
    places = {**PLACES, "b": (7, 8), "out": (40, 2), "hole": (3, 4), "twin": (0.2, 0.1), "far": (4, 10)}
    outcome, found = paths(laboratory, points(laboratory.folder, places), walled)
    assert outcome.heard.warnings == [
        "1 feature lies outside MOVEMENT: left out (sources out).",
        "1 feature lies in the cell of a source before: left out (sources twin).",
        "1 source lies on barriers or nodata: left out (hole).",
        "4 pairs without a path: left out (a - far, b - far, c - far, d - far).",
    ]
    assert outcome.numbers["PATH_COUNT"] == len(found["from"]) == 6
    assert outcome.numbers["UNREACHABLE_COUNT"] == 4
    same = corridors(laboratory, points(laboratory.folder, places, name="again"), walled)
    assert same.numbers["UNREACHABLE_COUNT"] == 4
    assert np.isnan(same.map("CORRIDORS")[:, 9:]).all()


def test_no_pair_at_all_is_no_failure(laboratory):
    split = np.ones((ROWS, COLUMNS))
    split[:, 5] = np.nan
    sources = points(laboratory.folder, {1: (0, 0), 2: (0, 10)})
    outcome, found = paths(laboratory, sources, split)
    assert len(found["from"]) == 0
    same = corridors(laboratory, sources, split, ("CORRIDORS", "OVERLAP", "ACCUMULATED_COST", "REPORT"))
    assert np.isnan(same.map("CORRIDORS")).all()
    assert same.numbers["PAIR_COUNT"] == 0
    assert math.isnan(same.numbers["MEAN_COST"])
    assert outcome.numbers["UNREACHABLE_COUNT"] == 1
    for run in (corridors, paths):
        found = run(laboratory, sources, split, PAIRS="nearest")
        heard = (found[0] if isinstance(found, tuple) else found).heard
        assert heard.warnings == ["2 sources reach no other (1, 2)."]


def test_sources_of_another_crs(laboratory, resistance, graph_of):
    here, there = osr.SpatialReference(), osr.SpatialReference()
    here.SetFromUserInput(CRS)
    there.SetFromUserInput("EPSG:4326")
    for each in (here, there):
        each.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    move = osr.CoordinateTransformation(here, there)
    features = [(n, "POINT({} {})".format(*move.TransformPoint(*centre(*p))[:2])) for n, p in PLACES.items()]
    outcome, found = paths(laboratory, layer(laboratory.folder, features, crs="EPSG:4326"), resistance)
    costs = expected_costs(resistance, graph_of, flat(PLACES))
    assert found["cost"][0] == pytest.approx(costs[0, flat(PLACES)[1]])
    assert any(text.startswith("SOURCES are reprojected from WGS 84") for text in outcome.heard.messages)


def test_features_of_one_id_are_one_source(laboratory):
    sources = layer(
        laboratory.folder,
        [(n, "POINT({} {})".format(*centre(0, c))) for n, c in ((1, 0), (2, 9), (1, 6))],
    )
    outcome, found = paths(laboratory, sources, np.ones((ROWS, COLUMNS)))
    assert found["cost"].tolist() == pytest.approx([30])
    assert outcome.numbers["SOURCE_COUNT"] == 2


def test_too_little_memory_says_how_many_sources_fit(laboratory, resistance):
    large = laboratory.raster(np.ones((1500, 1500)))
    limit = {"settings": {"memory_limit": 560_000_000, "threads": 1}}
    sources = points(laboratory.folder, {n: (n, n) for n in range(10)})
    with pytest.raises(
        MemoryPlanError, match=r"^MOVEMENT: 10 sources on 1500 x 1500 cells need .* 8 sources would fit"
    ):
        check(laboratory, "leastcostcorridors", sources, large, **limit)


WRONG = {
    "one source": ({1: (0, 0)}, {}, r"^SOURCES: One source is left on cells"),
    "no such field": (PLACES, {"ID_FIELD": "name"}, r"^ID_FIELD: SOURCES has no field 'name'. It has: site"),
    "no table": (PLACES, {"PAIRS": "table"}, r"^PAIR_TABLE: .* none is given"),
}


@pytest.mark.parametrize("what", WRONG)
def test_bad_input(laboratory, resistance, what):
    places, given, words = WRONG[what]
    with pytest.raises(InputError, match=words):
        check(laboratory, "leastcostpaths", points(laboratory.folder, places), resistance, **given)


@pytest.mark.parametrize(("kind", "value"), [("resistance", 0.0), ("permeability", -1.0)])
def test_bad_values(laboratory, resistance, kind, value):
    values = resistance.copy()
    values[2, 6] = value
    with pytest.raises(
        InputError, match=rf"^MOVEMENT: .*1 \(first at row 3, column 7\), value {value:g}; {kind} must be"
    ):
        check(laboratory, "leastcostcorridors", points(laboratory.folder), values, MOVEMENT_KIND=kind)


def test_too_many_bands(laboratory):
    places = {n: divmod(n, COLUMNS) for n in range(33)}
    with pytest.raises(InputError, match=r"^PAIR_CORRIDORS: 528 pairs would make 528 bands, more than 500"):
        check(
            laboratory,
            "leastcostcorridors",
            points(laboratory.folder, places),
            np.ones((ROWS, COLUMNS)),
            ("PAIR_CORRIDORS",),
        )


def test_bands_of_sources_and_pairs_are_in_the_plan(laboratory, resistance):
    large = laboratory.raster(np.ones((1500, 1500)))
    sources = points(laboratory.folder, {n: (n, n) for n in range(10)})
    limit = {"settings": {"memory_limit": 700_000_000, "threads": 1}}
    check(laboratory, "leastcostcorridors", sources, large, **limit)
    with pytest.raises(MemoryPlanError, match="Leave out the outputs with a band per source or pair"):
        check(laboratory, "leastcostcorridors", sources, large, ("CORRIDORS", "PAIR_CORRIDORS"), **limit)
