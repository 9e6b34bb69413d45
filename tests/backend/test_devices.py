"""Plans know the memory of the device; on a GPU the same run gives the same results."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from landscape_oracle import expect
from small_landscapes import hills

from backend import memory
from backend.errors import MemoryPlanError
from backend.window_plan import WindowPlan, window_plan


@pytest.fixture(autouse=True)
def _no_accelerator(monkeypatch) -> None:
    monkeypatch.setattr(memory, "_device_memory", 0)


def plan() -> WindowPlan:
    options = {"own_windows": False, "gradient": True, "item_bytes": 8, "threads": 1, "memory_limit": 2**36}
    return window_plan(4000, 4000, 30, 30, **options, largest="DISPERSAL_DISTANCE")


def test_batches_fit_into_the_memory_of_the_device():
    on_host = plan()
    one = (on_host.memory - plan_memory_without_windows()) // on_host.batch
    memory.use_device_memory(4 * one)
    assert on_host.batch > 3
    assert plan().batch == 3, "of 4 windows, with a fifth of the memory left alone"
    memory.use_device_memory(one // 10)
    assert plan().window.lanes < on_host.window.lanes
    memory.use_device_memory(1000)
    with pytest.raises(MemoryPlanError, match="of memory"):
        plan()


def plan_memory_without_windows() -> int:
    from backend.window_plan import fixed_memory

    return fixed_memory(4000, 4000, gradient=True)


@pytest.mark.gpu
@pytest.mark.skipif(jax.default_backend() == "cpu", reason="this machine has no GPU, or jaxlib is not built for it")
@pytest.mark.parametrize("distance", ["least_cost", "euclidean"])
def test_a_gpu_gives_the_same_results(laboratory_on_gpu, distance):
    expected = expect(*hills(), DISTANCE=distance)
    found = laboratory_on_gpu.run("connectivity", *hills(), DISTANCE=distance, outputs=("FUNCTIONAL_HABITAT",))
    for name, value in expected.numbers.items():
        assert found.numbers[name] == pytest.approx(value, rel=1e-11)
    np.testing.assert_allclose(found.map("FUNCTIONAL_HABITAT"), expected.functional, 2e-7, 1e-12)


@pytest.fixture
def laboratory_on_gpu(tmp_path):
    from small_landscapes import Laboratory

    return Laboratory(tmp_path)
