"""The lecture's methods, in its parametrisation, as Optax gradient transformations."""

from steepest.methods._adadelta import adadelta as adadelta
from steepest.methods._adagrad import adagrad as adagrad
from steepest.methods._adam import adam as adam
from steepest.methods._gradient_descent import gradient_descent as gradient_descent
from steepest.methods._heavy_ball import heavy_ball as heavy_ball
from steepest.methods._nesterov import nesterov as nesterov
from steepest.methods._newton import newton as newton
from steepest.methods._rmsprop import rmsprop as rmsprop
