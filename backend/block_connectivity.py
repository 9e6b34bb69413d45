"""What each block of sources adds to C, the gradient of that, and which blocks a change of some cells can reach."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from numpy.typing import NDArray

from .connectivity import LandscapeModel
from .job import Report
from .landscape_blocks import Blocks, Edits, Ground
from .least_cost_pass import Cut, LeastCostPass
from .window_shape import WindowShape


def block_values(
    blocks: Blocks,
    ground: Ground,
    chosen: NDArray[np.intp],
    report: Report,
    edits: Edits | None = None,
    variant: NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """Return what each of the blocks adds to C, without self terms."""
    found = np.zeros(len(chosen))
    sums = {"found": found}
    done = _begun(blocks, sums)
    compiled = LeastCostPass(blocks.model, slopes=False) if LeastCostPass.serves(blocks.model) else None
    for window, places, cut in blocks.batches(ground, chosen, report, edits, variant, skip=done):
        if compiled is not None:
            found[places] = compiled.connectivity_of(cut, len(places), window)
        else:
            found[places] = np.asarray(_what_blocks_add(blocks.model, *cut, window))[: len(places)]
        done += len(places)
        _tell(blocks, done, sums, report)
    return found


def _begun(blocks: Blocks, sums: dict[str, NDArray[np.float64]]) -> int:
    """Return how many blocks an interrupted run had done, whose sums these then are."""
    return blocks.under_way.begin(sums) if blocks.under_way is not None and sums["found"].size else 0


def _tell(blocks: Blocks, done: int, sums: dict[str, NDArray[np.float64]], report: Report) -> None:
    if blocks.under_way is not None and done < sums["found"].size:
        blocks.under_way.done(done, sums)
    report.progress(done / sums["found"].size, "")


def block_gradients(
    blocks: Blocks, ground: Ground, chosen: NDArray[np.intp], report: Report, *, by_paths: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return what each block adds to C, and the gradient of their sum, shape (rows, columns), by resistance and by quality.

    Without `by_paths`, that by resistance is left 0, which is quicker.
    """
    found = np.zeros(len(chosen))
    by_resistance, by_quality = np.zeros(ground.resistance.shape), np.zeros(ground.resistance.shape)
    sums = {"found": found, "by-resistance": by_resistance, "by-quality": by_quality}
    done = _begun(blocks, sums)
    serves = by_paths and LeastCostPass.serves(blocks.model)
    compiled = LeastCostPass(blocks.model, slopes=True) if serves else None
    for window, places, cut in blocks.batches(ground, chosen, report, skip=done):
        if compiled is not None:
            added, of_resistance, of_quality = compiled.gradient_of(cut, len(places), window)
        else:
            added, of_resistance, of_quality = _gradients_of_blocks(blocks.model, cut, window, by_paths=by_paths)
        found[places] = added[: len(places)]
        rows, columns = blocks.corner(window, chosen[places])
        for total, values in ((by_resistance, of_resistance), (by_quality, of_quality)):
            for row, column, one in zip(rows, columns, values):
                total[row : row + window.height, column : column + window.width] += one
        done += len(places)
        _tell(blocks, done, sums, report)
    return found, blocks.gathered(by_resistance), blocks.gathered(by_quality)


def _gradients_of_blocks(
    model: LandscapeModel, cut: Cut, window: WindowShape, *, by_paths: bool
) -> tuple[NDArray, NDArray, NDArray]:
    resistance, quality, cost, latitude = cut
    if not by_paths:
        added, of_quality = _by_quality(model, resistance, quality, cost, latitude, window)
        return np.asarray(added), np.zeros((0, 0, 0)), np.asarray(of_quality)
    distance, pull = _distances_and_pullback(model, resistance, cost, latitude, window)
    added, (by_distance, of_quality) = _weighted(model, distance, quality, window)
    return np.asarray(added), np.asarray(_pulled(pull, by_distance)), np.asarray(of_quality)


def reached_blocks(
    blocks: Blocks,
    ground: Ground,
    cells: Sequence[NDArray[np.intp]],
    report: Report,
    edits: Edits | None = None,
) -> list[NDArray[np.intp]]:
    """Return, for each set of cells, the blocks with a source that a path within reach leads to from one of the cells.

    Where what lies beyond the reach has an influence, the blocks whose window holds one of the cells.
    """
    if not blocks.local:
        return [_holding(blocks, each) for each in cells]
    if blocks.count == 1:
        return [np.zeros(1, np.intp) for _ in cells]
    starts = [np.unique(blocks.block_of(each)) for each in cells]
    chosen = np.concatenate(starts) if starts else np.zeros(0, np.intp)
    owner = np.repeat(np.arange(len(cells)), [len(each) for each in starts])
    lanes = np.zeros((len(chosen), blocks.side[0] * blocks.side[1]), bool)
    first = np.cumsum([0, *(len(each) for each in starts)])
    for number, each in enumerate(cells):
        place = first[number] + np.searchsorted(starts[number], blocks.block_of(each))
        lanes[
            place, each // blocks.columns % blocks.side[0] * blocks.side[1] + each % blocks.columns % blocks.side[1]
        ] = True
    pairs = [owner * blocks.count + chosen]
    for window, places, (resistance, _, cost, latitude) in blocks.batches(ground, chosen, report, edits, owner):
        mask = np.zeros((len(resistance), lanes.shape[1]), bool)
        mask[: len(places)] = lanes[places]
        near = np.asarray(_within_reach(blocks.model, resistance, cost, latitude, jnp.asarray(mask), window))
        index, row, column = np.nonzero(near[: len(places)])
        tops, lefts = blocks.corner(window, chosen[places])
        block = (tops[index] + row - blocks.halo[0]) // blocks.side[0] * blocks.shape[1]
        block += (lefts[index] + column - blocks.halo[1]) // blocks.side[1] % blocks.shape[1]
        pairs.append(np.unique(owner[places][index] * blocks.count + block))
    every = np.unique(np.concatenate(pairs))
    return [every[every // blocks.count == number] % blocks.count for number in range(len(cells))]


def _holding(blocks: Blocks, cells: NDArray[np.intp]) -> NDArray[np.intp]:
    marked = np.zeros(blocks.shape, bool)
    _, rows, columns = blocks.places_of(cells)
    for row, column in zip(rows, columns):
        # In the padded raster a window begins at the row and column of its block in the raster, or a place around the globe.
        top = max(0, (row - 2 * blocks.halo[0]) // blocks.side[0])
        left = max(0, (column - 2 * blocks.halo[1]) // blocks.side[1])
        marked[top : row // blocks.side[0] + 1, left : max(0, column // blocks.side[1] + 1)] = True
    return np.flatnonzero(marked)


def _accessible(
    model: LandscapeModel, distance: Float[Array, "windows height width lanes"], quality: Array, window: WindowShape
) -> Float[Array, " windows"]:
    reached = (model.proximity(distance) * quality[..., None]).sum(axis=2).astype(float).sum(axis=1)
    return (window.block(quality).reshape(len(quality), window.lanes).astype(float) * reached).sum(axis=1)


@eqx.filter_jit
def _what_blocks_add(
    model: LandscapeModel,
    resistance: Array,
    quality: Array,
    cost: Array | None,
    latitude: Array | None,
    window: WindowShape,
) -> Float[Array, " windows"]:
    return _accessible(model, model.distances(resistance, window, cost, latitude), quality, window)


@eqx.filter_jit
def _distances_and_pullback(
    model: LandscapeModel, resistance: Array, cost: Array | None, latitude: Array | None, window: WindowShape
):
    return jax.vjp(lambda resistance: model.distances(resistance, window, cost, latitude), resistance)


@eqx.filter_jit
def _weighted(model: LandscapeModel, distance: Array, quality: Array, window: WindowShape):
    added, pull = jax.vjp(lambda d, q: _accessible(model, d, q, window), distance, quality)
    return added, pull(jnp.ones_like(added))


@eqx.filter_jit
def _by_quality(
    model: LandscapeModel,
    resistance: Array,
    quality: Array,
    cost: Array | None,
    latitude: Array | None,
    window: WindowShape,
):
    distance = model.distances(resistance, window, cost, latitude)
    added, pull = jax.vjp(lambda q: _accessible(model, distance, q, window), quality)
    return added, pull(jnp.ones_like(added))[0]


@eqx.filter_jit
def _pulled(pull, cotangent: Array) -> Array:
    return pull(cotangent)[0]


@eqx.filter_jit
def _within_reach(
    model: LandscapeModel,
    resistance: Array,
    cost: Array | None,
    latitude: Array | None,
    lanes: Bool[Array, "windows lanes"],
    window: WindowShape,
) -> Bool[Array, "windows height width"]:
    found = jnp.isfinite(model.distances(resistance, window, cost, latitude))
    return (found & lanes[:, None, None, :]).any(axis=-1)
