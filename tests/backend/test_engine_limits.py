"""What a run may cost beyond its computation: memory, compilations, the wait for its first window."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from small_landscapes import Laboratory, write_raster

TOP = Path(__file__).resolve().parents[2]
COMPILATION = "/jax/core/compile/backend_compile_duration"
_heard: list[str] = []
# Listeners cannot be taken off again: one listens, and the tests look.
jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: _heard.append(event))


@pytest.fixture
def compilations() -> Iterator[list[str]]:
    """Names of the events of compilations since the test began."""
    _heard.clear()
    yield _heard
    _heard.clear()


def landscape(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(4)
    return random.random((rows, columns)), random.uniform(0.3, 1, (rows, columns))


@pytest.mark.parametrize(("analysis", "most"), [("connectivity", 4), ("sensitivity", 12)])
def test_the_number_of_compilations_is_bounded(tmp_path, monkeypatch, compilations, analysis, most):
    """Whatever the number of bands and batches; another reach, scale or theta in windows of the same size compiles nothing."""
    from backend import window_plan

    monkeypatch.setattr(window_plan, "_LARGEST_BATCH", 7)
    monkeypatch.setattr(window_plan, "_BATCHES_PER_BAND", 1)
    laboratory = Laboratory(tmp_path)
    rasters = [laboratory.raster(each) for each in landscape(61, 47)]
    laboratory.run(analysis, *rasters, MAXIMUM_WINDOW=3, DISPERSAL_DISTANCE=37.0)
    first = compilations.count(COMPILATION)
    assert 0 < first <= most
    laboratory.run(analysis, *rasters, MAXIMUM_WINDOW=3, DISPERSAL_DISTANCE=41.0, CUTOFF=0.02)
    assert compilations.count(COMPILATION) == first


def test_zones_of_latitude_are_few_programs(tmp_path, monkeypatch, compilations):
    """At most four shapes of windows, each compiled once, however many rows and bands there are."""
    from backend import latitude_zones, window_plan

    monkeypatch.setattr(window_plan, "_LARGEST_BATCH", 7)
    monkeypatch.setattr(window_plan, "_BATCHES_PER_BAND", 1)
    monkeypatch.setattr(latitude_zones, "WORTHWHILE_PAIRS", 0.0)
    laboratory = Laboratory(tmp_path)
    place = {"cell": (1.0, 1.0), "origin": (10.0, 80.0), "crs": "EPSG:4326"}
    rasters = [laboratory.raster(each, **place) for each in landscape(61, 31)]
    reach = {"DISPERSAL_DISTANCE": 3e5, "DISPERSAL_MEANING": "maximum"}
    heard = laboratory.run("connectivity", *rasters, CUTOFF=0.1, **reach).heard
    assert any("wider towards the poles" in text for text in heard.messages)
    first = compilations.count(COMPILATION)
    assert 0 < first <= 4 * latitude_zones.MOST_SHAPES
    laboratory.run("connectivity", *rasters, CUTOFF=0.2, **reach)
    assert compilations.count(COMPILATION) == first


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """What workers see: a cache of compiled programs of their own, and the kernels that the tests have compiled."""
    paths = os.pathsep.join(dict.fromkeys([str(TOP), *(path for path in sys.path if path)]))
    own = {name: value for name, value in os.environ.items() if name != "DRIFTWAY_CACHE"}
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("programs")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    }
    return {**own, **cache, "PYTHONPATH": paths, "JAX_PLATFORMS": "cpu"}


@pytest.fixture(scope="module")
def rasters(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("rasters")
    quality, movement = landscape(160, 260)
    return {
        "QUALITY": str(write_raster(folder / "quality.tif", quality)),
        "MOVEMENT": str(write_raster(folder / "movement.tif", movement)),
    }


@pytest.fixture
def run(tmp_path, environment, rasters):
    """Run a job in a worker and return its last event."""

    def begin(memory_limit: int, **parameters: object) -> dict:
        job = {
            "analysis": "connectivity",
            "parameters": {**rasters, "DISPERSAL_DISTANCE": 45.0, **parameters},
            "outputs": {"FUNCTIONAL_HABITAT": str(tmp_path / "habitat.tif")},
            "memory_limit": memory_limit,
        }
        path = tmp_path / "job.json"
        path.write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-m", "backend", "run", str(path)]
        found = subprocess.run(command, env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
        return json.loads(found.stdout.splitlines()[-1])

    return begin


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of the memory is not known there")
def test_a_worker_keeps_to_its_memory_limit(run):
    """The limit that is said to be too small is refused; the peak stays below 1.2 times any other."""
    refused = run(400_000_000)
    assert (refused["event"], refused["code"]) == ("error", "memory")
    results = []
    for limit in (480_000_000, 600_000_000, 0):
        result = run(limit)
        assert result["event"] == "result", result
        assert result["usage"]["peak_memory"] <= 1.2 * (limit or 10**10)
        results.append(result["numbers"]["C"])
    assert results == pytest.approx([results[0]] * 3, rel=1e-12)


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of the memory is not known there")
def test_a_worker_with_declared_windows_keeps_to_its_memory_limit(run, tmp_path):
    """What compiling takes included; and its batches never wait for each other, for which many are needed."""
    quality, movement = (write_raster(tmp_path / f"{n}.tif", each) for n, each in enumerate(landscape(40, 60)))
    options = {"QUALITY": str(quality), "MOVEMENT": str(movement), "DISTANCE": "resistance", "RADIUS": 4, "BLOCK": 3}
    refused = run(450_000_000, **options)
    assert (refused["event"], refused["code"]) == ("error", "memory")
    limit = 620_000_000
    result = run(limit, **options)
    assert result["event"] == "result", result
    assert 0 < result["usage"]["peak_memory"] <= 1.2 * limit


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the time of a process is not known there")
def test_a_second_run_computes_soon(tmp_path, environment, rasters):
    """Within 3 s on two processors: here in seconds of their time, so that others may run beside it."""
    job = {"analysis": "connectivity", "parameters": {**rasters, "DISPERSAL_DISTANCE": 45.0}}
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    seconds = [_time_to_first_window(path, environment) for _ in range(2)]
    assert seconds[1] < 4


def _time_to_first_window(path: Path, environment: dict[str, str]) -> float:
    command = [sys.executable, "-m", "backend", "run", str(path)]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    for line in process.stdout:
        event = json.loads(line)
        assert event["event"] not in ("result", "error"), event
        if event.get("step", "").startswith("Computing") and event["fraction"] > 0:
            break
    times = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    process.kill()
    process.wait(60)
    process.stdout.close()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
