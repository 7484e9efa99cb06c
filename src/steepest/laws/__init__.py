"""Invariants of training: what a flow conserves."""

from steepest.laws._balance import Balance as Balance, balance as balance
