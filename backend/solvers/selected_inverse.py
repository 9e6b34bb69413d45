r"""The parts of a window's inverse matrix that distances need, with a gradient that is an elimination itself.

Differentiating the elimination step by step takes several times as long as the elimination. But the gradient with respect to
the matrix :math:`N` of something that depends on :math:`\mathrm{diag}(N^{-1})`, with cotangents :math:`\mu`, is
:math:`-(N^{-1} \mathrm{diag}(\mu) N^{-1})^T` where N has entries, and these entries of :math:`P = N^{-1} \mathrm{diag}(\mu) N^{-1}` follow
from minus the derivative of the elimination's own recursions in the direction :math:`\mathrm{diag}(\mu)`. Solutions add outer products.
"""

import functools
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..window_shape import WindowShape
from .block_elimination import (
    Elimination,
    InverseBlocks,
    Stencil,
    couple,
    diagonal_of_inverse,
    eliminate,
    halves,
    inverse_blocks,
    solve,
    split,
    to_arms,
    transpose,
    transposed,
)

#: Products that are summed up at once: fewer passes over the sums.
_AT_ONCE = 8

#: Diagonal, rows, and solutions (windows, height, width, values), or None where there are no right-hand sides.
Selected = tuple[
    Float[Array, "windows height width"],
    Float[Array, "windows height width lanes"],
    Any,
]


class Selection(NamedTuple):
    """What the gradient of a selected inverse needs.

    Parameters
    ----------
    stencil : Stencil
    elimination : Elimination
    blocks : InverseBlocks
    rows, columns : array or None
        As they were found.
    """

    stencil: Stencil
    elimination: Elimination
    blocks: InverseBlocks
    rows: Array
    columns: Array | None

    def selected(self) -> Selected:
        """Return what was found."""
        return self.blocks.diagonal(), self.rows, self.columns


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
        return select(stencil, units, right, window, definite=definite, keep=False)[0]
    return _selected_inverse(stencil, units, right, window, definite)


def select(
    stencil: Stencil, units: Array, right: Array | None, window: WindowShape, *, definite: bool, keep: bool
) -> tuple[Selected, Selection | None]:
    """Return the same as `selected_inverse`, and what `pull_back` needs if that is to be kept; to be differentiated forwards."""
    elimination = eliminate(stencil, window, definite=definite)
    blocks = inverse_blocks(elimination) if keep else None
    columns = None if right is None else _solved(window, False, elimination, stencil, right)
    rows = _rows(window, not definite, elimination, stencil, units)
    diagonal = diagonal_of_inverse(elimination) if blocks is None else blocks.diagonal()
    kept = None if blocks is None else Selection(stencil, elimination, blocks, rows, columns)
    return (diagonal, rows, columns), kept


def pull_back(
    kept: Selection, cotangents: Selected, window: WindowShape, *, definite: bool
) -> tuple[Stencil, Array | None]:
    """Return the gradient with respect to the matrix and the right-hand sides; to be differentiated forwards."""
    stencil, elimination, blocks, rows, columns = kept
    of_diagonal, of_rows, of_columns = cotangents
    gradient = _of_diagonal(elimination, blocks, of_diagonal, window, definite)
    gradient += _outer(rows, _solved(window, False, elimination, stencil, of_rows))
    of_right = None
    if columns is not None:
        of_right = _solved(window, not definite, elimination, stencil, of_columns)
        gradient += _outer(of_right, columns)
    return -gradient, of_right


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _solved(window: WindowShape, mirrored: bool, elimination: Elimination, stencil: Stencil, right: Array) -> Array:
    """Return solutions; `mirrored`: with the transposed matrix."""
    turned = transpose(elimination, stencil, window) if mirrored else elimination
    return solve(turned, *split(right, window), mirrored=mirrored)


@_solved.defjvp
def _(window: WindowShape, mirrored: bool, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    found = _solved(window, mirrored, *primals)
    return found, _change(window, mirrored, found, primals, tangents, tangents[2])


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _rows(window: WindowShape, mirrored: bool, elimination: Elimination, stencil: Stencil, units: Array) -> Array:
    """Return the inverse's rows at the sources, or its columns where it is symmetric."""
    turned = transpose(elimination, stencil, window) if mirrored else elimination
    return solve(turned, units, mirrored=mirrored)


@_rows.defjvp
def _(window: WindowShape, mirrored: bool, primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    found = _rows(window, mirrored, *primals)
    return found, _change(window, mirrored, found, primals, tangents, None)


def _change(
    window: WindowShape, mirrored: bool, found: Array, primals: tuple, tangents: tuple, of_right: Array | None
) -> Array:
    """Return the change of a solution: one more solution, and no change of the elimination."""
    change = transposed(tangents[1]) if mirrored else tangents[1]
    right = -_times(change, found)
    return _solved(window, mirrored, *primals[:2], right if of_right is None else right + of_right)


def _times(stencil: Stencil, values: Array) -> Array:
    """Return the product of a matrix with columns (windows, height, width, values)."""
    height, width = values.shape[1:3]
    padded = jnp.pad(values, ((0, 0), (1, 1), (1, 1), (0, 0)))
    places = [(down, right) for down in range(3) for right in range(3)]
    return cast(Array, sum(stencil[a, b][..., None] * padded[:, a : a + height, b : b + width] for a, b in places))


@functools.partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def _selected_inverse(
    stencil: Stencil, units: Array, right: Array | None, window: WindowShape, definite: bool
) -> Selected:
    return select(stencil, units, right, window, definite=definite, keep=False)[0]


def _forward(stencil: Stencil, units: Array, right: Array | None, window: WindowShape, definite: bool) -> tuple:
    found, kept = select(stencil, units, right, window, definite=definite, keep=True)
    return found, (kept, units)


def _backward(window: WindowShape, definite: bool, saved: tuple, cotangents: Selected) -> tuple:
    kept, units = saved
    of_stencil, of_right = pull_back(kept, cotangents, window, definite=definite)
    return of_stencil, jnp.zeros_like(units), of_right


_selected_inverse.defvjp(_forward, _backward)


def _outer(one: Array, other: Array) -> Stencil:
    """Return, where a stencil has entries, the sum over the last axis of one (here) times other (over there)."""
    height, width, count = one.shape[1:]
    group = min(count, _AT_ONCE)
    few = [(0, 0)] * 3 + [(0, -count % group)]

    def first(values: Array) -> Array:
        """Put groups of the last axis first, and each group next to the windows."""
        return jnp.moveaxis(jnp.pad(values, few).reshape(*values.shape[:-1], -1, group), (3, 4), (0, 1))

    def add(found: list, part: tuple[Array, Array]) -> tuple[list, None]:
        here, there = part
        for down in range(3):
            for right in range(3):
                beside = there[:, :, down : down + height, right : right + width]
                found[down][right] += sum(here[each] * beside[each] for each in range(group))
        return found, None

    nothing = [[jnp.zeros(one.shape[:3], one.dtype)] * 3 for _ in range(3)]
    beside = jnp.pad(first(other), [(0, 0)] * 3 + [(1, 1)] * 2)
    return jnp.stack([jnp.stack(row) for row in lax.scan(add, nothing, (first(one), beside))[0]])


def _diagonals(block: Array) -> Array:
    """Return entries [j - 1, j], [j, j] and [j + 1, j] of blocks (..., width, width), 0 outside: (3, ..., width)."""
    none = [(0, 0)] * (block.ndim - 2)
    take = functools.partial(jnp.diagonal, block, axis1=-2, axis2=-1)
    return jnp.stack([jnp.pad(take(1), [*none, (1, 0)]), take(0), jnp.pad(take(-1), [*none, (0, 1)])])


def _of_diagonal(
    elimination: Elimination, blocks: InverseBlocks, weights: Array, window: WindowShape, definite: bool
) -> Stencil:
    """Return the entries of (G diag(weights) G)^T, G the inverse, where a stencil has entries."""
    arms, core, arm_couplings, core_couplings = elimination
    core_weights, arm_weights = split(weights[..., None], window)
    arm_changes = _changes(arms, arm_couplings, arm_weights, jnp.zeros_like(arms))
    from_arms = jnp.zeros_like(core)
    if window.halo_rows:
        ends = jnp.concatenate([core[0], core[-1]])
        both = couple(to_arms(core_couplings), arm_changes[-1] @ couple(arm_couplings[-1, 2], ends))
        top, bottom = halves(both)
        from_arms = from_arms.at[0].add(top).at[-1].add(bottom)
    core_changes = _changes(core, core_couplings, core_weights, from_arms)

    step = functools.partial(_outwards, definite)
    last = (core_changes[-1], blocks.core[-1], core_couplings[-1, 0])
    rows = (core[:-1], core_changes[:-1], blocks.core[:-1], blocks.core_beside, core_couplings[:-1])
    (first, first_block, _), (within, forth, back) = lax.scan(step, last, rows, reverse=True)
    within = jnp.concatenate([within, _diagonals(last[0])[None]])
    nothing = jnp.zeros_like(within[:1])
    forth, back = jnp.concatenate([forth, nothing]), jnp.concatenate([nothing, back])

    start = (
        jnp.concatenate([first, last[0]]),
        jnp.concatenate([first_block, last[1]]),
        to_arms(core_couplings),
    )
    rows = (arms, arm_changes, blocks.arms, blocks.arms_beside, arm_couplings)
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


def _changes(pivots: Array, couplings: Array, weights: Array, further: Array) -> Array:
    """Return how much less the inverse pivots get, to first order, when weights are added to the matrix's diagonal.

    `further` is what else is added to the rows' blocks, times their inverse pivots.
    """

    def step(before: tuple[Array, Array], row: tuple[Array, ...]) -> tuple[tuple[Array, Array], Array]:
        less, forth = before
        pivot, couplings, weight, more = row
        found = pivot @ (weight * pivot + more + couple(couplings[0], less @ couple(forth, pivot)))
        return (found, couplings[2]), found

    start = (jnp.zeros_like(pivots, shape=pivots.shape[1:]), jnp.zeros_like(couplings, shape=couplings.shape[2:]))
    return lax.scan(step, start, (pivots, couplings, weights, further))[1]


def _outwards(
    definite: bool, inner: tuple[Array, Array, Array], row: tuple[Array, ...]
) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
    """Go from a row's block of P to that of the row before; return also the entries within, forth to it and back."""
    below, block, back = inner
    pivot, less, own, beside, couplings = row
    of_below, of_less = below @ couple(back, pivot), block @ couple(back, less)
    backwards = of_below + of_less
    if definite:
        half = pivot @ couple(couplings[2], backwards + of_less)
        found = less + (half + half.mT) / 2
        forth = _diagonals(backwards.mT)
    else:
        found = less + less @ couple(couplings[2], beside) + pivot @ couple(couplings[2], backwards)
        forth = _banded(less, couple(couplings[2], block)) + _banded(pivot, couple(couplings[2], below))
    entries = (_diagonals(found), -_diagonals(backwards), -forth)
    return (found, own, couplings[0]), entries


def _banded(one: Array, other: Array) -> Array:
    """Return `_diagonals` of a product of blocks (windows, width, width)."""
    turned = jnp.pad(one.mT, ((0, 0), (0, 0), (1, 1)))
    width = one.shape[-1]
    return jnp.stack([(turned[..., shift : shift + width] * other).sum(axis=-2) for shift in range(3)])
