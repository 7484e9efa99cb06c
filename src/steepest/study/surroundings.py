"""What a trial's numbers depend on besides the plan: sources, data, versions, the machine."""

from __future__ import annotations

import posixpath
from hashlib import sha256
from importlib import metadata

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from steepest._version import __version__
from steepest.errors import DataError, PlanError, SteepestError
from steepest.inputs import leaf_name
from steepest.study.configuration import Surroundings
from steepest.study.method import resolve
from steepest.study.names import find, is_of_file
from steepest.study.plan import Plan
from steepest.study.problem import JaxProblem, Problem
from steepest.study.sources import Sources, sources_of

_PACKAGES = ("jax", "jaxlib", "optax", "numpy")


def surroundings(plan: Plan, problem: Problem) -> Surroundings:
    """What is not in the plan and changes a trial's numbers all the same, as it is here and now.

    Args:
        plan: for its names and its folder.
        problem: as it was loaded.

    Raises:
        PlanError: a source cannot be read.
        DataError: the data hold what has no bytes.
    """
    try:
        source = find(plan.problem, plan.folder).sources
        methods = _method_sources(plan)
    except SteepestError as error:
        raise PlanError(f"{plan.file}: {error}") from error
    versions = {(name, metadata.version(name)) for name in _PACKAGES}
    versions.add(("steepest", __version__))
    versions.update(*(found.versions for found in (source, *methods.values())))
    if isinstance(problem, JaxProblem):
        data = fingerprint((problem.train, problem.dev, problem.test))
    else:
        data = None if problem.data is None else fingerprint(problem.data())
    return Surroundings(
        problem_source=source.sha256,
        data=data,
        method_sources=tuple((name, found.sha256) for name, found in sorted(methods.items())),
        platform=jax.default_backend(),
        x64=jnp.result_type(float) == np.float64,
        versions=tuple(sorted(versions)),
    )


def sources(plan: Plan) -> dict[str, str]:
    """The texts of the user's files that a worker needs to load the problem and the methods.

    Returns:
        Name relative to the plan's folder → text; see `steepest.study.sources.load_bundle`.

    Raises:
        PlanError: a file cannot be read.
    """
    bundle: dict[str, str] = {}
    try:
        for spec in (plan.problem, *(method.name for method in plan.methods)):
            if is_of_file(spec):
                file = spec.rpartition(":")[0]
                found = sources_of((plan.folder / file).resolve())
                folder = posixpath.dirname(file)
                bundle |= {
                    posixpath.normpath(posixpath.join(folder, name)): text
                    for name, text in found.texts.items()
                }
    except SteepestError as error:
        raise PlanError(f"{plan.file}: {error}") from error
    return bundle


def _method_sources(plan: Plan) -> dict[str, Sources]:
    """Of the methods that are a user's."""
    factories = {method.name: resolve(method.name, plan.folder) for method in plan.methods}
    return {name: sources_of(f.file) for name, f in factories.items() if f.file is not None}


def fingerprint(tree: PyTree) -> str:
    """SHA-256 of the arrays of a pytree: structure, shapes, types and bytes.

    Raises:
        DataError: a leaf is no array of numbers.

    Example:
        >>> fingerprint(np.zeros(3)) == fingerprint([0.0, 0.0, 0.0])
        False
    """
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
    digest = sha256(str(structure).encode())
    for path, leaf in leaves:
        array = np.asarray(leaf)
        if array.dtype.hasobject:
            raise DataError(f"{leaf_name('data', path)} is a {type(leaf).__name__}, not an array.")
        digest.update(f"{array.dtype.name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
