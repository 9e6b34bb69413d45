"""Functions that can be differentiated forwards and backwards, from one way to do each.

JAX derives the reverse mode from the forward mode by transposing it, and forbids the forward mode to functions with a
`custom_vjp`. The solvers know both, each computed in its own way (a sweep along the paths and one against them), and neither is
derived from the other. So the derivative becomes a linear primitive that knows its transpose.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

_linear = Primitive("driftway_linear")
_linear.multiple_results = True


def differentiable_in_both_modes(reverse: Callable[..., jax.Array], forward: Callable[..., jax.Array]) -> Callable:
    """Return a function that computes what both given ones do, with the derivatives of each in its mode.

    Parameters
    ----------
    reverse : callable
        Takes any number of pytrees of arrays and returns a floating array; can be differentiated backwards.
    forward : callable
        The same function; can be differentiated forwards. Called only where that is asked for.

    Returns
    -------
    callable
        Derivatives are with respect to floating arrays. What it should hold fixed must be bound before, and must not be traced.
    """

    @jax.custom_jvp
    def function(*operands: Any) -> jax.Array:
        return reverse(*operands)

    @function.defjvp
    def rule(operands: tuple, tangents: tuple) -> tuple[jax.Array, jax.Array]:
        leaves, tree = jax.tree.flatten(operands)
        floating = [jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves]

        def with_floating(of: Callable[..., jax.Array], all_leaves: Sequence[Any]) -> Callable[..., jax.Array]:
            def partly(*moving: Any) -> jax.Array:
                values = iter(moving)
                merged = [next(values) if moves else leaf for leaf, moves in zip(all_leaves, floating, strict=True)]
                return of(*jax.tree.unflatten(tree, merged))

            return partly

        moving = [leaf for leaf, moves in zip(leaves, floating, strict=True) if moves]
        directions = [leaf for leaf, moves in zip(jax.tree.leaves(tangents), floating, strict=True) if moves]
        found, pull = jax.vjp(with_floating(reverse, leaves), *moving)
        residuals, pull_tree = jax.tree.flatten(pull)

        def push_forward(saved: Sequence[Any], linear: Sequence[Any]) -> list[Any]:
            kept = saved[: len(leaves)]
            at = tuple(leaf for leaf, moves in zip(kept, floating, strict=True) if moves)
            return [jax.jvp(with_floating(forward, kept), at, tuple(linear))[1]]

        def pull_back(saved: Sequence[Any], linear: Sequence[Any]) -> list[Any]:
            return list(jax.tree.unflatten(pull_tree, saved[len(leaves) :])(linear[0]))

        saved = [*leaves, *residuals]
        (tangent,) = _linear.bind(
            *saved,
            *directions,
            ways=((push_forward, _kinds([found])), (pull_back, _kinds(moving))),
            saved=len(saved),
        )
        return found, tangent

    return function


def in_both_modes(function: Callable[..., jax.Array], *fixed: Any) -> Callable[..., jax.Array]:
    """Return a function of arrays from one that is told, first of all, whether it will be differentiated forwards.

    Parameters
    ----------
    function : callable
        Takes ``forward_mode``, then what is fixed, then the arrays.
    *fixed
        What is not an array.
    """
    return differentiable_in_both_modes(partial(function, False, *fixed), partial(function, True, *fixed))


def _kinds(values: Sequence[Any]) -> tuple[jax.ShapeDtypeStruct, ...]:
    return tuple(jax.ShapeDtypeStruct(jnp.shape(each), jnp.result_type(each)) for each in values)


def _computed(*operands: Any, ways: Any, saved: int) -> list[Any]:
    return ways[0][0](operands[:saved], operands[saved:])


def _abstract(*_: Any, ways: Any, saved: int) -> list[Any]:
    return [ShapedArray(kind.shape, kind.dtype) for kind in ways[0][1]]


def _forwards(primals: Any, tangents: Any, *, ways: Any, saved: int) -> tuple[list[Any], list[Any]]:
    found = _linear.bind(*primals, ways=ways, saved=saved)
    fixed = all(type(tangent) is ad.Zero for tangent in tangents[:saved])
    directions = [ad.instantiate_zeros(tangent) for tangent in tangents]
    if fixed:
        return found, _linear.bind(*primals[:saved], *directions[saved:], ways=ways, saved=saved)
    # Second derivatives: whatever the two ways can be differentiated by themselves.
    return jax.jvp(lambda *operands: _computed(*operands, ways=ways, saved=saved), tuple(primals), tuple(directions))


def _transposed(cotangents: Any, *operands: Any, ways: Any, saved: int) -> list[Any]:
    given = [ad.instantiate_zeros(each) for each in cotangents]
    return [None] * saved + _linear.bind(*operands[:saved], *given, ways=ways[::-1], saved=saved)


def _one_by_one(operands: Any, axes: Any, *, ways: Any, saved: int) -> tuple[list[Any], list[int]]:
    batched = [axis is not None for axis in axes]
    moved = [jnp.moveaxis(each, axis, 0) for each, axis, b in zip(operands, axes, batched, strict=True) if b]

    def one(values: list[Any]) -> list[Any]:
        of_one = iter(values)
        merged = [next(of_one) if b else each for each, b in zip(operands, batched, strict=True)]
        return _linear.bind(*merged, ways=ways, saved=saved)

    found = jax.lax.map(one, moved)
    return found, [0] * len(found)


_linear.def_impl(_computed)
_linear.def_abstract_eval(_abstract)
ad.primitive_jvps[_linear] = _forwards
ad.primitive_transposes[_linear] = _transposed
batching.primitive_batchers[_linear] = _one_by_one
mlir.register_lowering(_linear, mlir.lower_fun(_computed, multiple_results=True))
