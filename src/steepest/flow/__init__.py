"""Continuous dynamics: gradient flow, and gradient inclusion through kinks."""

from steepest.flow._events import Event as Event, Kink as Kink
from steepest.flow._gradient_flow import gradient_flow as gradient_flow
from steepest.flow._gradient_inclusion import gradient_inclusion as gradient_inclusion
from steepest.flow._halved_ways import KinksByHalving as KinksByHalving
from steepest.flow._jumps import (
    Derivatives as Derivatives,
    arms as arms,
    hairs as hairs,
    sharpest as sharpest,
)
from steepest.flow._kinks_on_path import refuse_kinks_of as refuse_kinks_of
from steepest.flow._momentum_flow import momentum_flow as momentum_flow
from steepest.flow._passed_kinks import (
    KinksPassed as KinksPassed,
    TooManyTurns as TooManyTurns,
    straight as straight,
)
