"""Positive homogeneity as a type system: degrees inferred from the program, like units."""

from steepest.homogeneity._drawings import with_rounding as with_rounding
from steepest.homogeneity._euler import euler_residuals as euler_residuals
from steepest.homogeneity._homogeneity import (
    DegreeRecord as DegreeRecord,
    Homogeneity as Homogeneity,
    homogeneity as homogeneity,
)
from steepest.homogeneity._refutation import Counterexample as Counterexample
from steepest.homogeneity._rescalings import (
    Rescaling as Rescaling,
    find_rescalings as find_rescalings,
)
