"""The problems that come with `steepest`, one module a data set.

`PROBLEMS` says which module has which; each is imported when it is asked for, and so are its data
and the package that they come with.
"""

PROBLEMS: dict[str, str] = {
    "digits_mlp": "steepest.study.problems.digits",
    "digits_conv": "steepest.study.problems.digits",
    "mnist_mlp": "steepest.study.problems.mnist",
    "mnist_conv": "steepest.study.problems.mnist",
    "mnist1d_mlp": "steepest.study.problems.mnist_1d",
    "mnist1d_conv": "steepest.study.problems.mnist_1d",
    "cifar10_conv": "steepest.study.problems.cifar10",
    "wilson_construction": "steepest.study.problems.wilson_construction",
}
"""Name in `steepest.study` → the module that has it."""
