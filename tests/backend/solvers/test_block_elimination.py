"""Elimination row by row, and what it selects of the inverse, against dense matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from backend.grid import Neighbourhood, edge_costs
from backend.solvers.block_elimination import transposed, unit_sources
from backend.solvers.components import component_labels
from backend.solvers.selected_inverse import selected_inverse
from backend.window_shape import WindowShape

QUICK = {"xla_backend_optimization_level": 0}
WINDOWS = [WindowShape(1, 1, 2, 3), WindowShape(3, 2, 2, 1), WindowShape(2, 3, 0, 0)]
IDS = ["one source", "block", "no halo"]


def random_stencil(window: WindowShape, *, definite: bool) -> np.ndarray:
    """Return two diagonally dominant matrices."""
    random = np.random.default_rng(1)
    stencil = -random.uniform(0, 0.1, (3, 3, 2, window.height, window.width))
    stencil[0, :, :, 0] = stencil[2, :, :, -1] = stencil[:, 0, :, :, 0] = stencil[:, 2, :, :, -1] = 0
    if definite:
        stencil = (stencil + np.asarray(transposed(jnp.asarray(stencil)))) / 2
    stencil[1, 1] = 1.1
    return stencil


def dense(stencil):
    """Return the matrices (windows, cells, cells) of a stencil."""
    windows, height, width = stencil.shape[2:]
    entries = []
    for i in range(height):
        for j in range(width):
            for a, down in enumerate((-1, 0, 1)):
                for b, right in enumerate((-1, 0, 1)):
                    k, m = i + down, j + right
                    if 0 <= k < height and 0 <= m < width:
                        entries.append((i * width + j, k * width + m, a, b, i, j))
    here, there, a, b, i, j = np.array(entries).T
    matrix = jnp.zeros((windows, height * width, height * width))
    return matrix.at[:, here, there].set(jnp.asarray(stencil)[a, b, :, i, j].T)


def by_inverse(stencil, right, window):
    inverse = jnp.linalg.inv(dense(stencil))
    shape = (2, window.height, window.width)
    sources = [np.ravel_multi_index(window.source_cell(lane), shape[1:]) for lane in range(window.lanes)]
    diagonal = jnp.diagonal(inverse, axis1=1, axis2=2).reshape(shape)
    rows = inverse[:, jnp.array(sources)].mT.reshape(*shape, window.lanes)
    return diagonal, rows, (inverse @ right.reshape(2, -1, right.shape[-1])).reshape(*shape, -1)


@pytest.mark.parametrize("definite", [True, False], ids=["definite", "not symmetric"])
@pytest.mark.parametrize("window", WINDOWS, ids=IDS)
def test_selects_parts_of_the_inverse_with_their_gradient(window, definite):
    random = np.random.default_rng(2)
    stencil = random_stencil(window, definite=definite)
    right = random.normal(size=(2, window.height, window.width, 2))
    weights = [random.normal(size=(2, window.height, window.width, *last)) for last in ((), (window.lanes,), (2,))]

    def ours(stencil, right, forward_mode=False):
        units = unit_sources(window, 2, stencil.dtype)
        return selected_inverse(stencil, units, right, window, definite=definite, forward_mode=forward_mode)

    def weighted(parts):
        return sum((weight * part).sum() for weight, part in zip(weights, parts, strict=True))

    def everything(stencil, right, change):
        found, pull = jax.vjp(lambda s, r: weighted(ours(s, r)), stencil, right)
        forwards = jax.jvp(lambda s: weighted(ours(s, right, forward_mode=True)), (stencil,), (change,))[1]
        return ours(stencil, right), pull(jnp.ones_like(found)), forwards

    change = random_stencil(window, definite=definite)
    found, (by_stencil, by_right), forwards = jax.jit(everything, compiler_options=QUICK)(stencil, right, change)
    expected = by_inverse(stencil, right, window)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, 1e-12, 1e-13)
    gradient = jax.grad(lambda s, r: weighted(by_inverse(s, r, window)), argnums=(0, 1))(jnp.asarray(stencil), right)
    np.testing.assert_allclose(by_right, gradient[1], 1e-11, 1e-12)
    along = float((gradient[0] * change).sum())
    assert float((by_stencil * change).sum()) == pytest.approx(along, rel=1e-11)
    assert float(forwards) == pytest.approx(along, rel=1e-11)
    if not definite:
        np.testing.assert_allclose(by_stencil, gradient[0], 1e-11, 1e-12)


def test_transposed_twice_is_the_same():
    stencil = random_stencil(WINDOWS[1], definite=False)
    once = transposed(jnp.asarray(stencil))
    np.testing.assert_array_equal(dense(once), np.swapaxes(dense(stencil), 1, 2))
    np.testing.assert_array_equal(transposed(once), stencil)


@pytest.mark.parametrize("neighbours", [4, 8])
def test_labels_are_those_of_components(neighbours, landscape, graph_of):
    neighbourhood = Neighbourhood(1.0, 1.0, neighbours)
    maze = np.ones((12, 15))
    maze[1::4, :-1] = maze[3::4, 1:] = np.inf
    resistance = np.stack([*(landscape(12, 15, seed, holes=0.4 + 0.1 * seed) for seed in range(3)), maze])
    found = np.asarray(component_labels(edge_costs(jnp.asarray(resistance), neighbourhood)))
    for labels, r in zip(found, resistance, strict=True):
        _, expected = connected_components(graph_of(r, neighbourhood))
        first = {label: index for index, label in reversed(list(enumerate(expected)))}
        np.testing.assert_array_equal(labels.ravel(), [first[label] for label in expected])
