"""The demo's parts: the made-up landscape, the formulas in both calculators' words, qgis_process's answer, a map."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal

from demo.landscape import PERMEABILITY, QUALITY
from demo.synthetic import write_landscape
from demo.toolbox import Run, Toolbox, ToolboxError

TOP = Path(__file__).resolve().parents[1]


def values(path: Path) -> np.ndarray:
    dataset = gdal.Open(str(path))
    band = dataset.GetRasterBand(1)
    cells = np.frombuffer(band.ReadRaster(buf_type=gdal.GDT_Float64)).reshape(band.YSize, band.XSize).copy()
    cells[cells == band.GetNoDataValue()] = np.nan
    return cells


def program(folder: Path, text: str) -> str:
    path = folder / "qgis_process"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_synthetic_landscape_is_the_same_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    for first, second in zip(write_landscape(tmp_path / "one"), write_landscape(tmp_path / "two"), strict=True):
        assert np.array_equal(values(first), values(second), equal_nan=True)


def test_rivers_of_the_synthetic_landscape_have_fords(tmp_path: Path) -> None:
    ndvi, slope = map(values, write_landscape(tmp_path))
    assert np.isfinite(ndvi).all()
    assert 0.2 < (ndvi > 0.2).mean() < 0.9
    river = np.isnan(slope)
    for part in np.array_split(river, 3):
        assert part.any(), "a river in each third"
        assert not part.any(axis=0).all(), "with a ford"


@pytest.mark.parametrize("formula", [QUALITY, PERMEABILITY], ids=["quality", "permeability"])
def test_both_calculators_are_given_the_same_formula(formula) -> None:
    x = np.linspace(-0.2, 12.0, 200)
    by_gdal = eval(formula.gdal, {"A": x, "exp": np.exp, "clip": np.clip})
    words = formula.qgis.format(x="value").replace("^", "**")
    by_qgis = [eval(words, {"value": value, "max": max, "min": min}) for value in x]
    assert np.allclose(by_gdal, by_qgis, rtol=1e-12, atol=0)


def test_an_answer_of_qgis_process_is_read_past_what_surrounds_it(tmp_path: Path) -> None:
    answer = {"results": {"C": 2.5}, "log": {"info": ["Worker", "The worker took 12.5 s and 340 MB."]}}
    toolbox = Toolbox(program(tmp_path, f"echo warning: old; echo '{json.dumps(answer)}'"))
    run = toolbox.run("driftway:connectivity", {"QUALITY": "my quality.tif"})
    assert run.results == {"C": 2.5}
    assert run.worker == (12.5, 340.0)
    assert run.command == "./run algorithm connectivity '--QUALITY=my quality.tif'"


def test_a_failed_algorithm_says_what_it_said(tmp_path: Path) -> None:
    toolbox = Toolbox(program(tmp_path, "echo QUALITY: no such file >&2; exit 1"))
    with pytest.raises(ToolboxError, match="no such file"):
        toolbox.run("driftway:connectivity", {})


def test_without_usage_in_the_log_there_is_none() -> None:
    assert Run("driftway:connectivity", {}, {}, 3.0, ["nothing"]).worker is None


def test_a_map_is_drawn_with_its_legend(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from demo import maps\n"
        "raster, target = map(Path, sys.argv[1:])\n"
        "style = {'ramp': 'viridis', 'stretch': 'quantile'}\n"
        "with maps.qgis():\n"
        "    maps.draw_sheet(maps.Sheet(raster, 'Title', 'Subtitle', 'Legend', style), raster, target, 660)\n"
    )
    raster, target = write_landscape(tmp_path)[0], tmp_path / "map.png"
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", code, str(raster), str(target)]
    done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    picture = gdal.Open(str(target))
    assert picture.RasterXSize == 660
    colours = np.stack([picture.GetRasterBand(band).ReadAsArray() for band in (1, 2, 3)])
    assert len(np.unique(colours.reshape(3, -1), axis=1).T) > 200
