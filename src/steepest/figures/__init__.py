"""What a person sees: one function that draws any of the library's objects.

Matplotlib is imported here and nowhere else in `steepest`.
"""

from steepest.figures.alternative import describe as describe
from steepest.figures.plot import plot as plot
from steepest.figures.render import FORMATS as FORMATS, render_figure as render_figure
