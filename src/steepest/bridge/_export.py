"""A module as a graph of ATen operators: `torch.export`, and what it would lose.

Lowering turns `detach` into nothing and drops `torch.no_grad`, which values do not show and
gradients do. So `detach` is kept out of the lowering, and put at the end of what runs without
gradients. Activations whose lowered form overflows in its derivative (softplus at 100) keep rules
of their own.
"""

from __future__ import annotations

import io
import logging
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from steepest.bridge._torch import pytorch
from steepest.errors import UnsupportedPrimitiveError

_WHOLE = ("detach", "softplus", "mish", "celu", "log_sigmoid_forward", "logsumexp", "lerp")


def export(module: Any, inputs: tuple[Any, ...], *, any_length: bool) -> Any:
    """The module's `torch.export.ExportedProgram`, lowered to core ATen.

    Args:
        module: a `torch.nn.Module`.
        inputs: example tensors.
        any_length: whether the first axis of each is to be of any length, as far as it can be.

    Raises:
        UnsupportedPrimitiveError: `torch.export` gives up; the message says why.
    """
    torch = pytorch()
    shapes = torch.export.ShapesCollection()
    for tensor in inputs:
        if tensor.ndim and any_length:
            fixed = [torch.export.Dim.STATIC] * (tensor.ndim - 1)
            shapes[tensor] = (torch.export.Dim.AUTO, *fixed)
    try:
        with _quiet(), torch.enable_grad():
            dynamic = shapes.dynamic_shapes(module, inputs) if any_length else None
            program = torch.export.export(module, inputs, dynamic_shapes=dynamic)
            _keep_gradients_out(program)
            return program.run_decompositions(_lowerings())
    except Exception as error:  # torch.export raises whatever the module, or its own tracer, does
        raise UnsupportedPrimitiveError(_why(error)) from error


def _lowerings() -> Any:
    torch = pytorch()
    lowerings = torch.export.default_decompositions()
    for name in _WHOLE:
        packet = getattr(torch.ops.aten, name)
        for overload in packet.overloads():
            lowerings.pop(getattr(packet, overload), None)
    return lowerings


def _keep_gradients_out(program: Any) -> None:
    """Detach what `torch.no_grad` returns, before the lowering forgets where it came from."""
    torch = pytorch()
    switch = torch.ops.higher_order.wrap_with_set_grad_enabled
    graphs = [m for m in program.graph_module.modules() if isinstance(m, torch.fx.GraphModule)]
    for graph in graphs:
        for node in graph.graph.nodes:
            if node.target is switch and node.args[0] is False:
                _detach_results(graph.get_submodule(node.args[1].target))


def _detach_results(graph: Any) -> None:
    torch = pytorch()
    (end,) = [node for node in graph.graph.nodes if node.op == "output"]

    def detached(node: Any) -> Any:
        if not isinstance(node.meta.get("val"), torch.Tensor):
            return node
        with graph.graph.inserting_before(end):
            new = graph.graph.call_function(torch.ops.aten.detach.default, (node,))
        new.meta = dict(node.meta)
        return new

    end.args = torch.fx.map_arg(end.args, detached)
    graph.recompile()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what `torch.export` logs and prints for its developers; what matters it raises."""
    loggers = [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger) and (name == "torch" or name.startswith("torch."))
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    unread = io.StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(unread), redirect_stderr(unread):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _why(error: BaseException) -> str:
    torch = pytorch()
    home = Path(torch.__file__).parent
    theirs = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if home not in Path(frame.filename).parents
        and Path(__file__).parent not in Path(frame.filename).parents
        and Path(frame.filename).is_file()
        and "contextlib" not in frame.filename
    ]
    line = f" at {theirs[-1].filename}:{theirs[-1].lineno}" if theirs else ""
    said = next((part.strip() for part in str(error).splitlines() if part.strip()), "")
    return (
        f"torch.export cannot make one graph of the module{line}: {type(error).__name__}: {said}\n"
        "A graph has no branches or sizes that depend on the numbers: use torch.where and masks "
        "instead of `if` and boolean indexing on values, and no .item()."
    )
