"""Theorems as functions of a problem: each returns a certificate. One file a theorem.

`list()` names them; `steepest.certify` looks one up by name or by the lecture's id.
"""

from steepest.theorems import registry as _registry
from steepest.theorems.adadelta_units import adadelta_units as adadelta_units
from steepest.theorems.adagrad_regret import adagrad_regret as adagrad_regret
from steepest.theorems.adam_bias_correction import (
    adam_bias_correction as adam_bias_correction,
)
from steepest.theorems.adaptive_overfitting import adaptive_overfitting as adaptive_overfitting
from steepest.theorems.autodiff_subgradient import autodiff_subgradient as autodiff_subgradient
from steepest.theorems.balanced_inclusion import balanced_inclusion as balanced_inclusion
from steepest.theorems.descent_lemma import descent_lemma as descent_lemma
from steepest.theorems.euler_identity import euler_identity as euler_identity
from steepest.theorems.existence_of_subgradients import (
    existence_of_subgradients as existence_of_subgradients,
)
from steepest.theorems.gradient_descent_quadratic import (
    gradient_descent_quadratic as gradient_descent_quadratic,
)
from steepest.theorems.gradient_flow_limit import gradient_flow_limit as gradient_flow_limit
from steepest.theorems.gradient_inclusion_limit import (
    gradient_inclusion_limit as gradient_inclusion_limit,
)
from steepest.theorems.heavy_ball_cycle import heavy_ball_cycle as heavy_ball_cycle
from steepest.theorems.heavy_ball_quadratic import heavy_ball_quadratic as heavy_ball_quadratic
from steepest.theorems.layer_identity import layer_identity as layer_identity
from steepest.theorems.limits_of_gradients import limits_of_gradients as limits_of_gradients
from steepest.theorems.momentum_limits import momentum_limits as momentum_limits
from steepest.theorems.nesterov_strongly_convex import (
    nesterov_strongly_convex as nesterov_strongly_convex,
)
from steepest.theorems.newton_convergence import newton_convergence as newton_convergence
from steepest.theorems.norm_drift import norm_drift as norm_drift
from steepest.theorems.norm_preservation import norm_preservation as norm_preservation
from steepest.theorems.operator_norm import operator_norm as operator_norm
from steepest.theorems.positive_homogeneity import positive_homogeneity as positive_homogeneity
from steepest.theorems.rescaled_layers import rescaled_layers as rescaled_layers
from steepest.theorems.rmsprop_steps import rmsprop_steps as rmsprop_steps
from steepest.theorems.small_initialization import small_initialization as small_initialization
from steepest.theorems.squared_norm_differences import (
    squared_norm_differences as squared_norm_differences,
)
from steepest.theorems.stationary_point import stationary_point as stationary_point

list = _registry.names
