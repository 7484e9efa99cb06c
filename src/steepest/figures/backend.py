"""Matplotlib, or a readable word about how to get it."""

from steepest.errors import MissingExtraError

try:
    import matplotlib
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure
except ImportError as error:
    raise MissingExtraError(
        f"figures need Matplotlib, which cannot be imported here ({error}).\n"
        "Install it with:  pip install 'steepest[lecture]'"
    ) from error


def in_notebook() -> bool:
    """Whether a notebook's front end shows Matplotlib's figures by itself.

    The environment variable that chooses a notebook's backend is inherited by programs started
    from the notebook, so that the backend's name alone does not tell: a live shell must be there.
    """
    try:
        from IPython.core.getipython import get_ipython  # pyright: ignore[reportMissingImports]
    except ImportError:
        return False
    backend = matplotlib.get_backend(auto_select=False) or ""
    return get_ipython() is not None and any(
        name in backend.lower() for name in ("inline", "ipympl", "widget", "nbagg")
    )
