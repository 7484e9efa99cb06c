"""The dynamics of training, made executable.

What a gradient is at a kink, where the gradient flow goes, what it conserves, how fast a method
provably gets there, and which method wins when each is tuned fairly.
"""

from typing import Any as _Any

from steepest import methods as methods, theorems as theorems
from steepest._version import __version__ as __version__
from steepest.audit import AuditReport as AuditReport, audit as audit
from steepest.autodiff import AutodiffCheck as AutodiffCheck, check_autodiff as check_autodiff
from steepest.clarke import ClarkeDifferential as ClarkeDifferential, clarke as clarke
from steepest.descent import descend as descend
from steepest.errors import (
    ArgumentError as ArgumentError,
    DataError as DataError,
    MissingExtraError as MissingExtraError,
    NotExactError as NotExactError,
    NotLocallyLipschitzError as NotLocallyLipschitzError,
    NotScalarError as NotScalarError,
    PlanError as PlanError,
    SolverError as SolverError,
    SteepestError as SteepestError,
    StoreError as StoreError,
    TooManyPiecesError as TooManyPiecesError,
    UnprovedError as UnprovedError,
    UnsupportedPrimitiveError as UnsupportedPrimitiveError,
)
from steepest.flow import (
    gradient_flow as gradient_flow,
    gradient_inclusion as gradient_inclusion,
    momentum_flow as momentum_flow,
)
from steepest.homogeneity import (
    Homogeneity as Homogeneity,
    euler_residuals as euler_residuals,
    homogeneity as homogeneity,
)
from steepest.laws import (
    ConservationLaws as ConservationLaws,
    balance as balance,
    conservation_laws as conservation_laws,
)
from steepest.lipschitz import local_lipschitz as local_lipschitz
from steepest.losses import mean_loss as mean_loss
from steepest.rate import Rate as Rate, rate as rate
from steepest.subgradient import (
    directional_derivative as directional_derivative,
    subgradient as subgradient,
)
from steepest.theorems.certificate import Certificate as Certificate
from steepest.theorems.problem import Problem as Problem
from steepest.theorems.registry import certify as certify
from steepest.trajectory import Trajectory as Trajectory


def plot(obj: _Any, ax: _Any = None) -> _Any:
    """Draw a certificate, curves, or anything else that `steepest.figures` knows.

    See `steepest.figures.plot`; the drawing packages are imported on the first call.

    Args:
        obj: what to draw.
        ax: a Matplotlib axis (or a sequence of them, for several panels) to draw on; by default a
            new figure.

    Returns:
        The axis, or the array of axes where there are several panels.

    Raises:
        MissingExtraError: Matplotlib is not installed.
        ArgumentError: nothing is known of how to draw obj.
    """
    from steepest.figures import plot as draw

    return draw(obj, ax)
