"""Everything `steepest` raises on purpose.

Each message says what was wrong, where (a primitive and the user's source line, an argument, a
leaf, a file and field), and what to do about it. Catching `SteepestError` catches them all.
"""


class SteepestError(Exception):
    """Base of every error that `steepest` raises on purpose."""


class ArgumentError(SteepestError, ValueError):
    """An argument has a value that means nothing here; the message names the argument."""


class NotScalarError(SteepestError, TypeError):
    """A function that must return one real number returns something else."""


class NotLocallyLipschitzError(SteepestError):
    """The function jumps, or its slope is unbounded, near the point: no Clarke differential."""


class UnprovedError(SteepestError, ArithmeticError):
    """What was asked for could not be proved at this point; the message names the line."""


class UnsupportedPrimitiveError(SteepestError):
    """A JAX primitive, or a PyTorch operator, without a rule; the message names it and the line."""


class NotExactError(SteepestError, ValueError):
    """A Clarke differential is only bracketed, and the question needs the set itself."""


class TooManyPiecesError(SteepestError):
    """More smooth pieces meet at the point than can be listed; the message offers what can."""


class SolverError(SteepestError, ArithmeticError):
    """A run diverged or could not go on.

    `trajectory` holds what was computed up to there, or is None.
    """

    def __init__(self, message: str, trajectory: object = None):
        super().__init__(message)
        self.trajectory = trajectory


class PlanError(SteepestError, ValueError):
    """A study's plan is wrong; the message names the file and the field."""


class DataError(SteepestError, ValueError):
    """Data are missing, malformed or not finite; the message names the file or the array."""


class StoreError(SteepestError):
    """A study's store cannot be read or written; the message names the path."""


class MissingExtraError(SteepestError, ImportError):
    """A part of `steepest` needs a package that is not installed; the message says which extra."""
