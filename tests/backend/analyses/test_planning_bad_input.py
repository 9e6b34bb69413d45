"""What can be wrong with a plan, and a plan with nothing to gain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_landscapes import Laboratory, hills
from small_plans import SETTINGS, polygons, run

from backend.errors import InputError


def refused(laboratory: Laboratory, match: str, **parameters: Any) -> None:
    with pytest.raises(InputError, match=match):
        laboratory.check("prioritisation", *hills(), **{**SETTINGS, **parameters})


def test_overlapping_parcels(laboratory, tmp_path):
    parcels = polygons(tmp_path / "p.gpkg", [(0, 0, 3, 3), (2, 2, 5, 5)])
    refused(
        laboratory,
        r"^PARCELS: Polygons overlap in 1 cell \(first: features 1 and 2 at row 3, column 3\)",
        PARCELS=parcels,
    )


def test_parcels_elsewhere(laboratory, tmp_path):
    parcels = polygons(tmp_path / "p.gpkg", [(100, 100, 103, 103)])
    refused(laboratory, r"^PARCELS: No polygon holds the centre of a cell", PARCELS=parcels)


def test_parcels_and_blocks(laboratory, tmp_path):
    parcels = polygons(tmp_path / "p.gpkg", [(0, 0, 3, 3)])
    refused(laboratory, r"^BLOCK_SIDE: The candidates are parcels already", PARCELS=parcels, BLOCK_SIDE=2)


def test_a_parcel_that_costs_nothing(laboratory, tmp_path):
    parcels = polygons(tmp_path / "p.gpkg", [(0, 0, 3, 3), (3, 0, 6, 3)], [1.0, -2.0])
    refused(laboratory, r"^COST_FIELD: 1 polygon costs nothing, .*feature 2, -2\)", PARCELS=parcels, COST_FIELD="price")


def test_targets_that_are_missing(laboratory):
    refused(laboratory, r"^ACTION: It needs a raster", ACTION="towards")
    refused(laboratory, r"^SITES: This TARGET is between chosen sites, and there are none", TARGET="resistance")


def test_more_than_the_whole_way(laboratory):
    refused(laboratory, r"^AMOUNT: It is 2, a share", ACTION="towards", AMOUNT=2.0, TARGET_QUALITY=hills()[0])


def test_a_patch_that_no_budget_pays_for(laboratory):
    refused(
        laboratory, r"^MINIMUM_PATCH: A patch of 50 cells takes 50 cells or more, the budget is 3", MINIMUM_PATCH=5000.0
    )


def test_too_many_subsets(laboratory):
    with pytest.raises(InputError, match=r"^METHOD: More than \d+ subsets .* too many to try"):
        run(laboratory, *hills(), METHOD="exact", BUDGET=20)


def test_a_landscape_of_another_grid(laboratory, tmp_path):
    laboratory.raster(np.ones((4, 4)), name="small.tif")
    table = laboratory.folder / "t.csv"
    table.write_text("name,quality,movement\none,,\nother,small.tif,small.tif\n", encoding="utf-8")
    refused(
        laboratory,
        r"^LANDSCAPES: Landscape 'other': its grid is not that of the first: it has 4 rows",
        LANDSCAPES=str(table),
    )


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", r"^LANDSCAPES: It has 0 rows"),
        ("name,habitat\na,b\n", r"^LANDSCAPES: .*mean nothing here: habitat"),
        ("name,quality,weight\na,,-1\n", r"^LANDSCAPES: Landscape 'a': its weight is '-1'"),
        ("name,quality\na,\na,\n", r"^LANDSCAPES: Two landscapes are named 'a'"),
        ("name,quality\na,gone.tif\n", r"^LANDSCAPES: Landscape 'a': QUALITY: '.*gone.tif' cannot be opened"),
    ],
)
def test_tables_of_landscapes(laboratory, text, match):
    table = laboratory.folder / "bad.csv"
    table.write_text(text, encoding="utf-8")
    refused(laboratory, match, LANDSCAPES=str(table))


def test_nothing_to_gain_is_said(laboratory):
    outcome = run(laboratory, np.zeros((9, 11)), hills()[1], outputs=("REPORT",))
    assert outcome.numbers["GAIN"] == 0
    assert any("No candidate promises a gain" in warning for warning in outcome.heard.warnings)
