"""Methods by name."""

import inspect

import jax
import jax.numpy as jnp
import optax
import pytest

from steepest import methods
from steepest.errors import ArgumentError
from steepest.study.method import REQUIRED, resolve
from steepest.study.sources import sources_of
from steepest.user_file import UserCodeError

FILE = """
import functools
import optax

def branches(learning_rate, strength=0.5, turns=3, exact=False):
    if strength > 1:
        raise ValueError("too strong")
    return optax.sgd(learning_rate)

def branches_on_the_step(learning_rate):
    return optax.sgd(0.1 if learning_rate > 1 else learning_rate)

def whatever(learning_rate=0.25, **others):
    return optax.adam(learning_rate, **others)

def needs(learning_rate, strength):
    return optax.chain(optax.scale(strength), optax.sgd(learning_rate))

def number(learning_rate):
    return learning_rate

partial = functools.partial(optax.adam, b1=0.5)
made = optax.adam(0.1)
constant = 3
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "methods_of_a_test.py").write_text(FILE)
    return tmp_path


def test_a_name_of_both_is_ours_and_optax_has_its_own():
    assert resolve("adam").function is methods.adam
    assert resolve("optax.adam").function is optax.adam
    assert resolve("lion").function is resolve("optax.lion").function is optax.lion
    assert resolve("optax.contrib.prodigy").source == "optax"
    assert resolve("adam").sha256 is None


@pytest.mark.parametrize("name", ["adam", "optax.rmsprop", "heavy_ball", "optax.sgd", "sm3"])
def test_names_and_defaults_are_those_of_the_signature(name):
    factory = resolve(name)
    signature = inspect.signature(factory.function).parameters
    given = {n: p.default for n, p in signature.items() if n != "learning_rate"}
    assert dict(factory.defaults) == given
    assert all((value is REQUIRED) == (value is inspect._empty) for value in given.values())


def test_the_default_step_size():
    assert resolve("adam").default_learning_rate == 0.001
    assert resolve("gradient_descent").default_learning_rate is None


@pytest.mark.parametrize(
    ("name", "traceable"),
    [
        ("gradient_descent", ("learning_rate",)),
        ("heavy_ball", ("learning_rate", "momentum")),
        ("newton", ("damping", "learning_rate")),
        # None means another program, a number may be traced; a flag and a type may not.
        ("optax.sgd", ("learning_rate", "momentum")),
        (
            "optax.rprop",
            ("eta_minus", "eta_plus", "learning_rate", "max_step_size", "min_step_size"),
        ),
        ("methods_of_a_test.py:branches", ("learning_rate",)),
        ("methods_of_a_test.py:branches_on_the_step", ()),
        ("methods_of_a_test.py:needs", ("learning_rate", "strength")),
    ],
)
def test_what_can_be_traced(folder, name, traceable):
    factory = resolve(name, folder)
    assert factory.traceable == traceable
    given = dict.fromkeys({*traceable, "learning_rate"}, 0.5)

    def step(values):
        method = factory.build(**{**given, **values})
        x = jnp.ones(2)
        return method.update(x, method.init(x), x, value=1.0, grad=x, value_fn=jnp.sum)[0]

    if name != "newton":  # which asks for a function of one variable more
        jax.eval_shape(step, {n: jnp.float32(0.5) for n in traceable})


def test_a_traced_hyperparameter_gives_the_same_method():
    factory, x = resolve("adam"), jnp.array([1.0, -2.0])

    def step(eps):
        method = factory.build(learning_rate=0.1, eps=eps)
        return method.update(x, method.init(x), x)[0]

    assert jnp.array_equal(jax.jit(step)(0.25), jax.jit(lambda: step(0.25))())


def test_a_method_of_a_file(folder):
    factory = resolve("methods_of_a_test.py:whatever", folder)
    assert factory.source == "file"
    assert factory.default_learning_rate == 0.25
    assert factory.sha256 == sources_of(folder / "methods_of_a_test.py").sha256
    factory.build(learning_rate=0.1, b1=0.5)
    assert resolve("methods_of_a_test.py:partial", folder).defaults["b1"] == 0.5
    before = factory.sha256
    (folder / "methods_of_a_test.py").write_text(FILE + "\n# edited\n")
    assert resolve("methods_of_a_test.py:whatever", folder).sha256 != before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("aadm", "there is no method 'aadm'; did you mean adam?"),
        ("optax.loin", "did you mean optax.lion?"),
        ("gradient_decent", "did you mean gradient_descent?"),
        ("_adam", "there is no method '_adam'"),
        ("", "there is no method ''"),
        ("qqqq", "there are adadelta, adagrad"),
        ("optax", "there is no method 'optax'"),
        ("optax.GradientTransformation", "there is no method"),
        ("optax.chain", "has no step size to tune"),
        ("exponential_decay", "has no step size to tune"),
        ("optax.losses.l2_loss", "has no step size to tune"),
        ("adadelta", "no step size to tune: it takes no argument learning_rate; optax.adadelta"),
        ("nowhere.py:f", "there is no file nowhere.py"),
        ("methods_of_a_test.py:needz", "did you mean needs?"),
        ("methods_of_a_test.py:made", "whose hyperparameters are chosen"),
        ("methods_of_a_test.py:constant", "is a int, not a function"),
        ("methods_of_a_test.py:", "names no function in a file"),
    ],
)
def test_what_is_no_method_is_refused(folder, name, says):
    with pytest.raises(ArgumentError) as raised:
        resolve(name, folder)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("name", "given", "error", "says"),
    [
        ("adam", {"epz": 1.0}, ArgumentError, "adam takes no epz; did you mean eps?"),
        ("adam", {"eps": -1.0}, ArgumentError, "eps is -1.0"),
        ("optax.adam", {"b1": "x"}, ArgumentError, ""),
        ("methods_of_a_test.py:needs", {}, ArgumentError, "needs strength, which has no default"),
        ("methods_of_a_test.py:number", {}, ArgumentError, "makes a float and no method"),
        (
            "methods_of_a_test.py:branches",
            {"strength": 2.0},
            UserCodeError,
            "methods_of_a_test.py:7 in branches",
        ),
        ("methods_of_a_test.py:partial", {"b2": 0.5, "eps": None}, None, ""),
    ],
)
def test_building_names_what_is_wrong(folder, name, given, error, says):
    factory = resolve(name, folder)
    if name == "optax.adam" or error is None:  # Optax looks at a value when it is used
        factory.build(learning_rate=0.1, **given)
        return
    with pytest.raises(error) as raised:
        factory.build(learning_rate=0.1, **given)
    assert says in str(raised.value)
