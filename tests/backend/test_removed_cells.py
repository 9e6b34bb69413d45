"""What is lost with a cell: every landscape without one cell computed again by SciPy, cell by cell."""

from __future__ import annotations

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from small_landscapes import Laboratory, Listener

from backend.analyses import connectivity as analysis
from backend.cells import Strip
from backend.connectivity import LandscapeModel
from backend.criticality_of_paths import loss_by_paths
from backend.criticality_plan import check_criticality
from backend.dispersal import load_kernel
from backend.distances import LeastCostDistance
from backend.errors import Cancelled, InputError, MemoryPlanError
from backend.journal import Journal
from backend.neighbourhood import Neighbourhood, Sphere
from backend.proximity import Proximity

SCALE, LIMIT = 2.0, 6.0


def model(neighbourhood: Neighbourhood) -> LandscapeModel:
    return LandscapeModel(
        LeastCostDistance(), Proximity(load_kernel("exponential"), jnp.asarray(SCALE)), neighbourhood, LIMIT
    )


def connected(resistance: np.ndarray, quality: np.ndarray, joined: Neighbourhood) -> float:
    """Return C by the definition of the graph, written out."""
    rows, columns = resistance.shape
    node = np.isfinite(resistance)
    costs = np.full((rows * columns,) * 2, np.inf)
    width = np.full(rows, joined.cell_width)
    if joined.sphere is not None:
        latitudes = joined.sphere.first_latitude + joined.sphere.latitude_step * np.arange(rows)
        width = joined.sphere.radius * joined.sphere.longitude_step * np.cos(latitudes)
    for i, j, down, right in itertools.product(range(rows), range(columns), (-1, 0, 1), (-1, 0, 1)):
        k, m = i + down, j + right
        if joined.around:
            m %= columns
        if (down, right) == (0, 0) or not (0 <= k < rows and 0 <= m < columns and node[i, j] and node[k, m]):
            continue
        if (
            down
            and right
            and (joined.neighbours == 4 or (joined.corners == "closed" and not (node[i, m] or node[k, j])))
        ):
            continue
        length = np.hypot(joined.cell_height * down, (width[i] + width[k]) / 2 * right)
        mean = (resistance[i, j] + resistance[k, m]) / 2
        if joined.edge_rule == "average_conductance":
            mean = 2 / (1 / resistance[i, j] + 1 / resistance[k, m])
        here, there = i * columns + j, k * columns + m
        costs[here, there] = min(costs[here, there], length * mean)
    distances = dijkstra(csr_matrix(np.where(np.isfinite(costs), costs, 0)))
    counts = (distances <= LIMIT * (1 + 1e-12)) & ~np.eye(len(costs), dtype=bool)
    q = np.where(node & ~np.isnan(quality), quality, 0).ravel()
    return float(q @ np.where(counts, np.exp(-np.where(counts, distances, 0) / SCALE), 0) @ q)


def without_each_cell(resistance: np.ndarray, quality: np.ndarray, joined: Neighbourhood) -> np.ndarray:
    whole, lost = connected(resistance, quality, joined), np.zeros(resistance.shape)
    for cell in np.ndindex(*resistance.shape):
        if np.isfinite(resistance[cell]):
            without = resistance.copy()
            without[cell] = np.inf
            lost[cell] = whole - connected(without, quality, joined)
    return lost


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    neighbours=st.sampled_from([4, 8]),
    corners=st.sampled_from(["closed", "open"]),
    edge_rule=st.sampled_from(["average_resistance", "average_conductance"]),
    closes=st.booleans(),
    ties=st.booleans(),
)
def test_the_loss_is_that_of_the_landscape_without_the_cell(seed, neighbours, corners, edge_rule, closes, ties):
    random = np.random.default_rng(seed)
    resistance = np.ones((5, 6)) if ties else random.uniform(1, 4, (5, 6))
    resistance[random.random((5, 6)) < 0.35] = np.inf
    quality = np.where(random.random((5, 6)) < 0.2, 0, random.random((5, 6)))
    joined = Neighbourhood(1.0, 1.2, neighbours, edge_rule, corners, around=6 if closes else 0)
    strip = Strip(0, resistance, np.where(np.isfinite(resistance), quality, 0))
    found = loss_by_paths(model(joined), strip, Listener(), threads=1)
    wanted = without_each_cell(resistance, quality, joined)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@pytest.fixture(scope="module")
def world() -> tuple[Neighbourhood, Strip]:
    """Cells of about 1 x 1 at the equator, and narrower ones."""
    sphere = Sphere(50.0, np.radians(360 / 12), np.radians(66), np.radians(-12))
    width = 50 * sphere.longitude_step * np.cos(np.radians(66))
    random = np.random.default_rng(6)
    resistance, quality = random.uniform(0.05, 0.3, (7, 12)), random.random((7, 12))
    resistance[random.random((7, 12)) < 0.2] = np.inf
    joined = Neighbourhood(width, 50 * np.radians(12), sphere=sphere, around=12)
    return joined, Strip(0, resistance, np.where(np.isfinite(resistance), quality, 0))


def test_around_the_globe_and_whatever_the_threads_are(world):
    joined, strip = world
    found = [loss_by_paths(model(joined), strip, Listener(), threads=threads) for threads in (1, 3)]
    np.testing.assert_array_equal(found[1], found[0])
    wanted = without_each_cell(np.asarray(strip.resistance, float), strip.quality, joined)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-9, atol=1e-12)
    rolled = Strip(0, np.roll(strip.resistance, 5, axis=1), np.roll(strip.quality, 5, axis=1))
    np.testing.assert_allclose(
        np.roll(loss_by_paths(model(joined), rolled, Listener()), -5, axis=1), found[0], rtol=1e-9, atol=1e-12
    )


class Stops(Listener):
    left = 2

    def raise_if_cancelled(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled


def test_an_interrupted_search_goes_on_to_the_same_bits(world, tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFTWAY_JOURNAL_SECONDS", "0")
    joined, strip = world
    straight = loss_by_paths(model(joined), strip, Listener(), threads=1)
    journal = Journal({"job": 1}, tmp_path)
    journal.enter_later("plan", {})
    with pytest.raises(Cancelled):
        loss_by_paths(model(joined), strip, Stops(), threads=1, journal=journal)
    journal.close(keep=True)
    journal, heard = Journal({"job": 1}, tmp_path), Listener()
    journal.enter_later("plan", {})
    found = loss_by_paths(model(joined), strip, heard, threads=1, journal=journal)
    np.testing.assert_array_equal(found, straight)
    # One source after the other on so small a raster: two were done.
    assert len(heard.fractions) == (strip.quality > 0).sum() - 2
    assert any("Continuing" in text for text in heard.messages)


def test_what_it_takes_is_said_and_refused(tmp_path):
    laboratory = Laboratory(tmp_path)
    quality, permeability = np.ones((40, 40)), np.ones((40, 40))
    options = {"outputs": ("CRITICALITY",), "DISPERSAL_DISTANCE": 20.0, "CUTOFF": 0.1}
    job = laboratory.job("connectivity", quality, permeability, **options)
    heard = Listener()
    plan = analysis.check(job, heard)
    said = next(text for text in heard.messages if text.startswith("Criticality searches about"))
    # On open ground: two for each cell within reach, and the steps to it.
    cells = np.argwhere(np.ones((40, 40)))
    down, right = np.abs(cells[:, None] - cells[None]).transpose(2, 0, 1)
    reached = 10 * (np.maximum(down, right) + (np.sqrt(2) - 1) * np.minimum(down, right)) <= 20 * np.log(10)
    work = (np.where(reached, 2 + np.maximum(down, right), 0)).sum(axis=1).mean()
    assert float(said.split()[3]) == pytest.approx(work, rel=0.25)
    many = type(plan)(plan.headers, plan.survey, plan.windows)
    many.survey.habitat = 10**12
    with pytest.raises(InputError, match=r"^CRITICALITY: It takes about .* hours: .* lower DISPERSAL_DISTANCE"):
        check_criticality(many, job, Listener())
    small = type(job)(**{**vars(job), "memory_limit": plan.windows.memory})
    with pytest.raises(MemoryPlanError, match=r"^CRITICALITY: Criticality holds the raster whole"):
        check_criticality(plan, small, Listener())
