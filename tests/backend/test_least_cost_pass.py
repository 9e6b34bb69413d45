"""The compiled passes over least-cost windows: the same numbers as the differentiable functions, whatever the windows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from backend import connectivity
from backend.block_connectivity import block_gradients, block_values
from backend.connectivity import ConnectivityGradient, LandscapeModel, connectivity_gradient
from backend.dispersal import load_kernel
from backend.distances import EuclideanDistance, LeastCostDistance
from backend.grid import Neighbourhood, Sphere, edge_cost_slopes, edge_costs
from backend.landscape_blocks import Blocks, Edits
from backend.least_cost_pass import LeastCostPass, lane_groups
from backend.proximity import Proximity
from backend.solvers.threads import set_thread_count
from backend.window_plan import WindowPlan
from backend.window_shape import WindowShape
from tests.backend.small_landscapes import Listener

ROWS, COLUMNS = 11, 13
CELL = 10.0
WORLD = Sphere(6_371_007.0, 0.9, -np.pi / 90, 2 * np.pi / COLUMNS)

SQUARE = Neighbourhood(CELL, CELL)
BLOCKS = WindowShape(4, 4, 4, 5)


@dataclass(frozen=True)
class Setting:
    """What is asked for."""

    kernel: str = "exponential"
    precision: str = "float64"
    neighbourhood: Neighbourhood = SQUARE
    window: WindowShape = BLOCKS
    limit: float = 60.0
    scale: float = 20.0
    integers: bool = False

    @property
    def model(self) -> LandscapeModel:
        proximity = Proximity(load_kernel(self.kernel), jnp.asarray(self.scale))
        return LandscapeModel(LeastCostDistance(), proximity, self.neighbourhood, self.limit)

    @property
    def plan(self) -> WindowPlan:
        return WindowPlan(ROWS, COLUMNS, self.window, 3, 0, 0.0, around=self.neighbourhood.around)

    def rasters(self) -> tuple[np.ndarray, np.ndarray]:
        """Return resistance and quality with barriers, gaps, cells without habitat, and ties where resistances are integers."""
        random = np.random.default_rng(3)
        resistance = random.integers(1, 4, (ROWS, COLUMNS)) * 1.0
        if not self.integers:
            resistance *= random.uniform(1, 1.5, resistance.shape)
        resistance[3, 2:7], resistance[8, 9] = np.inf, np.inf
        resistance[4:6, 7] = np.inf  # a corner that is closed or open
        quality = random.uniform(0, 2, (ROWS, COLUMNS)) * (random.uniform(size=(ROWS, COLUMNS)) < 0.7)
        quality[0, 0], quality[6, 6] = np.nan, 0
        return resistance.astype(self.precision), quality.astype(self.precision)


BASE = Setting()
GRAPHS = {
    "corners open": Neighbourhood(CELL, CELL, corners="open"),
    "four neighbours": Neighbourhood(CELL, CELL, neighbours=4),
    "average conductance": Neighbourhood(CELL, 2 * CELL, edge_rule="average_conductance"),
}
SETTINGS = {
    "base": BASE,
    **{name: replace(BASE, neighbourhood=graph) for name, graph in GRAPHS.items()},
    "blocks beyond the raster": replace(BASE, window=WindowShape(8, 8, 4, 5)),
    "uneven blocks": replace(BASE, window=WindowShape(3, 6, 4, 5)),
    "ties": replace(BASE, integers=True),
    "no limit": replace(BASE, limit=np.inf),
    "nothing within reach": replace(BASE, limit=0.5),
    "own windows": replace(BASE, kernel="gaussian", window=WindowShape(5, 5, 3, 3, own_windows=True)),
    "around the globe": replace(
        BASE,
        kernel="inverse",
        neighbourhood=Neighbourhood(1.0, 220_000.0, sphere=WORLD, around=COLUMNS),
        window=WindowShape(4, 13, 4, 9),
        limit=2.5e7,
        scale=8e6,
    ),
    "single precision": replace(BASE, precision="float32"),
    "single precision, ties": replace(BASE, precision="float32", integers=True),
    "one source a window": replace(BASE, window=WindowShape(1, 1, 4, 5)),
}


@pytest.fixture
def differentiable(monkeypatch):
    """Let the engine take its differentiable functions instead."""
    return lambda: monkeypatch.setattr(LeastCostPass, "serves", staticmethod(lambda model: False))


@pytest.mark.parametrize("name", SETTINGS)
def test_equals_the_differentiable_functions(name, differentiable):
    """Sums of 100 numbers, then differences along paths: some hundred roundings, of the largest value."""
    setting = SETTINGS[name]
    tolerance = 1e-12 if setting.precision == "float64" else 3e-5

    def found() -> list[np.ndarray | float]:
        maps = connectivity.connectivity(setting.model, setting.plan, *setting.rasters(), Listener())
        gradient = connectivity_gradient(setting.model, setting.plan, *setting.rasters(), Listener())
        return [
            maps.accessible,
            maps.functional,
            np.array([maps.total, gradient.total]),
            np.nan_to_num(maps.mean_distance),
            gradient.resistance,
            gradient.quality,
            np.array(gradient.scale),
        ]

    ours = found()
    differentiable()
    for one, other in zip(ours, found(), strict=True):
        assert np.abs(one - other).max() <= tolerance * max(1e-300, np.abs(other).max())
    assert (np.max(ours[2]) > 0) == (name != "nothing within reach")


def gradient_with(setting: Setting, **changes: object) -> ConnectivityGradient:
    plan = replace(setting.plan, **changes)
    return connectivity_gradient(setting.model, plan, *setting.rasters(), Listener())


CUT = ["base", "corners open", "four neighbours", "ties", "own windows", "around the globe", "single precision"]


@pytest.mark.parametrize("name", CUT)
def test_windows_that_are_cut_already_give_the_same(name, differentiable):
    """Planning's blocks: what each adds to C and the gradient, a changed cell in every second one."""
    setting = SETTINGS[name]
    tolerance = 1e-12 if setting.precision == "float64" else 3e-5
    blocks = Blocks(setting.model, setting.plan, local=not setting.window.own_windows)
    ground = blocks.ground(*setting.rasters())
    chosen = np.arange(blocks.count)
    cell = np.array([5 * COLUMNS + 6])
    edits = Edits([cell[:0], cell], [np.zeros(0), np.full(1, 1.25)], [np.zeros(0), np.full(1, 3.0)])

    def found() -> list[np.ndarray]:
        values = block_values(blocks, ground, chosen, Listener(), edits, chosen % 2)
        return [values, *block_gradients(blocks, ground, chosen, Listener())]

    compiled = found()
    differentiable()
    for ours, reference in zip(compiled, found(), strict=True):
        assert np.abs(reference).max() > 0
        assert ours == pytest.approx(reference, rel=0, abs=tolerance * np.abs(reference).max())


def test_threads_and_batches_change_no_bit():
    wanted = gradient_with(BASE)
    try:
        for threads, batch, under_way in ((1, 64, 1), (2, 2, 3), (3, 1, 2)):
            set_thread_count(threads)
            found = gradient_with(BASE, batch=batch, under_way=under_way)
            assert found.total == wanted.total
            assert found.scale == wanted.scale
            assert np.array_equal(found.resistance, wanted.resistance)
            assert np.array_equal(found.quality, wanted.quality)
    finally:
        set_thread_count(0)


def test_near_ties_in_single_precision_are_told_apart():
    """Paths whose costs differ by less than a rounding of single precision share nothing, as in double precision."""
    setting = replace(BASE, precision="float32", limit=61.0)
    resistance, quality = (np.ones((ROWS, COLUMNS), np.float32) for _ in range(2))
    resistance[::2] *= np.float32(1 + 2e-7)
    single = connectivity_gradient(setting.model, setting.plan, resistance, quality, Listener())
    double = connectivity_gradient(
        setting.model, BASE.plan, resistance.astype(float), quality.astype(float), Listener()
    )
    assert np.abs(single.resistance - double.resistance).max() <= 1e-6 * np.abs(double.resistance).max()


def test_serves_least_cost_only():
    assert LeastCostPass.serves(BASE.model)
    assert not LeastCostPass.serves(replace(BASE.model, distance=EuclideanDistance()))


def test_negative_costs_are_refused():
    resistance, quality = BASE.rasters()
    resistance[6, 5:8] = -4
    with pytest.raises(RuntimeError, match="do not settle"):
        connectivity_gradient(BASE.model, BASE.plan, resistance, quality, Listener())


@pytest.mark.parametrize("window", [WindowShape(8, 8, 2, 3), WindowShape(3, 6, 1, 1), WindowShape(1, 1, 5, 5)])
def test_every_source_has_one_lane(window):
    places = lane_groups(window).reshape(-1, 2)
    places = places[places[:, 0] >= 0]
    assert sorted(map(tuple, places.tolist())) == sorted(window.source_cell(lane) for lane in range(window.lanes))


@pytest.mark.parametrize("graph", [BASE.neighbourhood, *GRAPHS.values()])
def test_slopes_of_edge_costs_are_their_derivatives(graph):
    """By both ends of all edges together they are the gradient of the sum of all costs."""
    resistance = jnp.asarray(BASE.rasters()[0])
    first, other = edge_cost_slopes(resistance, graph)

    def total(r: jax.Array) -> jax.Array:
        return jnp.stack([jnp.where(jnp.isfinite(each), each, 0) for each in edge_costs(r, graph)]).sum()

    found = sum(first) + jnp.roll(other.east, 1, 1) + jnp.roll(other.south, 1, 0)
    found += jnp.roll(other.southeast, (1, 1), (0, 1)) + jnp.roll(other.southwest, (1, -1), (0, 1))
    assert np.allclose(found, jax.grad(total)(resistance), rtol=1e-14)
