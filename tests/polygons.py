"""A polygonal flow with its path, for the tests of both."""

import jax.numpy as jnp

from steepest.flow._arguments import as_request
from steepest.flow._path import Path
from steepest.flow._polygonal import polygonal


def flow(f, x0, t1, saveat=None, monitors=None, max_events=100_000):
    """(trajectory, path) of f, which must be read."""
    path = Path()
    request = as_request(f, x0, t1, 1e-8, 1e-8, saveat, monitors, states=True)
    run = polygonal(request, max_events, path)
    assert run is not None
    return run, path


def kinds(run):
    return [(event.kind, round(event.time, 9), len(event.kinks)) for event in run.events]


def total_variation(x):
    return jnp.sum(jnp.abs(jnp.diff(x)))
