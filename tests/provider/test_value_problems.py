"""What is wrong with a value, in words, where QGIS itself would say no more than that it is incorrect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from driftway.processing_provider.catalogue import algorithm as declared_algorithm
from driftway.processing_provider.value_problems import value_problem
from qgis.core import QgsApplication, QgsProcessingContext


def problem(identifier: str, name: str, value: Any) -> str:
    return value_problem(next(p for p in declared_algorithm(identifier)["parameters"] if p["name"] == name), value)


@pytest.mark.parametrize(
    ("identifier", "name", "value", "expected"),
    [
        ("connectivity", "CUTOFF", 0, "CUTOFF: 0 is out of range. Give a number from 1e-06 to 0.999."),
        ("connectivity", "CUTOFF", "1", "CUTOFF: 1 is out of range. Give a number from 1e-06 to 0.999."),
        (
            "connectivity",
            "CUTOFF",
            "0,05",
            "CUTOFF: '0,05' is no finite number. Give one, with a point before its decimals.",
        ),
        (
            "connectivity",
            "DISPERSAL_DISTANCE",
            "-5",
            "DISPERSAL_DISTANCE: -5 is out of range. Give a number of at least 0.",
        ),
        (
            "connectivity",
            "DISPERSAL_DISTANCE",
            float("nan"),
            "DISPERSAL_DISTANCE: 'nan' is no finite number. Give one, with a point before its decimals.",
        ),
        (
            "connectivity",
            "QUALITY_BAND",
            "first",
            "QUALITY_BAND: 'first' is no finite number. Give one, with a point before its decimals.",
        ),
        ("connectivity", "SELF", "no", "SELF: 'no' is neither true nor false. Give true or false."),
        ("connectivity", "QUALITY", None, "QUALITY: No raster is given. Choose a layer or a file."),
        (
            "sensitivity",
            "WITH_RESPECT_TO",
            "",
            "WITH_RESPECT_TO: Nothing is chosen. Choose from: movement, quality, movement_cost.",
        ),
        (
            "prioritisation",
            "SEED",
            -1,
            "SEED: -1 is out of range. Give a number from 0 to 2147483647.",
        ),
    ],
)
def test_what_is_wrong_is_said(identifier: str, name: str, value: Any, expected: str) -> None:
    assert problem(identifier, name, value) == expected


@pytest.mark.parametrize(
    ("identifier", "name", "value"),
    [
        ("connectivity", "CUTOFF", "1e-3"),
        ("connectivity", "CUTOFF", None),
        ("connectivity", "DISPERSAL_DISTANCE", ""),
        ("connectivity", "SELF", True),
        ("connectivity", "SELF", "False"),
        ("connectivity", "MAXIMUM_WINDOW", None),
        ("sensitivity", "WITH_RESPECT_TO", None),
        ("sensitivity", "WITH_RESPECT_TO", ["movement", "quality"]),
        ("prioritisation", "COST", None),
    ],
)
def test_what_is_right_passes(identifier: str, name: str, value: Any) -> None:
    assert problem(identifier, name, value) == ""


def test_a_file_that_is_no_raster_is_not_called_missing(provider: Any, landscape: dict, tmp_path: Path) -> None:
    notes = tmp_path / "notes.tif"
    notes.write_text("no raster")
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("driftway:connectivity")
    why = algorithm.checkParameterValues({**landscape, "QUALITY": str(notes)}, QgsProcessingContext())[1]
    assert why == f"QUALITY: The raster '{notes}' cannot be opened. Check that it exists and that it is a raster."
