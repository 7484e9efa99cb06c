"""What the tests share. Its being here lets every test import the modules beside it."""

import gc
import os
import signal
from importlib.metadata import version

import pytest
from hypothesis import settings

# Most of the tests' time is XLA's compiler on programs that then run for milliseconds: a gradient
# flow compiles in under half of it without optimisation, by the emitters that need no MLIR, in one
# thread (each core has its worker). It is set before JAX starts, and for the processes that tests
# start too. XLA aborts on a flag that it does not know, so other versions get none.
if version("jaxlib").startswith("0.10."):
    os.environ.setdefault(
        "XLA_FLAGS",
        "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
        " --xla_cpu_parallel_codegen_split_count=1",
    )

# A shell that starts something in the background has it ignore SIGINT, and so its children: the
# tests of Ctrl-C would wait for what never comes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A compile a case makes any deadline noise; the long profile is `make test-long`.
settings.register_profile("short", deadline=None, max_examples=4, derandomize=True)
settings.register_profile("long", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("STEEPEST_PROFILE", "short"))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is there before the first test stays, and the garbage collector need not walk it.

    Some thousand modules and tests; tracing makes and drops many objects, and to look through these
    for each few thousand of them is a sixteenth of the tests' time.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
