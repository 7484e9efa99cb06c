"""List the smooth pieces at a point, each with a witness direction."""

from __future__ import annotations

import numpy as np

from steepest.clarke._activity import search
from steepest.clarke._components import relevant, whole_component
from steepest.clarke._differential import Piece, unflatten
from steepest.clarke._expressions import Expressions
from steepest.clarke._identities import Identities
from steepest.errors import TooManyPiecesError
from steepest.pieces import Program, Walked


def list_pieces(
    program: Program, walks: list[tuple[Walked, Expressions | None]], rng: np.random.Generator
) -> tuple[Piece, ...]:
    """All proved pieces (enumerated: there may be 2^ties).

    Raises:
        TooManyPiecesError: more than can be listed, or a norm at zero among them.
    """
    import jax

    listed = []
    with jax.enable_x64(True):
        for walked, e in walks:
            if e is None:
                continue
            if any(e.classes[c].ball is not None for c in relevant(e)[0]):
                raise TooManyPiecesError(
                    "a norm at zero has as many pieces as directions; ask the differential for its "
                    "support instead"
                )
            component, frame, center = whole_component(e)
            if component is None:
                zero = unflatten(program.point, np.zeros(e.dimension))
                listed.append(Piece((), zero, center))
                continue
            found = search(
                component, walked.tape.affine, Identities(program, walked.tape, rng), frame.full
            )
            for piece in found.pieces:
                pattern = []
                for t, outcome in sorted(piece.outcomes.items()):
                    s = walked.tape.switches[t]
                    pattern.append((f"{s.name} at {s.line} [{s.place}]", s.outcomes[outcome]))
                listed.append(
                    Piece(
                        tuple(pattern),
                        unflatten(
                            program.point,
                            frame.full(piece.direction) if piece.tangent is None else piece.tangent,
                        ),
                        center + frame.full(piece.gradient),
                    )
                )
    return tuple(listed)
