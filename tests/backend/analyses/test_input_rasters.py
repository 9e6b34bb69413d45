"""The forms in which rasters come: types, scales, bands, grids, paths; and the grid of what comes out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from landscape_oracle import expect
from osgeo import gdal, osr
from small_landscapes import CELL, CRS, ORIGIN, hills, run_job, write_raster

from backend.job import Job
from backend.raster_io import RasterBand

MAPS = ("FUNCTIONAL_HABITAT", "ACCESSIBLE_HABITAT")


@pytest.fixture
def in_hundredths() -> tuple[np.ndarray, np.ndarray]:
    """Quality and permeability in whole hundredths, no nodata."""
    quality, permeability = hills(holes=False)
    return np.round(quality * 100), np.round(permeability * 100)


@pytest.mark.parametrize("kind", ["uint8", "int16", "int64", "float32"])
def test_every_type_gives_the_same_numbers(laboratory, in_hundredths, kind):
    quality, permeability = in_hundredths
    if kind == "int64" and not hasattr(gdal, "GDT_Int64"):
        pytest.skip("this GDAL has no 64-bit integers")
    paths = [laboratory.raster(values, kind=kind, nodata=None) for values in in_hundredths]
    outcome = laboratory.run("connectivity", *paths, DISPERSAL_DISTANCE=5.0)
    expected = expect(quality, permeability, DISPERSAL_DISTANCE=5.0)
    assert outcome.numbers["C"] == pytest.approx(expected.C, rel=1e-12)


def test_scale_offset_and_nodata_of_8_bit_rasters(laboratory, in_hundredths):
    quality, permeability = in_hundredths
    quality[3, 4] = permeability[6, 6] = np.nan
    q = laboratory.raster(quality, kind="uint8", nodata=255, scale=0.01, offset=0.0)
    m = laboratory.raster(permeability, kind="uint8", nodata=255, scale=0.005, offset=0.2)
    expected = expect(quality * 0.01, permeability * 0.005 + 0.2)
    assert laboratory.run("connectivity", q, m).numbers["C"] == pytest.approx(expected.C, rel=1e-12)


def test_nan_is_nodata_where_none_is_declared(laboratory):
    quality, permeability = hills()
    paths = [laboratory.raster(values, nodata=None) for values in (quality, permeability)]
    assert laboratory.run("connectivity", *paths).numbers["C"] == pytest.approx(expect(quality, permeability).C)


def test_nan_that_is_not_declared_nodata_is_told(laboratory):
    quality, permeability = hills()
    count = int(np.isnan(quality).sum())
    told = laboratory.check("connectivity", laboratory.raster(quality, nodata=None), permeability).warnings
    assert count > 0
    assert f"QUALITY has {count} NaN cells" in " ".join(told)
    declared = laboratory.check("connectivity", laboratory.raster(quality, nodata=np.nan), permeability).warnings
    assert "NaN" not in " ".join(declared)


def test_bands(laboratory):
    quality, permeability = hills()
    stack = laboratory.raster(np.zeros_like(quality), permeability, quality)
    outcome = laboratory.run("connectivity", stack, stack, QUALITY_BAND=3, MOVEMENT_BAND=2)
    assert outcome.numbers["C"] == pytest.approx(expect(quality, permeability).C, rel=1e-12)


def test_a_vrt_and_paths_with_spaces_and_letters_of_other_alphabets(laboratory):
    quality, permeability = hills()
    folder = laboratory.folder / "Löwenzahn und 草原 -- 100 %"
    folder.mkdir()
    q = write_raster(folder / "qualité d'habitat.tif", quality)
    m = write_raster(folder / "perméabilité.tif", permeability)
    virtual = folder / "ü ber.vrt"
    gdal.BuildVRT(str(virtual), [str(m)]).FlushCache()
    job = laboratory.job("connectivity", str(q), str(virtual), outputs=MAPS[:1])
    target = folder / "habitat fonctionnel.tif"
    job.outputs["FUNCTIONAL_HABITAT"] = str(target)
    outcome = run_job(job)
    np.testing.assert_allclose(outcome.map(MAPS[0]), expect(quality, permeability).functional, 2e-7, 1e-12)
    assert sorted(p.name for p in folder.iterdir()) == sorted([q.name, m.name, virtual.name, target.name])


def test_a_raster_in_memory(laboratory):
    quality, permeability = hills()
    q = write_raster(Path("/vsimem/quality.tif"), quality)
    m = write_raster(Path("/vsimem/movement.tif"), permeability)
    outcome = laboratory.run("connectivity", str(q), str(m))
    for path in (q, m):
        gdal.Unlink(str(path))
    assert outcome.numbers["C"] == pytest.approx(expect(quality, permeability).C, rel=1e-12)


def test_no_crs_is_taken_as_lengths_and_said(laboratory):
    quality, permeability = hills()
    paths = [laboratory.raster(values, crs=None) for values in (quality, permeability)]
    outcome = laboratory.run("connectivity", *paths, outputs=MAPS[:1])
    assert outcome.numbers["C"] == pytest.approx(expect(quality, permeability).C, rel=1e-12)
    assert any("no CRS" in warning for warning in outcome.heard.warnings)
    assert not gdal.Open(str(outcome.paths[MAPS[0]])).GetProjection()


def test_rasters_that_are_stored_south_up(laboratory):
    quality, permeability = hills()
    paths = [laboratory.raster(values, south_up=True) for values in (quality, permeability)]
    extent = [ORIGIN[0] + 20, ORIGIN[0] + 100, ORIGIN[1] - 70, ORIGIN[1] - 10]
    for box, rows, columns in ((None, slice(None), slice(None)), (extent, slice(1, 7), slice(2, 10))):
        outcome = laboratory.run("connectivity", *paths, outputs=MAPS[:1], EXTENT=box)
        expected = expect(quality[rows, columns], permeability[rows, columns])
        np.testing.assert_allclose(outcome.map(MAPS[0]), expected.functional, 2e-7, 1e-12)


def test_a_paletted_raster_is_taken_by_its_values_and_said(laboratory, in_hundredths):
    quality, permeability = in_hundredths
    path = laboratory.raster(permeability, kind="uint8", nodata=None)
    dataset = gdal.Open(path, gdal.GA_Update)
    table = gdal.ColorTable()
    table.SetColorEntry(1, (0, 90, 0))
    dataset.GetRasterBand(1).SetColorTable(table)
    dataset = None
    outcome = laboratory.run("connectivity", quality, path, DISPERSAL_DISTANCE=5.0)
    assert any(warning.startswith("MOVEMENT is paletted") for warning in outcome.heard.warnings)
    assert outcome.numbers["C"] == pytest.approx(expect(quality, permeability, DISPERSAL_DISTANCE=5.0).C, rel=1e-12)


# --- the part that is used ----------------------------------------------------------------------------------------


def test_an_extent_is_a_clipped_raster(laboratory):
    """From inside the third row and column on: cells that the extent touches belong to it."""
    quality, permeability = hills()
    extent = [ORIGIN[0] + 25, ORIGIN[0] + 90, ORIGIN[1] - 80, ORIGIN[1] - 28]
    outcome = laboratory.run("connectivity", quality, permeability, outputs=MAPS, EXTENT=extent)
    expected = expect(quality[2:8, 2:9], permeability[2:8, 2:9])
    assert outcome.numbers["C"] == pytest.approx(expected.C, rel=1e-12)
    assert outcome.numbers["PC"] == pytest.approx(expected.numbers["PC"], rel=1e-12)
    np.testing.assert_allclose(outcome.map(MAPS[0]), expected.functional, 2e-7, 1e-12)
    transform = gdal.Open(str(outcome.paths[MAPS[0]])).GetGeoTransform()
    assert transform == (ORIGIN[0] + 20, 10, 0, ORIGIN[1] - 20, 0, -10)


def test_an_extent_along_cell_borders_takes_no_neighbours(laboratory):
    quality, permeability = hills()
    extent = [ORIGIN[0] + 20, ORIGIN[0] + 90, ORIGIN[1] - 80, ORIGIN[1] - 20]
    outcome = laboratory.run("connectivity", quality, permeability, EXTENT=extent)
    assert outcome.numbers["C"] == pytest.approx(expect(quality[2:8, 2:9], permeability[2:8, 2:9]).C, rel=1e-12)


# --- other grids --------------------------------------------------------------------------------------------------


def test_align_by_nearest_repeats_coarser_cells(laboratory):
    quality, _ = hills(rows=8, columns=10)
    coarse = np.random.default_rng(2).uniform(0.25, 1, (4, 5))
    movement = laboratory.raster(coarse, cell=(20.0, 20.0))
    outcome = laboratory.run("connectivity", quality, movement, ALIGN="nearest")
    expected = expect(quality, np.kron(coarse, np.ones((2, 2))))
    assert outcome.numbers["C"] == pytest.approx(expected.C, rel=1e-12)


@pytest.mark.parametrize("nodata", [-9999.0, None])
def test_where_an_aligned_raster_does_not_reach_there_is_no_node(laboratory, nodata):
    quality, permeability = hills(holes=False)
    shifted = laboratory.raster(
        permeability / 2, origin=(ORIGIN[0] + 30, ORIGIN[1] + 20), nodata=nodata, scale=2.0, offset=0.0
    )
    seen = np.full_like(permeability, np.nan)
    seen[:-2, 3:] = permeability[2:, :-3]
    outcome = laboratory.run("connectivity", quality, shifted, outputs=MAPS[:1], ALIGN="nearest")
    np.testing.assert_allclose(outcome.map(MAPS[0]), expect(quality, seen).functional, 2e-7, 1e-12)


def test_align_by_bilinear_keeps_a_plane(laboratory):
    rows, columns = np.mgrid[0:6, 0:7]
    plane = 0.2 + 0.02 * rows + 0.03 * columns
    band = RasterBand(laboratory.raster(plane, cell=(20.0, 20.0)), 1, "MOVEMENT")
    band.align(RasterBand(laboratory.raster(np.ones((12, 14))), 1, "QUALITY").grid, "bilinear")
    rows, columns = (np.mgrid[0:12, 0:14] - 0.5) / 2
    inside = slice(1, -1), slice(1, -1)
    np.testing.assert_allclose(band.read(0, 0, 12, 14)[inside], (0.2 + 0.02 * rows + 0.03 * columns)[inside], 1e-6)


def test_align_reprojects(laboratory):
    """An even raster in another CRS is even after it is warped, and nodata beyond its edge."""
    quality, _ = hills(holes=False)
    other = laboratory.raster(np.full((40, 40), 0.5), cell=(20.0, 20.0), origin=_elsewhere(), crs="EPSG:28353")
    outcome = laboratory.run("connectivity", quality, other, ALIGN="nearest")
    assert outcome.numbers["C"] == pytest.approx(expect(quality, np.full_like(quality, 0.5)).C, rel=1e-12)


def _elsewhere() -> tuple[float, float]:
    """Return a corner in MGA zone 53 that lies 300 m north-west of the small rasters' corner."""
    here, there = osr.SpatialReference(), osr.SpatialReference()
    here.SetFromUserInput(CRS)
    there.SetFromUserInput("EPSG:28353")
    for reference in (here, there):
        reference.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    x, y, _ = osr.CoordinateTransformation(here, there).TransformPoint(*ORIGIN)
    return x - 300, y + 300


# --- what is written ----------------------------------------------------------------------------------------------


def test_what_is_written_says_where_what_and_how(laboratory):
    outcome = laboratory.run("connectivity", *hills(), outputs=MAPS, DISPERSAL_DISTANCE=35.0)
    dataset = gdal.Open(str(outcome.paths[MAPS[0]]))
    assert dataset.GetGeoTransform() == (ORIGIN[0], CELL[0], 0, ORIGIN[1], 0, -CELL[1])
    assert dataset.GetSpatialRef().GetAuthorityCode(None) == "3112"
    band = dataset.GetRasterBand(1)
    assert band.GetDescription() == "Functional habitat"
    assert band.GetUnitType() == "quality x quality"
    assert band.GetNoDataValue() == -9999
    assert dataset.GetMetadata("IMAGE_STRUCTURE")["COMPRESSION"] == "DEFLATE"
    assert band.GetBlockSize() == [256, 256]
    stored = json.loads(dataset.GetMetadata()["DRIFTWAY_JOB"])
    assert stored == outcome.job.as_json()
    assert stored["parameters"]["DISPERSAL_DISTANCE"] == 35.0
    assert not list(laboratory.folder.glob("*.aux.xml"))


def test_only_the_outputs_that_are_asked_for_are_written(laboratory):
    outcome = laboratory.run("connectivity", *hills(), outputs=("ACCESSIBLE_HABITAT",))
    assert sorted(p.name for p in laboratory.folder.iterdir()) == sorted(
        ["input-1.tif", "input-2.tif", outcome.paths["ACCESSIBLE_HABITAT"].name]
    )


def test_a_job_of_the_provenance_gives_the_same_result_again(laboratory):
    first = laboratory.run("connectivity", *hills(), outputs=MAPS[:1], DISPERSAL_DISTANCE=35.0)
    plain = json.loads(gdal.Open(str(first.paths[MAPS[0]])).GetMetadata()["DRIFTWAY_JOB"])
    plain["outputs"] = {}
    assert run_job(Job.from_dict(plain)).numbers == first.numbers
