"""Dense 4 x 4 tiles of several windows side by side: what elimination and substitution are made of.

A tile holds one SIMD vector, a value for each window, per entry, column after column. The instructions are written as LLVM
code, so that the sixteen running sums stay in registers; Numba's own loops would go through memory. A factor holds, for each
panel of four rows, four entries for each column; the entry on the diagonal is the inverse of the factor's.

The width of a factor's entries is that of the right-hand sides, or 1 where all windows share one factor.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

SIDE = 4
_DOUBLE = ir.DoubleType()


def _instruction(typing: Callable[..., Any]) -> Callable[..., Any]:
    # Numba leaves `intrinsic` unannotated. What it makes is called without the typing context, on values instead of types.
    return intrinsic(typing)


class _Lanes:
    """Vectors of `count` doubles behind one array's pointer, counted in vectors; single doubles become vectors when read."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any, count: int, width: int) -> None:
        self._builder = builder
        self._vector = ir.VectorType(_DOUBLE, count)
        self._single = width == 1 and count != 1
        data = context.make_array(kind)(context, builder, array).data
        self._pointer = data if self._single else builder.bitcast(data, self._vector.as_pointer())

    def _at(self, base: Any, offset: int) -> Any:
        place = self._builder.add(base, ir.Constant(base.type, offset)) if offset else base
        return self._builder.gep(self._pointer, [place])

    def read(self, base: Any, offset: int = 0) -> Any:
        value = self._builder.load(self._at(base, offset), align=8)
        return splat(self._builder, value, self._vector.count) if self._single else value

    def write(self, value: Any, base: Any, offset: int = 0) -> None:
        self._builder.store(value, self._at(base, offset), align=8)


def splat(builder: Any, scalar: Any, count: int) -> Any:
    """Return a vector of one scalar."""
    kind = ir.VectorType(scalar.type, count)
    single = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), count), [0] * count)
    return builder.shuffle_vector(single, single, zeros)


def call(builder: Any, name: str, *values: Any) -> Any:
    """Call an LLVM function on vectors."""
    kind = values[0].type
    function = builder.module.declare_intrinsic(
        f"llvm.{name}.v{kind.count}f64", (), ir.FunctionType(kind, [kind] * len(values))
    )
    return builder.call(function, values)


def _minus_product(builder: Any, value: Any, one: Any, other: Any) -> Any:
    """Return value - one x other, rounded once where the processor can."""
    return call(builder, "fmuladd", builder.fneg(one), other, value)


def _times4(builder: Any, index: Any) -> Any:
    return builder.mul(index, ir.Constant(index.type, SIDE))


@_instruction
def tile_update(typing_context, tiles, tile, factor, rows, columns, depth, width):
    """Subtract the product of two panels of a factor, ``depth`` columns deep, from a tile."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count = signature.args[6].count
        target = _Lanes(context, builder, tiles, arguments[0], count, count)
        panel = _Lanes(context, builder, factor, arguments[2], count, count)
        tile, rows, columns, depth = arguments[1], arguments[3], arguments[4], arguments[5]
        sums = [cgutils.alloca_once_value(builder, target.read(tile, i)) for i in range(SIDE * SIDE)]
        with cgutils.for_range(builder, depth) as loop:
            step = _times4(builder, loop.index)
            row = [panel.read(builder.add(rows, step), a) for a in range(SIDE)]
            for b in range(SIDE):
                column = panel.read(builder.add(columns, step), b)
                for a in range(SIDE):
                    place = sums[b * SIDE + a]
                    builder.store(_minus_product(builder, builder.load(place), row[a], column), place)
        for i, place in enumerate(sums):
            target.write(builder.load(place), tile, i)
        return context.get_dummy_value()

    return types.void(tiles, types.intp, factor, types.intp, types.intp, types.intp, width), generate


@_instruction
def tile_factor(typing_context, tiles, tile, factor, place, width):
    """Factorise a symmetric positive definite tile, of which the lower half is read, into a panel."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count = signature.args[4].count
        source = _Lanes(context, builder, tiles, arguments[0], count, count)
        panel = _Lanes(context, builder, factor, arguments[2], count, count)
        tile, place = arguments[1], arguments[3]
        value = {(a, b): source.read(tile, b * SIDE + a) for b in range(SIDE) for a in range(b, SIDE)}
        zero = ir.Constant(ir.VectorType(_DOUBLE, count), [0.0] * count)
        one = ir.Constant(ir.VectorType(_DOUBLE, count), [1.0] * count)
        for b in range(SIDE):
            inverse = builder.fdiv(one, call(builder, "sqrt", value[b, b]))
            for a in range(b + 1, SIDE):
                value[a, b] = builder.fmul(value[a, b], inverse)
            for c in range(b + 1, SIDE):
                for a in range(c, SIDE):
                    value[a, c] = _minus_product(builder, value[a, c], value[a, b], value[c, b])
            for a in range(SIDE):
                entry = inverse if a == b else value[a, b] if a > b else zero
                panel.write(entry, place, b * SIDE + a)
        return context.get_dummy_value()

    return types.void(tiles, types.intp, factor, types.intp, width), generate


@_instruction
def tile_solve(typing_context, tiles, tile, factor, diagonal, place, width):
    """Divide a tile from the right by the transposed factor of a diagonal tile; the quotient goes into the factor."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count = signature.args[5].count
        source = _Lanes(context, builder, tiles, arguments[0], count, count)
        panel = _Lanes(context, builder, factor, arguments[2], count, count)
        tile, diagonal, place = arguments[1], arguments[3], arguments[4]
        found: dict[tuple[int, int], Any] = {}
        for b in range(SIDE):
            entries = [panel.read(diagonal, c * SIDE + b) for c in range(b + 1)]
            for a in range(SIDE):
                value = source.read(tile, b * SIDE + a)
                for c in range(b):
                    value = _minus_product(builder, value, found[a, c], entries[c])
                found[a, b] = builder.fmul(value, entries[b])
        for (a, b), value in found.items():
            panel.write(value, place, b * SIDE + a)
        return context.get_dummy_value()

    return types.void(tiles, types.intp, factor, types.intp, types.intp, width), generate


@_instruction
def panel_back(typing_context, factor, panel, depth, known, place, work, factor_width, width):
    """Subtract from ``work`` what four known unknowns contribute through a panel, ``depth`` columns deep."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count, single = signature.args[7].count, signature.args[6].count
        entries = _Lanes(context, builder, factor, arguments[0], count, single)
        values = _Lanes(context, builder, known, arguments[3], count, count)
        sums = _Lanes(context, builder, work, arguments[5], count, count)
        four = [values.read(arguments[4], a) for a in range(SIDE)]
        with cgutils.for_range(builder, arguments[2]) as loop:
            column = builder.add(arguments[1], _times4(builder, loop.index))
            value = sums.read(loop.index)
            for a in range(SIDE):
                value = _minus_product(builder, value, entries.read(column, a), four[a])
            sums.write(value, loop.index)
        return context.get_dummy_value()

    return types.void(factor, types.intp, types.intp, known, types.intp, work, factor_width, width), generate


@_instruction
def panel_forward(typing_context, factor, panel, depth, known, sums, place, factor_width, width):
    """Subtract from four sums what ``depth`` known unknowns contribute through a panel."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count, single = signature.args[7].count, signature.args[6].count
        entries = _Lanes(context, builder, factor, arguments[0], count, single)
        values = _Lanes(context, builder, known, arguments[3], count, count)
        target = _Lanes(context, builder, sums, arguments[4], count, count)
        four = [cgutils.alloca_once_value(builder, target.read(arguments[5], a)) for a in range(SIDE)]
        with cgutils.for_range(builder, arguments[2]) as loop:
            column = builder.add(arguments[1], _times4(builder, loop.index))
            value = values.read(loop.index)
            for a in range(SIDE):
                builder.store(_minus_product(builder, builder.load(four[a]), entries.read(column, a), value), four[a])
        for a in range(SIDE):
            target.write(builder.load(four[a]), arguments[5], a)
        return context.get_dummy_value()

    return types.void(factor, types.intp, types.intp, known, sums, types.intp, factor_width, width), generate


def _substitution(backwards: bool) -> Callable[..., Any]:
    def typing(typing_context, factor, diagonal, work, place, factor_width, width):
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            count, single = signature.args[5].count, signature.args[4].count
            entries = _Lanes(context, builder, factor, arguments[0], count, single)
            values = _Lanes(context, builder, work, arguments[2], count, count)
            order = list(reversed(range(SIDE))) if backwards else list(range(SIDE))
            found: dict[int, Any] = {}
            for b in order:
                value = values.read(arguments[3], b)
                for a, known in found.items():
                    entry = entries.read(arguments[1], b * SIDE + a if backwards else a * SIDE + b)
                    value = _minus_product(builder, value, entry, known)
                found[b] = builder.fmul(value, entries.read(arguments[1], b * SIDE + b))
            for b, value in found.items():
                values.write(value, arguments[3], b)
            return context.get_dummy_value()

        return types.void(factor, types.intp, work, types.intp, factor_width, width), generate

    return typing


#: Solve four equations with the transposed factor of a diagonal tile, in place.
tile_back = _instruction(_substitution(backwards=True))
#: Solve four equations with the factor of a diagonal tile, in place.
tile_forward = _instruction(_substitution(backwards=False))
