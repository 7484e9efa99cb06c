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


def from_torch(module: _Any, example_inputs: _Any) -> _Any:
    """A PyTorch module as a JAX function model(params, x), and its parameters in model.params.

    The module is exported (`torch.export`) to a graph of ATen operators, and the graph is evaluated
    operator by operator in JAX: what comes out can be jitted, differentiated and mapped, and every
    part of this library takes it. The graph's numbers are compared with the module's own on the
    example inputs before it is handed out.

    .. code-block:: python

        net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
        model = st.from_torch(net.eval(), torch.randn(4, 8))
        model(model.params, x)                       # x of shape (any, 8), or (8,): one example
        st.homogeneity(lambda p: model(p, x).sum())(model.params).status

    The mode is the module's at the time. Dropout in training mode is refused; batch norm in
    training mode uses the batch's statistics and updates none.

    Args:
        module: a `torch.nn.Module`, whose forward takes tensors.
        example_inputs: a tensor or NumPy array for each argument of the forward, in a tuple where
            there are several. The first axis of each is the batch's; where the module allows it,
            the model takes any length of it, or one example without it.

    Returns:
        A `steepest.bridge.TorchModel`: model(params, \\*inputs), with `.params`, a dict from
        PyTorch's names to NumPy arrays in PyTorch's types (tied tensors once, frozen ones not), and
        `.constants`, what is fixed: buffers, frozen parameters.

    Raises:
        MissingExtraError: PyTorch is not installed.
        UnsupportedPrimitiveError: an operator has no rule here, draws random numbers, or has a
            derivative of its own; the graph cannot be exported; or its numbers are not the
            module's. The message names the operator, the submodule and the user's line.
        ArgumentError: the module is none, an input is no array, or the module's result depends on a
            buffer that each call changes.
    """
    from steepest.bridge import from_torch as translate

    return translate(module, example_inputs)
