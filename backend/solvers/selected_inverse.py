r"""The parts of a window's inverse matrix that distances need, with a gradient that is an elimination itself.

Differentiating the elimination step by step takes several times as long as the elimination. But the gradient with respect to
the matrix :math:`N` of something that depends on :math:`\mathrm{diag}(N^{-1})`, with cotangents :math:`\mu`, is
:math:`-(N^{-1} \mathrm{diag}(\mu) N^{-1})^T` where N has entries, and these entries of :math:`P = N^{-1} \mathrm{diag}(\mu) N^{-1}` follow
from minus the derivative of the elimination's own recursions in the direction :math:`\mathrm{diag}(\mu)`. Solutions add outer products.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..window_shape import WindowShape
from .block_elimination import (
    Elimination,
    Stencil,
    couple,
    couple_from_right,
    diagonal_of_inverse,
    eliminate,
    halves,
    inverse_blocks,
    solve,
    split,
    to_arms,
    transpose,
)

#: Diagonal, rows, and solutions (windows, height, width, values), or None where there are no right-hand sides.
Selected = tuple[
    Float[Array, "windows height width"],
    Float[Array, "windows height width lanes"],
    Any,
]


def selected_inverse(
    stencil: Stencil,
    units: Float[Array, "rows windows width lanes"],
    right: Float[Array, "windows height width values"] | None,
    window: WindowShape,
    *,
    definite: bool,
    forward_mode: bool = False,
) -> Selected:
    """Return the diagonal of a matrix's inverse, its rows at the sources, and solutions.

    Parameters
    ----------
    stencil : (3, 3, windows, height, width)
        See `eliminate`.
    units : (rows, windows, width, lanes)
        1 at the source of each lane, see `unit_sources`; not differentiated.
    right : (windows, height, width, values), optional
        Right-hand sides.
    window : WindowShape
        Static.
    definite : bool
        Whether the matrix is symmetric and positive definite; then its derivative is that along symmetric changes. Static.
    forward_mode : bool
        Whether it will be differentiated forwards instead of backwards. Static.

    Returns
    -------
    tuple
        Diagonal (windows, height, width), rows (windows, height, width, lanes), solutions or None.
    """
    if forward_mode:
        return _found(eliminate(stencil, window, definite=definite), stencil, units, right, window, definite)
    return _selected_inverse(stencil, units, right, window, definite)


def _found(
    elimination: Elimination,
    stencil: Stencil,
    units: Array,
    right: Array | None,
    window: WindowShape,
    definite: bool,
    diagonal: Array | None = None,
) -> Selected:
    columns = None if right is None else solve(elimination, *split(right, window))
    mirrored = elimination if definite else transpose(elimination, stencil, window)
    if diagonal is None:
        diagonal = diagonal_of_inverse(elimination)
    return diagonal, solve(mirrored, units), columns


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _selected_inverse(
    stencil: Stencil, units: Array, right: Array | None, window: WindowShape, definite: bool
) -> Selected:
    return _found(eliminate(stencil, window, definite=definite), stencil, units, right, window, definite)


def _forward(stencil: Stencil, units: Array, right: Array | None, window: WindowShape, definite: bool) -> tuple:
    elimination = eliminate(stencil, window, definite=definite)
    blocks = inverse_blocks(elimination)
    found = _found(elimination, stencil, units, right, window, definite, blocks.diagonal())
    return found, (elimination, blocks, stencil, units, found[1], found[2])


def _backward(window: WindowShape, definite: bool, saved: tuple, cotangents: Selected) -> tuple:
    elimination, blocks, stencil, units, rows, columns = saved
    of_diagonal, of_rows, of_columns = cotangents
    gradient = _of_diagonal(elimination, blocks, of_diagonal, window, definite)
    gradient += _outer(rows, solve(elimination, *split(of_rows, window)))
    of_right = None
    if columns is not None:
        mirrored = elimination if definite else transpose(elimination, stencil, window)
        of_right = solve(mirrored, *split(of_columns, window))
        gradient += _outer(of_right, columns)
    return -gradient, jnp.zeros_like(units), of_right


_selected_inverse.defvjp(_forward, _backward)


def _outer(one: Array, other: Array) -> Stencil:
    """Return, where a stencil has entries, the sum over the last axis of one (here) times other (over there)."""
    above, below = (
        jnp.pad(other[:, :-1], ((0, 0), (1, 0), (0, 0), (0, 0))),
        jnp.pad(other[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0))),
    )
    # Rows of products, of which three diagonals are kept.
    return jnp.stack([_diagonals(there @ one.mT) for there in (above, other, below)])


def _diagonals(block: Array) -> Array:
    """Return entries [j - 1, j], [j, j] and [j + 1, j] of blocks (..., width, width), 0 outside: (3, ..., width)."""
    none = [(0, 0)] * (block.ndim - 2)
    take = functools.partial(jnp.diagonal, block, axis1=-2, axis2=-1)
    return jnp.stack([jnp.pad(take(1), [*none, (1, 0)]), take(0), jnp.pad(take(-1), [*none, (0, 1)])])


def _of_diagonal(
    elimination: Elimination, blocks: Elimination, weights: Array, window: WindowShape, definite: bool
) -> Stencil:
    """Return the entries of (G diag(weights) G)^T, G the inverse, where a stencil has entries."""
    arms, core, arm_couplings, core_couplings = elimination
    core_weights, arm_weights = split(weights[..., None], window)
    arm_changes = _changes(arms, arm_couplings, _diagonal_blocks(arm_weights))
    changes = _diagonal_blocks(core_weights)
    if window.halo_rows:
        from_arms = _sandwich(to_arms(core_couplings), arm_changes[-1], arm_couplings[-1, 2])
        top, bottom = halves(from_arms)
        changes = changes.at[0].add(top).at[-1].add(bottom)
    core_changes = _changes(core, core_couplings, changes)

    step = functools.partial(_outwards, definite)
    last = (core_changes[-1], blocks.core[-1], core_couplings[-1, 0])
    rows = (core[:-1], core_changes[:-1], blocks.core[:-1], core_couplings[:-1])
    (first, first_block, _), (within, forth, back) = lax.scan(step, last, rows, reverse=True)
    within = jnp.concatenate([within, _diagonals(last[0])[None]])
    nothing = jnp.zeros_like(within[:1])
    forth, back = jnp.concatenate([forth, nothing]), jnp.concatenate([nothing, back])

    start = (
        jnp.concatenate([first, last[0]]),
        jnp.concatenate([first_block, last[1]]),
        to_arms(core_couplings),
    )
    rows = (arms, arm_changes, blocks.arms, arm_couplings)
    _, (arm_within, arm_forth, arm_back) = lax.scan(step, start, rows, reverse=True)
    if window.halo_rows:
        top, bottom = arm_back[-1, :, : core.shape[1]], arm_back[-1, :, core.shape[1] :]
        back, forth = back.at[0].set(top), forth.at[-1].set(bottom)
    arm_back = jnp.concatenate([jnp.zeros_like(arm_back[:1]), arm_back[:-1]]) if len(arms) else arm_back
    inner = jnp.stack([back, within, forth], axis=1)
    outer = jnp.stack([arm_back, arm_within, arm_forth], axis=1)
    windows = core.shape[1]
    whole = jnp.concatenate([outer[..., :windows, :], inner, outer[::-1, ::-1, :, windows:]])
    return jnp.transpose(whole, (1, 2, 3, 0, 4))


def _changes(pivots: Array, couplings: Array, changes: Array) -> Array:
    """Return how much less the inverse pivots get, to first order, when that is added to the rows' diagonal blocks."""

    def step(before: tuple[Array, Array], row: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], Array]:
        less, forth = before
        pivot, couplings, change = row
        found = pivot @ (change + _sandwich(couplings[0], less, forth)) @ pivot
        return (found, couplings[2]), found

    start = (jnp.zeros_like(pivots, shape=pivots.shape[1:]), jnp.zeros_like(couplings, shape=couplings.shape[2:]))
    return lax.scan(step, start, (pivots, couplings, changes))[1]


def _outwards(
    definite: bool, inner: tuple[Array, Array, Array], row: tuple[Array, Array, Array, Array]
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
    """Go from a row's block of P to that of the row before; return also the entries within, forth to it and back."""
    below, block, back = inner
    pivot, less, own, couplings = row
    twice = less @ couple(couplings[2], block)
    forth = twice + pivot @ couple(couplings[2], below)
    if definite:
        half = less + couple_from_right(forth + twice, back) @ pivot
        found, backwards = (half + half.mT) / 2, forth.mT
    else:
        backwards = couple_from_right(below, back) @ pivot + couple_from_right(block, back) @ less
        found = less + pivot @ couple(couplings[2], backwards) + couple_from_right(twice, back) @ pivot
    entries = (_diagonals(found), -_diagonals(backwards), -_diagonals(forth))
    return (found, own, couplings[0]), entries


def _sandwich(one: Array, values: Array, other: Array) -> Array:
    return couple_from_right(couple(one, values), other)


def _diagonal_blocks(values: Array) -> Array:
    """Return diagonal blocks of values (rows, windows, width, 1)."""
    return values * jnp.eye(values.shape[-2], dtype=values.dtype)
