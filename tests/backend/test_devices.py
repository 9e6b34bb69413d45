"""Plans know the memory of the device; on a GPU the same run gives the same results, and what GPUs run is tried on the CPU."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from landscape_oracle import expect
from small_landscapes import Laboratory, hills

import backend
from backend import memory
from backend.dispersal import load_kernel
from backend.distances import DISTANCES
from backend.errors import MemoryPlanError
from backend.least_cost_pass import LeastCostPass
from backend.solvers import shortest_paths
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


def test_what_a_gpu_runs_gives_the_same_maps_and_gradients(tmp_path, monkeypatch):
    """Relaxation in XLA in place of the sweeps of the CPU, in windows that cut and in such that do not."""
    laboratory = Laboratory(tmp_path)
    runs = [{}, {"MAXIMUM_WINDOW": 2}]

    def found() -> list[tuple[dict[str, float], np.ndarray]]:
        both = {"WITH_RESPECT_TO": ["movement", "quality"], "outputs": ("SENSITIVITY",)}
        outcomes = [laboratory.run("sensitivity", *hills(), **both, **parameters) for parameters in runs]
        outcomes += [laboratory.run("connectivity", *hills(), outputs=("FUNCTIONAL_HABITAT",), **each) for each in runs]
        maps = ["SENSITIVITY"] * 2 + ["FUNCTIONAL_HABITAT"] * 2
        return [(outcome.numbers, outcome.bands(name)) for outcome, name in zip(outcomes, maps, strict=True)]

    on_cpu = found()
    relaxed = []
    monkeypatch.setattr(LeastCostPass, "serves", staticmethod(lambda model: False))
    monkeypatch.setattr(
        shortest_paths, "_on_platform", lambda _, __, relax, *operands: relaxed.append(1) or relax(*operands)
    )
    for (numbers, values), (same_numbers, same) in zip(on_cpu, found(), strict=True):
        assert numbers == pytest.approx(same_numbers, rel=1e-11)
        # Maps are written in single precision.
        np.testing.assert_allclose(values, same, 2e-7, 1e-7 * np.nanmax(np.abs(values)))
    assert relaxed


on_gpu = pytest.mark.skipif(
    jax.default_backend() == "cpu", reason="this machine has no GPU, or jaxlib is not built for it"
)


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("distance", ["least_cost", "euclidean"])
def test_a_gpu_gives_the_same_results(tmp_path, distance):
    expected = expect(*hills(), DISTANCE=distance)
    found = Laboratory(tmp_path).run("connectivity", *hills(), DISTANCE=distance, outputs=("FUNCTIONAL_HABITAT",))
    for name, value in expected.numbers.items():
        assert found.numbers[name] == pytest.approx(value, rel=1e-11)
    np.testing.assert_allclose(found.map("FUNCTIONAL_HABITAT"), expected.functional, 2e-7, 1e-12)


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("name", sorted(DISTANCES))
def test_a_gpu_gives_the_gradients_of_the_processor_beside_it(name):
    """Of C with respect to all arrays: rasters, scale and theta."""
    quality, permeability = (np.nan_to_num(each) for each in hills())
    distance = (
        DISTANCES[name](jnp.asarray(0.1), "inverse")
        if hasattr(DISTANCES[name], "in_whole_windows")
        else DISTANCES[name]()
    )
    kernel = backend.Proximity(load_kernel("exponential"), jnp.asarray(30.0))
    model = backend.LandscapeModel(distance, kernel, backend.Neighbourhood(10.0, 10.0), 200.0)
    window = backend.WindowShape(3, 3, 4, 4)

    def total(inputs):
        return backend.landscape_connectivity(*inputs, window)

    found = []
    for device in (jax.devices()[0], jax.devices("cpu")[0]):
        with jax.default_device(device):
            inputs = jax.device_put((model, permeability, quality), device)
            found.append(eqx.filter_jit(eqx.filter_value_and_grad(total))(inputs))
    for one, other in zip(*(jax.tree.leaves(each) for each in found), strict=True):
        np.testing.assert_allclose(one, other, 1e-8, 1e-10 * float(jnp.abs(other).max()))
