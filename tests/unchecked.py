"""Public functions as a user calls them: the tests' type checker would refuse bad types first."""

import inspect


def unchecked(function):
    """The function without the checks of annotations that the tests put around it."""
    return inspect.unwrap(function)
