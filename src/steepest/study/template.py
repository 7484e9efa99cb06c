"""The plan that `steepest study init` writes: every field, its default, and what it means."""

from __future__ import annotations

from pathlib import Path

from steepest.errors import ArgumentError

TEMPLATE = """\
# A plan of `steepest study`: which method wins on your model, when each is tuned fairly.
#
#     steepest study run plan.toml --store out/study
#
# Every field may be left out; what stands here are the defaults.

[study]
# What is trained: "module:name", or "file.py:name" beside this file. See the guide, docs/study.rst,
# for how to write your own, in JAX or in any framework.
problem = "steepest.study:digits_mlp"
epochs = 60      # of every trial
batch = 128      # examples a step
seeds = 5        # fresh seeds that the tuned methods are reported on; none of them tunes
seed = 0         # where the seeds begin
width = 1        # trials of one shape that run as one batch: 1 on a CPU, 8 or 16 on a GPU.
                 # It changes the last bits, so each width has results of its own.

[tuning]
seeds = 3        # every step size is tried on all of them
budget = 25      # configurations that each method may try, extensions of its grid included
select = "dev error"   # lowest at the last epoch is best; then "dev loss", then the smaller step

[tuning.steps]
grid = "powers of two"   # or "powers of ten"
points = 5       # how many at first
extend = true    # grow beyond an end while the best lies there
# around = 0.01  # the middle: by default the power nearest to the method's own step size, else 1/8
# values = [0.01, 0.03, 0.1]   # or list them, in place of grid, points and around

[decay]
kind = "on plateau"      # or "every 10 epochs", "cosine", "none"
factor = 0.9     # what the step size is multiplied by: on a plateau, or every N epochs
patience = 1     # epochs without a new best of what is selected by, on a plateau

# The methods: a name of steepest.methods, of Optax ("lion"), or "file.py:name".
# Without any, it is these five of Wilson et al. (2017).

[[method]]
name = "gradient_descent"

[[method]]
name = "heavy_ball"
# momentum = 0.9                     # a hyperparameter that is fixed

[[method]]
name = "adagrad"

[[method]]
name = "rmsprop"

[[method]]
name = "adam"
# label = "Adam"                     # in tables and figures, unique
# tune = { eps = [1e-8, 1e-3] }      # hyperparameters that are tuned besides the step size
# steps = { around = 0.001 }         # in place of fields of [tuning.steps]
"""


def write_template(path: Path) -> Path:
    """Write the commented plan.

    Returns:
        The path.

    Raises:
        ArgumentError: there is such a file, or it cannot be written.

    Example:
        >>> from steepest.study.plan_file import read_plan
        >>> path = write_template(getfixture("tmp_path") / "plan.toml")
        >>> read_plan(path).epochs
        60
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError as error:
        raise ArgumentError(f"{path} is there already; give another name.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArgumentError(f"{path} cannot be written ({reason}); give another name.") from error
    return path
