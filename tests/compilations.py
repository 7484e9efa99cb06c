"""How often XLA's compiler is called."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jax import monitoring


@contextmanager
def compilations() -> Iterator[Callable[[], int]]:
    """What it gives tells how many there were so far."""
    count = 0

    def listen(name: str, duration: float, **_: object) -> None:
        nonlocal count
        count += name.endswith("backend_compile_duration")

    monitoring.register_event_duration_secs_listener(listen)
    try:
        yield lambda: count
    finally:
        monitoring.unregister_event_duration_listener(listen)
