"""SciPy's programs, imported at the first call: `scipy.optimize` takes a fifth of a second."""

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
