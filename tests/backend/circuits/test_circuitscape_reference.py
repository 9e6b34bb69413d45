"""Stored results of Circuitscape.jl: a few that come with the tests, all of them where they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal
from small_landscapes import run_job

from backend.job import Job

TOP = Path(__file__).resolve().parents[3]
ALL = Path(os.environ.get("DRIFTWAY_REFERENCE_DATA", TOP.parent / "shared" / "data")) / "circuitscape"
FEW = TOP / "tests" / "reference" / "circuitscape"
# Circuitscape's own.
SQUARES, RESISTANCE = 1e-6, 1e-3
# It holds other pairs than the matrix beside it, and Circuitscape does not compare it.
STALE = ("sgVerify13_resistances_3columns.out",)


def cases(folder: Path) -> list:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return [
            pytest.param(None, None, marks=pytest.mark.skip(reason=f"{folder.name}: the reference data is not here"))
        ]
    rows = json.loads(manifest.read_text(encoding="utf-8"))
    inis = sorted(
        {row["ini"] for row in rows} | {str(p.relative_to(folder)) for p in folder.glob("input/raster/*/*/*.ini")}
    )
    expected = {ini: [folder / row["expected"] for row in rows if row["ini"] == ini] for ini in inis}
    return [pytest.param(folder / ini, files, id=Path(ini).stem) for ini, files in expected.items()]


def values_of(path: Path) -> np.ndarray:
    if path.suffix == ".out":
        return np.loadtxt(path)
    dataset = gdal.Open(str(path))
    return np.loadtxt(path, skiprows=6).reshape(dataset.RasterYSize, dataset.RasterXSize)


def compare(ini: Path, files: list[Path], folder: Path) -> None:
    result = folder / "results"
    job = Job.from_dict(
        {
            "job": 1,
            "analysis": "circuitscapeini",
            "parameters": {"INI": str(ini)},
            "outputs": {"OUTPUT_FOLDER": str(result)},
        }
    )
    run_job(job)
    name = next(line for line in ini.read_text().splitlines() if line.startswith("output_file")).rpartition("/")[2]
    base = name.partition(".out")[0]
    tables = [p for p in (ini.parents[4] / "output_verify").glob(f"{base}_resistances*.out") if p.name not in STALE]
    for path in {*files, *tables}:
        found, expected = values_of(result / path.name), values_of(path)
        assert found.shape == expected.shape, path.name
        if path.suffix == ".out":
            np.testing.assert_allclose(found, expected, rtol=0, atol=RESISTANCE, err_msg=path.name)
        else:
            assert ((found - expected) ** 2).sum() < SQUARES, path.name


@pytest.mark.parametrize(("ini", "files"), cases(FEW))
def test_the_results_that_come_along(ini, files, tmp_path):
    compare(ini, files, tmp_path)


@pytest.mark.parametrize(("ini", "files"), cases(ALL))
def test_every_stored_result(ini, files, tmp_path):
    compare(ini, files, tmp_path)
