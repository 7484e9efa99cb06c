"""Invariants of training: what a flow conserves."""

from steepest.laws._balance import Balance as Balance, balance as balance
from steepest.laws._conservation import (
    ConservationLaws as ConservationLaws,
    conservation_laws as conservation_laws,
)
from steepest.laws._law import Law as Law
