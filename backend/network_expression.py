"""Selections by expression: ``"capacity" > 10 and kind == 'forest'`` over the columns of a table."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

_BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Mod: operator.mod,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_QUOTED = re.compile(r'"([^"]*)"')


def evaluate(expression: str, value_of: Callable[[str], Any], code_of: Callable[[str, str], int]) -> Any:
    """Evaluate an expression over columns, without Python's `eval`.

    Parameters
    ----------
    expression : str
        Comparisons, arithmetic, ``and``, ``or``, ``not``. Names are columns, also in double quotes; text is in single
        quotes and is compared with ``==`` or ``!=``.
    value_of : callable
        Returns the array of a column.
    code_of : callable
        Returns the code of a text in a column of texts.

    Raises
    ------
    ValueError
        When it is no such expression; says where.
    """
    quoted: list[str] = []

    def stand_in(match: re.Match[str]) -> str:
        quoted.append(match.group(1))
        return f"_quoted_{len(quoted) - 1}_"

    try:
        tree = ast.parse(_QUOTED.sub(stand_in, expression).strip(), mode="eval")
    except SyntaxError as error:
        raise ValueError(f"the expression {expression!r} cannot be read: {error.msg}") from error
    names = {f"_quoted_{number}_": name for number, name in enumerate(quoted)}
    return _value(tree.body, names, value_of, code_of)


def _value(node: ast.AST, names: dict[str, str], value_of: Any, code_of: Any) -> Any:
    def inner(part: ast.AST) -> Any:
        return _value(part, names, value_of, code_of)

    if isinstance(node, ast.Name):
        return value_of(names.get(node.id, node.id))
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](inner(node.left), inner(node.right))
    if isinstance(node, ast.UnaryOp):
        operand = inner(node.operand)
        if isinstance(node.op, ast.Not):
            return ~operand
        if isinstance(node.op, ast.USub):
            return -operand
    if isinstance(node, ast.BoolOp):
        join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
        result = inner(node.values[0])
        for part in node.values[1:]:
            result = join(result, inner(part))
        return result
    if isinstance(node, ast.Compare):
        return _comparison(node, names, inner, code_of)
    raise ValueError(
        f"an expression cannot hold {ast.unparse(node)!r}; use columns, numbers, comparisons, and, or, not."
    )


def _comparison(node: ast.Compare, names: dict[str, str], inner: Callable[[ast.AST], Any], code_of: Any) -> Any:
    result: Any = None
    left = node.left
    for operation, right in zip(node.ops, node.comparators):
        if type(operation) not in _BINARY:
            raise ValueError(f"an expression cannot compare by {type(operation).__name__}.")
        texts = [part for part in (left, right) if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        if texts:
            named = right if texts[0] is left else left
            if not isinstance(named, ast.Name) or not isinstance(operation, (ast.Eq, ast.NotEq)):
                raise ValueError(f"text {texts[0].value!r} can only be compared with a column, by == or !=.")
            code = code_of(names.get(named.id, named.id), str(texts[0].value))
            one = _BINARY[type(operation)](inner(named), code)
        else:
            one = _BINARY[type(operation)](inner(left), inner(right))
        result = one if result is None else result & one
        left = right
    return result
