"""Direct solution of nine-point systems on windows, row by row: block-tridiagonal elimination, batched over windows.

Ordered by rows, the matrix of a window couples a row of ``w`` cells only with itself and the two rows beside it. The halo above
the sources and the halo below them are eliminated side by side, from the window's edges inwards; what is left are the few
rows that hold the sources, the core. That costs ``h w^3`` operations instead of the ``(h w)^3`` of the whole matrix; the couplings reach
one column to either side only and are applied as stencils, not as products of matrices.

Everything is XLA and differentiable, forwards and backwards: the only rule of its own is that of the inverse of a block.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from ..window_shape import WindowShape

#: A matrix: ``[down + 1, right + 1, window, row, column]`` couples a cell with the one `down` rows below and `right` columns to
#: the right of it. Coefficients that would leave the window are 0.
Stencil = Float[Array, "3 3 windows height width"]


class Elimination(NamedTuple):
    """A matrix after elimination, rows first.

    Parameters
    ----------
    arms : array, shape (halo_rows, 2 windows, width, width)
        Inverse pivots of the halo: the rows above the sources from the top, beside those below from the bottom.
    core : array, shape (block_rows, windows, width, width)
        Inverse pivots of the rows that hold sources, from the top.
    arm_couplings, core_couplings : array, shape (rows, 3, 3, windows, width)
        Couplings of a row with the one eliminated before, itself, and the one after.
    """

    arms: Array
    core: Array
    arm_couplings: Array
    core_couplings: Array


@jax.custom_jvp
def _inverse(matrix: Array) -> Array:
    return jnp.linalg.inv(matrix)


@jax.custom_jvp
def _inverse_definite(matrix: Array) -> Array:
    lower = jnp.linalg.cholesky(matrix, symmetrize_input=False)
    identity = jnp.broadcast_to(jnp.eye(matrix.shape[-1], dtype=matrix.dtype), matrix.shape)
    half = lax.linalg.triangular_solve(lower, identity, left_side=True, lower=True)
    return half.mT @ half


@_inverse.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    inverse = _inverse(*primals)
    return inverse, -(inverse @ tangents[0] @ inverse)


@_inverse_definite.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    inverse = _inverse_definite(*primals)
    return inverse, -(inverse @ tangents[0] @ inverse)


def transposed(stencil: Stencil) -> Stencil:
    """Return the transposed matrix."""
    rows = []
    for down in (-1, 0, 1):
        row = []
        for right in (-1, 0, 1):
            # The coefficient that couples the cell over there with this one.
            back = jnp.pad(stencil[1 - down, 1 - right], ((0, 0), (1, 1), (1, 1)))
            height, width = stencil.shape[-2:]
            row.append(back[:, 1 + down : 1 + down + height, 1 + right : 1 + right + width])
        rows.append(jnp.stack(row))
    return jnp.stack(rows)


def eliminate(stencil: Stencil, window: WindowShape, *, definite: bool) -> Elimination:
    """Eliminate a matrix.

    Parameters
    ----------
    stencil : (3, 3, windows, height, width)
        The matrix. Its pivots are not exchanged: it must be positive definite or (weakly) diagonally dominant by rows.
    window : WindowShape
        Its block's rows are eliminated last; static.
    definite : bool
        Whether the matrix is symmetric and positive definite; static.
    """
    inverse = _inverse_definite if definite else _inverse
    arms, core = _parts(stencil, window)
    arm_pivots = _pivots(arms, _dense(arms[:, 1]), inverse)
    blocks = _dense(core[:, 1])
    if window.halo_rows:
        top, bottom = halves(_sandwich(to_arms(core), arm_pivots[-1], arms[-1, 2]))
        blocks = blocks.at[0].add(-top).at[-1].add(-bottom)
    return Elimination(arm_pivots, _pivots(core, blocks, inverse), arms, core)


def transpose(elimination: Elimination, stencil: Stencil, window: WindowShape) -> Elimination:
    """Return the elimination of the transposed matrix but for its pivots, which `solve` is told to transpose."""
    arms, core = _parts(transposed(stencil), window)
    return elimination._replace(arm_couplings=arms, core_couplings=core)


class InverseBlocks(NamedTuple):
    """Blocks of an inverse, rows first, ordered as in `Elimination`.

    Parameters
    ----------
    arms, core : array, shape (rows, windows, width, width)
        Of each row with itself.
    arms_beside, core_beside : array, shape (rows, windows, width, width)
        Minus those of the row eliminated after it with the row; of the core without its last row.
    """

    arms: Array
    core: Array
    arms_beside: Array
    core_beside: Array

    def diagonal(self) -> Float[Array, "windows height width"]:
        """Return the diagonal of the inverse."""
        return _whole(_diagonal(self.arms), _diagonal(self.core))


def diagonal_of_inverse(elimination: Elimination) -> Float[Array, "windows height width"]:
    """Return the diagonal of the inverse of an eliminated matrix."""
    outer, inner = _inverse_blocks(elimination, lambda block, beside: _diagonal(block))
    return _whole(outer, jnp.concatenate([inner, _diagonal(elimination.core[-1])[None]]))


def inverse_blocks(elimination: Elimination) -> InverseBlocks:
    """Return the inverse's blocks of each row with itself and with the row before."""
    (arms, beside), (core, core_beside) = _inverse_blocks(elimination, lambda block, beside: (block, beside))
    return InverseBlocks(arms, jnp.concatenate([core, elimination.core[-1:]]), beside, core_beside)


def _diagonal(block: Array) -> Array:
    return jnp.diagonal(block, axis1=-2, axis2=-1)


def _inverse_blocks(elimination: Elimination, keep: Callable[[Array, Array], Any]) -> tuple[Any, Any]:
    """Return what is to be kept of the inverse's blocks, of the arms and of the core without its last row."""
    arms, core, arm_couplings, core_couplings = elimination

    def step(inner: tuple[Array, Array], row: tuple[Array, Array]) -> tuple[tuple[Array, Array], Any]:
        block, back = inner
        pivot, couplings = row
        # Couplings from the left are cheaper than those from the right.
        beside = block @ couple(back, pivot)
        found = pivot + pivot @ couple(couplings[2], beside)
        return (found, couplings[0]), keep(found, beside)

    last = core[-1]
    start = (last, core_couplings[-1, 0])
    (first, _), inner = lax.scan(step, start, (core[:-1], core_couplings[:-1]), reverse=True)
    start = (jnp.concatenate([first, last]), to_arms(core_couplings))
    _, outer = lax.scan(step, start, (arms, arm_couplings), reverse=True)
    return outer, inner


def solve(
    elimination: Elimination,
    core: Float[Array, "rows windows width values"],
    arms: Float[Array, "halo windows2 width values"] | None = None,
    *,
    mirrored: bool = False,
) -> Float[Array, "windows height width values"]:
    """Solve an eliminated system.

    Parameters
    ----------
    elimination : Elimination
    core : (block_rows, windows, width, values)
        Right-hand sides in the rows that hold sources; see `split` for whole windows.
    arms : (halo_rows, 2 windows, width, values)
        Those in the halo; by default 0.
    mirrored : bool
        Whether the pivots are to be transposed, see `transpose`; static.
    """
    forward, backward, unloaded = (partial(each, mirrored) for each in (_forward, _backward, _backward_unloaded))
    arm_pivots, core_pivots, arm_couplings, core_couplings = elimination
    values = core.shape[-1]
    ends = jnp.zeros((2 * core.shape[1], core.shape[2], values), core.dtype)
    partly = None
    if arms is not None and len(arm_pivots):
        _, partly = lax.scan(forward, ends, (arm_pivots, arm_couplings[:, 0], arms))
        top, bottom = halves(couple(to_arms(core_couplings), partly[-1]))
        core = core.at[0].add(-top).at[-1].add(-bottom)
    _, inner = lax.scan(forward, ends[: core.shape[1]], (core_pivots, core_couplings[:, 0], core))
    last = inner[-1]
    first, solved = lax.scan(backward, last, (core_pivots[:-1], core_couplings[:-1, 2], inner[:-1]), reverse=True)
    solved = jnp.concatenate([solved, last[None]])
    start = jnp.concatenate([first, last])
    if partly is None:
        _, outer = lax.scan(unloaded, start, (arm_pivots, arm_couplings[:, 2]), reverse=True)
    else:
        _, outer = lax.scan(backward, start, (arm_pivots, arm_couplings[:, 2], partly), reverse=True)
    return _whole(outer, solved)


def split(values: Float[Array, "windows height width values"], window: WindowShape) -> tuple[Array, Array]:
    """Return the core and the arms of right-hand sides."""
    rows = jnp.moveaxis(values, 1, 0)
    first, last = window.halo_rows, window.halo_rows + window.block_rows
    return rows[first:last], jnp.concatenate([rows[:first], rows[last:][::-1]], axis=1)


def unit_sources(
    window: WindowShape, windows: int, dtype: jnp.dtype, lanes: Int[Array, " chosen"] | None = None
) -> Float[Array, "rows windows width lanes"]:
    """Return right-hand sides, 1 at the source of each lane (or of some), in the rows that hold sources."""
    lanes = jnp.arange(window.lanes) if lanes is None else lanes
    ones = jnp.zeros((window.block_rows, window.width, len(lanes)), dtype)
    rows, columns = lanes // window.block_columns, window.halo_columns + lanes % window.block_columns
    ones = ones.at[rows, columns, jnp.arange(len(lanes))].set(1)
    return jnp.broadcast_to(ones[:, None], (window.block_rows, windows, window.width, len(lanes)))


def _parts(stencil: Stencil, window: WindowShape) -> tuple[Array, Array]:
    """Return the couplings of the arms, both from their outer ends inwards, and of the core; rows first."""
    rows = jnp.transpose(stencil, (3, 0, 1, 2, 4))
    first, last = window.halo_rows, window.halo_rows + window.block_rows
    from_below = rows[last:][::-1, ::-1]
    return jnp.concatenate([rows[:first], from_below], axis=3), rows[first:last]


def to_arms(core_couplings: Array) -> Array:
    """Return the couplings of the core's first and last rows with the arms."""
    return jnp.concatenate([core_couplings[0, 0], core_couplings[-1, 2]], axis=1)


def halves(values: Array) -> tuple[Array, Array]:
    """Return the parts of the upper and of the lower arm; windows first."""
    middle = values.shape[0] // 2
    return values[:middle], values[middle:]


def _whole(outer: Array, inner: Array) -> Array:
    """Put arms (halo, 2 windows, ...) and core (rows, windows, ...) together to (windows, height, ...)."""
    windows = inner.shape[1]
    rows = jnp.concatenate([outer[:, :windows], inner, outer[::-1, windows:]])
    return jnp.moveaxis(rows, 0, 1)


def _pivots(couplings: Array, blocks: Array, inverse: object) -> Array:
    def step(before: tuple[Array, Array], row: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
        pivot, forth = before
        couplings, block = row
        found = inverse(block - _sandwich(couplings[0], pivot, forth))  # type: ignore[operator]
        return (found, couplings[2]), found

    start = (jnp.zeros(blocks.shape[1:], blocks.dtype), jnp.zeros(couplings.shape[2:], couplings.dtype))
    return lax.scan(step, start, (couplings, blocks))[1]


def _forward(mirrored: bool, before: Array, row: tuple[Array, Array, Array]) -> tuple[Array, Array]:
    pivot, back, values = row
    found = (pivot.mT if mirrored else pivot) @ (values - couple(back, before))
    return found, found


def _backward(mirrored: bool, after: Array, row: tuple[Array, Array, Array]) -> tuple[Array, Array]:
    pivot, forth, values = row
    found = values - (pivot.mT if mirrored else pivot) @ couple(forth, after)
    return found, found


def _backward_unloaded(mirrored: bool, after: Array, row: tuple[Array, Array]) -> tuple[Array, Array]:
    pivot, forth = row
    found = -((pivot.mT if mirrored else pivot) @ couple(forth, after))
    return found, found


def couple(coupling: Array, values: Array) -> Array:
    """Multiply values (windows, width, any) by a coupling (3, windows, width) from the left."""
    left, middle, right = coupling[..., None]
    padded = jnp.pad(values, ((0, 0), (1, 1), (0, 0)))
    return left * padded[:, :-2] + middle * values + right * padded[:, 2:]


def couple_from_right(values: Array, coupling: Array) -> Array:
    """Multiply values (windows, any, width) by a coupling (3, windows, width) from the right."""
    # Scaled columns move to where they couple to: gathered, so that nothing is scattered.
    left, middle, right = jnp.pad(coupling, ((0, 0), (0, 0), (1, 1)))[:, :, None]
    padded = jnp.pad(values, ((0, 0), (0, 0), (1, 1)))
    moved_left, moved_right = padded[..., 2:] * left[..., 2:], padded[..., :-2] * right[..., :-2]
    return moved_left + values * middle[..., 1:-1] + moved_right


def _sandwich(one: Array, values: Array, other: Array) -> Array:
    return couple_from_right(couple(one, values), other)


def _dense(couplings: Array) -> Array:
    """Return blocks (rows, windows, width, width) of couplings within rows (rows, 3, windows, width)."""
    width = couplings.shape[-1]
    offset = jnp.arange(width)[None, :] - jnp.arange(width)[:, None]
    left, middle, right = (couplings[:, each, :, :, None] for each in range(3))
    return jnp.where(offset == 0, middle, jnp.where(offset == -1, left, jnp.where(offset == 1, right, 0)))
