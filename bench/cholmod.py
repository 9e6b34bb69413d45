"""The peer CHOLMOD, as CVXOPT's wheel brings it: supernodal Cholesky factorisation of sparse matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Solve = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Cholesky:
    """Factorises matrices of one pattern: fill-reducing order and symbolic analysis once, then numbers only.

    Parameters
    ----------
    matrix : sparse matrix, shape (cells, cells)
        Symmetric and positive definite; its pattern counts.
    """

    def __init__(self, matrix: Any) -> None:
        from cvxopt import cholmod

        self._symbolic = cholmod.symbolic(_lower(matrix))

    def factorised(self, matrix: Any) -> Solve:
        """Return what solves for a matrix of that pattern, one right-hand side or several as columns."""
        import cvxopt
        from cvxopt import cholmod

        cholmod.numeric(_lower(matrix), self._symbolic)

        def solve(right: NDArray[np.float64]) -> NDArray[np.float64]:
            found = cvxopt.matrix(np.asfortranarray(right))
            cholmod.solve(self._symbolic, found)
            return np.array(found).reshape(right.shape)

        return solve


def _lower(matrix: Any) -> Any:
    """Return the lower triangle as CVXOPT has it."""
    import cvxopt
    import scipy.sparse

    lower = scipy.sparse.tril(matrix, format="coo")
    return cvxopt.spmatrix(
        cvxopt.matrix(np.asarray(lower.data, float)),
        cvxopt.matrix(np.asarray(lower.row, np.int64)),
        cvxopt.matrix(np.asarray(lower.col, np.int64)),
        matrix.shape,
    )
