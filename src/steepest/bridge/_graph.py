"""From an exported graph to a program: each node a step, with its rule and its place."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from steepest.bridge._arrays import numpy_dtype, to_numpy
from steepest.bridge._place import place_of
from steepest.bridge._program import Constant, Program, Step, Value, names_in
from steepest.bridge._rules import RULES, SIZES
from steepest.bridge._torch import pytorch
from steepest.errors import ArgumentError, UnsupportedPrimitiveError

# Of layout and device, of which JAX arrays know nothing.
_IGNORED = {"layout", "device", "pin_memory", "memory_format", "non_blocking", "generator"}
_TRAINING_BATCH_NORM = "aten._native_batch_norm_legit_functional.default"


@dataclass(frozen=True)
class _Leaves:
    """What the graph's placeholders are."""

    parameters: dict[str, str]
    constants: dict[str, Constant]
    inputs: list[str]
    mutated: dict[str, str]  # constants that a call changes → the buffer's name


def program_of(exported: Any, names: Mapping[str, str]) -> Program:
    """The program of an exported module.

    Args:
        exported: from `export`.
        names: the parameters to keep as arguments, each name → the one its tensor goes by.

    Raises:
        UnsupportedPrimitiveError: an operator has no rule, or draws random numbers.
        ArgumentError: the module's values change from call to call, or hold no arrays.
    """
    leaves = _leaves(exported, names)
    nodes = {node.name: node for node in exported.graph.nodes}
    result = _result(exported)
    needed = [nodes[name] for name in _needed(nodes, result)]
    _refuse_missing(needed)
    steps = [_step(node) for node in needed]
    used = names_in(result).union(*(names_in((s.arguments, s.keywords)) for s in steps))
    for value, buffer in leaves.mutated.items():
        if value in used:
            raise ArgumentError(
                f"each call of the module changes its buffer {buffer!r}, and the result depends on "
                "it: there is no one function of the parameters. Call module.eval() first."
            )
    keep = names_in(result)
    placeholders = {*leaves.parameters, *leaves.constants, *leaves.inputs}
    dtypes = [_dtype(nodes[name]) for name in (*leaves.parameters, *leaves.inputs)]
    real = [dtype for dtype in dtypes if jnp.issubdtype(dtype, jnp.floating)]
    return Program(
        {v: n for v, n in leaves.parameters.items() if v in used},
        {v: a for v, a in leaves.constants.items() if v in used},
        tuple(leaves.inputs),
        _with_last_uses(steps, keep | placeholders),
        result,
        _widest(real),
    )


def _widest(dtypes: list[Any]) -> Any:
    widest = None
    for dtype in dtypes:
        widest = dtype if widest is None else jnp.promote_types(widest, dtype)
    return widest


def _leaves(exported: Any, names: Mapping[str, str]) -> _Leaves:
    signature = exported.graph_signature
    stored = {**exported.state_dict, **exported.constants}
    leaves = _Leaves({}, {}, [], {})
    for spec in signature.input_specs:
        kind, value, target = spec.kind.name, spec.arg.name, spec.target
        if kind == "USER_INPUT":
            leaves.inputs.append(value)
        elif kind == "PARAMETER" and target in names:
            leaves.parameters[value] = names[target]
        elif kind in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
            leaves.constants[value] = Constant(target, to_numpy(stored[target], target))
            if target in signature.buffers_to_mutate.values():
                leaves.mutated[value] = target
        else:
            raise ArgumentError(
                f"the module holds {target!r}, an object that is no tensor ({kind.lower()})."
            )
    return leaves


def _result(exported: Any) -> Any:
    """What the module returns, with the user's containers."""
    values = []
    for spec in exported.graph_signature.output_specs:
        if spec.kind.name == "USER_OUTPUT":
            constant = not hasattr(spec.arg, "name") or hasattr(spec.arg, "value")
            values.append(spec.arg.value if constant else Value(spec.arg.name))
    return _plain(exported.call_spec.out_spec.unflatten(values))


def _plain(tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {key: _plain(item) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    if isinstance(tree, tuple):
        parts = [_plain(item) for item in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if tree is None or isinstance(tree, (Value, bool, int, float)):
        return tree
    raise ArgumentError(
        f"the module returns a {type(tree).__name__}; let it return tensors, tuples, lists or "
        "dicts of tensors."
    )


def _needed(nodes: Mapping[str, Any], result: Any) -> list[str]:
    """The operators that the result depends on, in the graph's order."""
    needed: set[str] = set()
    waiting = list(names_in(result))
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        waiting += [node.name for node in _inputs(nodes[name])]
    return [n for n, node in nodes.items() if n in needed and node.op == "call_function"]


def _parent_rule(node: Any) -> Any:
    return RULES.get(str(node.target)) if node.op == "call_function" else None


def _is_one_result(node: Any) -> bool:
    """Whether it picks one result of an operator whose results have a rule each."""
    return node.target is operator.getitem and isinstance(_parent_rule(node.args[0]), tuple)


def _inputs(node: Any) -> list[Any]:
    return node.args[0].all_input_nodes if _is_one_result(node) else node.all_input_nodes


def _operator(node: Any) -> Any:
    """The node that calls the operator: for one result of several, the one that has them all."""
    return node.args[0] if _is_one_result(node) else node


def _step(node: Any) -> Step:
    operator_node = _operator(node)
    place = place_of(operator_node)
    arguments = list(operator_node.args)
    if str(operator_node.target) == _TRAINING_BATCH_NORM and arguments[5]:
        arguments[3:5] = None, None  # the running statistics are updated, and not looked at
    return Step(
        node.name,
        str(operator_node.target),
        _rule(node),
        str(place),
        place.call,
        _translated(tuple(arguments)),
        {k: _translated(v) for k, v in operator_node.kwargs.items() if k not in _IGNORED},
        _dtype(node),
        (),
    )


def _rule(node: Any) -> Any:
    torch = pytorch()
    if _is_one_result(node):
        rules = _parent_rule(node.args[0])
        return rules[node.args[1]] if node.args[1] < len(rules) else None
    if node.target is operator.getitem or node.target in SIZES:
        return node.target
    for symbolic, plain in _symbolic(torch):
        if node.target is symbolic:
            return plain
    name = str(node.target)
    if name == "aten.native_dropout.default" and _drops_nothing(node):
        return lambda x, p, train: (x, jnp.ones(x.shape, bool))
    rule = RULES.get(name)
    return None if isinstance(rule, tuple) else rule


def _symbolic(torch: Any) -> list[tuple[Any, Any]]:
    """PyTorch's own functions of sizes, and Python's."""
    return [
        (torch.sym_max, max),
        (torch.sym_min, min),
        (torch.sym_float, float),
        (torch.sym_int, int),
        (torch.sym_not, operator.not_),
        (torch.sym_sum, sum),
    ]


def _drops_nothing(node: Any) -> bool:
    _, p, train = node.args
    return p == 0 or train is False


def _refuse_missing(needed: list[Any]) -> None:
    torch = pytorch()
    missing: dict[str, Any] = {}
    for node in needed:
        if _rule(node) is not None:
            continue
        asked = _operator(node)
        if torch.Tag.nondeterministic_seeded in getattr(asked.target, "tags", ()):
            raise UnsupportedPrimitiveError(
                f"`{asked.target}` draws random numbers at {place_of(asked)}: the model would be "
                "no function of its parameters. Call module.eval() first, or take it out."
            )
        missing.setdefault(str(asked.target), asked)
    if missing:
        (name, first), *others = missing.items()
        also = f" (nor for {', '.join(f'`{other}`' for other, _ in others)})" if others else ""
        raise UnsupportedPrimitiveError(
            f"there is no rule for PyTorch's `{name}`{also} at {place_of(first)}; write that part "
            "of the module with other operators."
        )


def _with_last_uses(steps: list[Step], keep: set[str]) -> tuple[Step, ...]:
    seen = set(keep)
    done: list[Step] = []
    for step in reversed(steps):
        mine = names_in((step.arguments, step.keywords)) | {step.name}
        last = tuple(sorted(mine - seen))
        seen |= mine
        done.append(Step(**{**vars(step), "last": last}))
    return tuple(reversed(done))


def _translated(tree: Any) -> Any:
    torch = pytorch()
    if isinstance(tree, torch.fx.Node):
        return Value(tree.name)
    if isinstance(tree, (tuple, list)):
        return (
            type(tree)(_translated(item) for item in tree)
            if type(tree) is tuple
            else [_translated(item) for item in tree]
        )
    if isinstance(tree, torch.dtype):
        return numpy_dtype(tree)
    return tree


def _dtype(node: Any) -> Any:
    """The type of the node's numbers: None for sizes, a tuple for several arrays."""
    torch = pytorch()

    def of(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return numpy_dtype(value.dtype)
        if isinstance(value, (tuple, list)):
            return tuple(of(item) for item in value)
        return None

    return of(node.meta.get("val"))
