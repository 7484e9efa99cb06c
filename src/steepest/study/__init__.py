"""Which method wins on a model, when each is tuned fairly.

A plan names a problem and methods; each method's step size is tuned on the development set with
the same budget, and the best is run again on fresh seeds and reported on the test set.

The problems that come with it, such as `steepest.study.digits_mlp`, are imported when they are
first asked for; `steepest.study.problems.PROBLEMS` names them.
"""

from importlib import import_module as _import_module


def __getattr__(name: str) -> object:
    from steepest.study.problems import PROBLEMS

    if name not in PROBLEMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_import_module(PROBLEMS[name]), name)
