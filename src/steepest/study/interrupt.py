"""Ctrl-C that is not lost where Python ignores what is raised: in a destructor, a callback."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Interrupts:
    """Remembers within its `with` block that the user has pressed Ctrl-C.

    The handler that was there is called as before. In another thread than the main one, where
    Python runs no handlers, nothing is remembered.

    Attributes:
        asked: whether it was pressed.

    Example:
        >>> with Interrupts() as interrupts:
        ...     interrupts.check()
        >>> interrupts.asked
        False
    """

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Interrupts:
        self._before = signal.getsignal(signal.SIGINT)
        self._ours = callable(self._before) and (
            threading.current_thread() is threading.main_thread()
        )
        if self._ours:
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """
        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        if self.asked:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        assert callable(self._before)
        self._before(number, frame)
