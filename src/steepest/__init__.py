"""The dynamics of training, made executable.

What a gradient is at a kink, where the gradient flow goes, what it conserves, how fast a method
provably gets there, and which method wins when each is tuned fairly.
"""

from steepest import methods as methods
from steepest._version import __version__ as __version__
from steepest.descent import descend as descend
from steepest.laws import balance as balance
from steepest.losses import mean_loss as mean_loss
