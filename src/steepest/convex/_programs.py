"""SciPy's solvers, imported at the first call: at the top they double what ours takes to import."""

from __future__ import annotations

from typing import Any


def nnls(*args: Any, **options: Any) -> Any:
    """Nonnegative least squares: `scipy.optimize.nnls`."""
    from scipy.optimize import nnls as solve

    return solve(*args, **options)


def linprog(*args: Any, **options: Any) -> Any:
    """A linear program, by HiGHS: `scipy.optimize.linprog`."""
    from scipy.optimize import linprog as solve

    return solve(*args, **options)


def lstsq(*args: Any, **options: Any) -> Any:
    """Least squares by LAPACK: `scipy.linalg.lstsq`."""
    from scipy.linalg import lstsq as solve

    return solve(*args, **options)


def lsmr(*args: Any, **options: Any) -> Any:
    """Least squares by products alone: `scipy.sparse.linalg.lsmr`."""
    from scipy.sparse.linalg import lsmr as solve

    return solve(*args, **options)


def pivoted_qr(matrix: Any) -> Any:
    """(Q, R, pivots), economic: `scipy.linalg.qr`."""
    from scipy.linalg import qr

    return qr(matrix, mode="economic", pivoting=True)
