"""Where in the user's PyTorch code an operator stands.

JAX names the line that each primitive comes from, and so do this library's answers. A step is
therefore called from a frame that bears the file and the line of the user's module: kinks and
missing rules are then told at `net.py:12`, not at a line of the bridge.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from steepest.bridge._torch import pytorch

_FRAME = re.compile(r'File "(?P<file>.+?)", line (?P<line>\d+), in (?P<function>\S+)')


@dataclass(frozen=True)
class Place:
    """An operator's place.

    Attributes:
        module: the class and path of the innermost module, `Linear 'layers.0'`.
        file, line: the user's own innermost line, or "" and 0 where all lines are PyTorch's, as in
            a `torch.nn.Sequential`.
    """

    module: str
    file: str
    line: int

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.file else "torch.nn"
        return f"{where} ({self.module})"

    @property
    def call(self) -> Callable[..., Any]:
        """(rule, arguments, keywords) → the rule's value, called from a frame of that place."""
        if self.file:
            return _caller(self.file, self.line, self.module)
        return _caller("torch.nn", 1, self.module)


def place_of(node: Any) -> Place:
    """The place of a node of an exported graph."""
    stack = node.meta.get("nn_module_stack") or {}
    entries = [entry for entry in stack.values() if isinstance(entry, tuple)]
    path, kind = entries[-1] if entries else ("", "")
    kind = str(kind if isinstance(kind, str) else getattr(kind, "__name__", kind))
    named = f"{kind.rpartition('.')[2]} {path!r}" if path else kind.rpartition(".")[2]
    home = str(Path(pytorch().__file__).parent)
    for found in reversed(list(_FRAME.finditer(node.meta.get("stack_trace") or ""))):
        file = found["file"]
        if not file.startswith((home, "torch/", "<")):
            return Place(named, file, int(found["line"]))
    return Place(named, "", 0)


@lru_cache(maxsize=4096)
def _caller(file: str, line: int, name: str) -> Callable[..., Any]:
    """A function that calls a rule from a frame that says it stands there."""
    code = compile("\n" * (line - 1) + "rule(*arguments, **keywords)", file, "eval")
    code = code.replace(co_name=name, co_qualname=name)

    def call(rule: Callable[..., Any], arguments: Any, keywords: Any) -> Any:
        return eval(code, {"rule": rule, "arguments": arguments, "keywords": keywords})

    return call
