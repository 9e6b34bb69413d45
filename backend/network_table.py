"""A table of columns as a pytree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Int

from .network_columns import STRUCTURE, absent_mark
from .network_expression import evaluate

_NO_CODE = -2


class Table(eqx.Module):
    """Columns of equal length; frozen, and a pytree with one leaf a column whatever the number of rows.

    Parameters
    ----------
    names : tuple of str
        Names of the columns, in order. ``index`` is the first.
    arrays : tuple of array, each (rows, ...)
        Their values. NaN (float), -1 (int) or False (bool) in rows that lack the attribute.
    vocabularies : tuple of (str, tuple of str)
        Text columns hold the place of the row's text in their vocabulary, -1 where there is none.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    arrays: tuple[Array, ...]
    vocabularies: tuple[tuple[str, tuple[str, ...]], ...] = eqx.field(static=True, default=())

    def __check_init__(self) -> None:
        if "index" not in self.names or len(self.names) != len(self.arrays):
            raise ValueError(
                f"columns {self.names} for {len(self.arrays)} arrays; a table has one of each, and 'index'."
            )
        shapes = [getattr(values, "shape", None) for values in self.arrays]
        if None not in shapes and len({shape[:1] for shape in shapes if shape is not None}) > 1:
            raise ValueError(f"columns of different lengths: {dict(zip(self.names, shapes, strict=True))}.")

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any]) -> Table:
        """Return a table of NumPy columns; object arrays are text."""
        arrays, vocabularies = [], []
        for name, values in columns.items():
            if getattr(values, "dtype", None) == np.dtype(object):
                words = sorted({word for word in values if word is not None})
                codes = {word: code for code, word in enumerate(words)}
                values = np.array([-1 if word is None else codes[word] for word in values], np.int32)
                vocabularies.append((name, tuple(words)))
            arrays.append(jnp.asarray(values))
        return cls(tuple(columns), tuple(arrays), tuple(vocabularies))

    def to_columns(self) -> dict[str, np.ndarray]:
        """Return the NumPy columns that `from_columns` takes."""
        found = {}
        words = dict(self.vocabularies)
        for name, values in zip(self.names, self.arrays, strict=True):
            plain = np.asarray(values)
            if name in words:
                texts = np.full(len(plain), None, object)
                for row, code in enumerate(plain):
                    texts[row] = words[name][code] if code >= 0 else None
                plain = texts
            found[name] = plain
        return found

    def __len__(self) -> int:
        return self.arrays[0].shape[0]

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __getitem__(self, name: str) -> Array:
        if name not in self.names:
            raise KeyError(f"there is no column '{name}'; there are {', '.join(self.names)}.")
        return self.arrays[self.names.index(name)]

    def has(self, name: str) -> Bool[Array, " rows"]:
        """Return the rows that have an attribute (for a bool without a ``has_`` column: all)."""
        values = self[name]
        if f"has_{name}" in self.names:
            return self[f"has_{name}"]
        if values.dtype == bool or name in STRUCTURE:
            return jnp.ones(len(self), bool)
        marked = jnp.isnan(values) if jnp.issubdtype(values.dtype, jnp.inexact) else values == -1
        return ~marked.reshape(len(self), -1).all(axis=1)

    def rows(self, where: Any) -> Array:
        """Return a selection as row numbers, or as a mask where its length is not known (inside `jit`).

        Parameters
        ----------
        where : None, str, slice, array of bool, int or array of int
            Nothing (all rows), an expression, or rows. Rows out of range, negative ones too, select nothing.
        """
        if where is None:
            return jnp.arange(len(self))
        if isinstance(where, slice):
            return jnp.arange(len(self))[where]
        if isinstance(where, str):
            where = evaluate(where, self.__getitem__, self._code)
        where = jnp.asarray(where)
        if where.dtype != bool:
            where = jnp.atleast_1d(where)
            return jnp.where((where < 0) | (where >= len(self)), len(self), where)
        if where.shape != (len(self),):
            raise ValueError(f"a mask of shape {where.shape} for {len(self)} rows.")
        return where if isinstance(where, Tracer) else jnp.asarray(np.flatnonzero(np.asarray(where)))

    def _code(self, name: str, text: str) -> int:
        words = dict(self.vocabularies).get(name)
        if words is None:
            raise ValueError(f"column '{name}' holds no text; {text!r} cannot be compared with it.")
        return words.index(text) if text in words else _NO_CODE

    def put(self, name: str, values: Array) -> Table:
        """Return the table with a whole column replaced or added."""
        if name not in self.names:
            return Table((*self.names, name), (*self.arrays, values), self.vocabularies)
        place = self.names.index(name)
        return Table(self.names, (*self.arrays[:place], values, *self.arrays[place + 1 :]), self.vocabularies)

    def drop(self, name: str) -> Table:
        """Return the table without a column."""
        left = [(n, a) for n, a in zip(self.names, self.arrays, strict=True) if n != name]
        words = tuple(entry for entry in self.vocabularies if entry[0] != name)
        return Table(tuple(n for n, _ in left), tuple(a for _, a in left), words)

    def set(self, name: str, value: Any, where: Any = None) -> Table:
        """Return the table with new values in those selected rows that have the attribute; others keep theirs."""
        rows = self.rows(where)
        old, has = self[name], self.has(name)
        return self.put(name, _written(old, rows, value, has))

    def insert(self, name: str, value: Any, where: Any = None) -> Table:
        """Return the table with new values in all selected rows, which have the attribute from then on."""
        rows = self.rows(where)
        if name in self.names:
            old, table = self[name], self
        else:
            value = jnp.asarray(value)
            every = rows.dtype == bool or value.ndim == 0
            shape = (
                () if value.ndim == 0 else value.shape if every and value.shape[:1] != (len(self),) else value.shape[1:]
            )
            old = jnp.full((len(self), *shape), absent_mark(np.dtype(value.dtype)), value.dtype)
            table = self
            if value.dtype == bool and where is not None:
                table = table.put(f"has_{name}", jnp.zeros(len(self), bool))
        table = table.put(name, _written(old, rows, value, None))
        if f"has_{name}" in table.names:
            table = table.put(f"has_{name}", _written(table[f"has_{name}"], rows, True, None))
        return table

    def share(self, name: str, values: Array, by: str, where: Any = None) -> Table:
        """Return the table with `values[by]` in the selected rows that have the attribute: one value ties many rows.

        Gradients with respect to `values` sum over the rows. Rows whose key is absent or out of range keep their value.

        Parameters
        ----------
        values : array, shape (classes, ...)
            One value per class.
        by : str
            Column of int: the class of each row, counted from 0.
        """
        key = self[by]
        tied = (key >= 0) & (key < values.shape[0])
        old = self[name]
        shared = values.at[jnp.where(tied, key, values.shape[0])].get(mode="fill", fill_value=0).astype(old.dtype)
        take = tied & self.has(name) & _as_mask(self.rows(where), len(self))
        return self.put(name, jnp.where(_across(take, old), shared, old))

    def take(self, rows: Int[Array, " kept"]) -> Table:
        """Return some rows as a table; rows out of range hold the absent marks (`index`: the largest integer)."""
        taken = []
        for name, values in zip(self.names, self.arrays, strict=True):
            fill = absent_mark(np.dtype(values.dtype))
            if name in STRUCTURE:
                fill = np.iinfo(values.dtype).max
            taken.append(values.at[rows].get(mode="fill", fill_value=fill))
        return Table(self.names, tuple(taken), self.vocabularies)


def _as_mask(rows: Array, length: int) -> Array:
    return rows if rows.dtype == bool else jnp.zeros(length, bool).at[rows].set(True, mode="drop")


def _across(mask: Array, values: Array) -> Array:
    return mask.reshape(mask.shape + (1,) * (values.ndim - 1))


def _written(old: Array, rows: Array, value: Any, has: Array | None) -> Array:
    """Write into the rows; `has` limits it to the rows that have the attribute."""
    value = jnp.asarray(value).astype(old.dtype)
    if rows.dtype == bool:
        take = rows if has is None else rows & has
        return jnp.where(_across(take, old), value, old)
    if has is not None:
        before = old.at[rows].get(mode="fill", fill_value=0)
        there = has.at[rows].get(mode="fill", fill_value=False)
        value = jnp.where(_across(there, before), value, before)
    return old.at[rows].set(value, mode="drop")
