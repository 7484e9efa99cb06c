"""What is wrong with a problem is known before anything runs."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.errors import DataError, PlanError
from steepest.study.check import check_before_running, check_set
from steepest.study.loading import problem_of
from steepest.study.plan_file import read_plan

EXAMPLES = Path(__file__).parents[2] / "examples" / "study"
FILE = """
import jax, jax.numpy as jnp, numpy as np
import optax

class Good:
    def init(self, key):
        return {{"w": jax.random.normal(key, (3,)), "scale": 1.0, "none": None}}
    def loss(self, params, batch, key):
        x, y = batch
        return jnp.mean((params["scale"] * x @ params["w"] - y) ** 2)
    def metrics(self, params, batch):
        loss = self.loss(params, batch, None)
        return {{"loss": loss, "top_1 error": loss > 1}}
    def data(self):
        x = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
        sets = (x[:8], x[:8, 0]), (x[8:10], x[8:10, 0]), (x[10:], x[10:, 0])
        return sets

class Problem(Good):
    {}

def run(trial):
    raise RuntimeError("no trial is run")

def cannot_step(learning_rate, size=1.0):
    def update(updates, state, params=None):
        return jax.tree.map(lambda g: g[:2], updates), state
    return optax.GradientTransformation(lambda params: (), update)
"""


@pytest.fixture
def check(tmp_path):
    def check(body="pass", plan=""):
        (tmp_path / "checked_of_a_test.py").write_text(FILE.format(body.replace("\n", "\n    ")))
        path = tmp_path / "plan.toml"
        named = "" if "problem" in plan else 'problem = "checked_of_a_test.py:Problem"\n'
        path.write_text(f"[study]\n{named}{plan or DEFAULT}")
        read = read_plan(path)
        check_before_running(read, problem_of(read))

    return check


DEFAULT = """batch = 4
[tuning]
select = "dev loss"
[[method]]
name = "adam"
tune = { eps = [1e-8, 1e-3] }
[[method]]
name = "nesterov"
[[method]]
name = "optax.lion"
"""


def test_what_is_well_passes(check):
    check()
    check(plan=DEFAULT.replace("dev loss", "dev top_1 error"))


@pytest.mark.parametrize("plan", sorted(EXAMPLES.glob("spirals*.toml")))
def test_the_example_is_well(plan):
    read = read_plan(plan)
    check_before_running(read, problem_of(read))


def test_of_a_program_nothing_is_run(check):
    check(plan='problem = "checked_of_a_test.py:run"\n[[method]]\nname = "adam"\n')


def test_a_batch_beyond_the_training_set(check):
    with pytest.raises(
        DataError, match=r"train has 8 examples, fewer than a batch: \[study\] batch is 9"
    ):
        check(plan=DEFAULT.replace("batch = 4", "batch = 9"))
    check(plan=DEFAULT.replace("batch = 4", "batch = 8"))


@pytest.mark.parametrize(
    ("select", "says"),
    [
        ("dev losss", "did you mean dev loss?"),
        ("dve loss", "did you mean dev loss?"),
        ("top 5", "there are train loss, train top 1 error, dev loss, dev top 1 error."),
    ],
)
def test_a_metric_that_is_none(check, select, says):
    with pytest.raises(PlanError) as raised:
        check(plan=DEFAULT.replace("dev loss", select))
    assert "plan.toml: [tuning] select is " in str(raised.value)
    assert says in str(raised.value)


WRONG = [
    ("def init(self, key): return {}['w']", "problem: init: ", "checked_of_a_test.py:20 in init"),
    ("def init(self, key): return jnp.arange(3)", "problem: init: ", "init(key) is an integer"),
    ("def init(self, key): return jnp.array([1.0, jnp.nan])", "init: ", "init(key)[1] is nan"),
    ("def init(self, key): return 'none'", "init: ", "init(key) holds no real numbers"),
    ("def init(self, key): return {'w': jnp.ones(3), 'f': jnp.sin}", "init: ", "['f'] is a "),
    ("def init(self, key): return {'w': np.ones(3), 'f': 'relu'}", "init: ", "['f'] is a str"),
    ("def init(self): return jnp.ones(3)", "init: ", "TypeError"),
    (
        "def loss(self, params, batch, key):\n    return batch[0] @ jnp.ones(4)",
        "problem: loss: ",
        "checked_of_a_test.py:21 in loss: return batch[0] @ jnp.ones(4)",
    ),
    (
        "def loss(self, params, batch, key): return batch[1] * params['w'][0]",
        "loss: ",
        "shape (4,)",
    ),
    ("def loss(self, params, batch, key): return 3", "loss: ", "int, not a real float"),
    ("def loss(self, params, batch, key): return None", "loss: ", "None"),
    ("def loss(self, params, batch, key): return jnp.log(-1.0)", "loss is nan", "first 4 examples"),
    ("def loss(self, params, batch): return 1.0", "loss: ", "TypeError"),
    (
        "def loss(self, params, batch, key):\n    return float(params['w'][0]) ** 2 + 0.0",
        "loss: ",
        "checked_of_a_test.py:21 in loss",
    ),
    ("def metrics(self, params, batch): return 1.0", "metrics returns 1.0; it must", "dict"),
    ("def metrics(self, params, batch): return {}", "metrics returns {}; it must", "dict"),
    (
        "def metrics(self, params, batch): return {'loss': batch[1]}",
        "metrics['loss'] is an",
        "(4,)",
    ),
    ("def metrics(self, params, batch): return {'loss': 'low'}", "problem: metrics: ", "TypeError"),
    ("def metrics(self, params, batch): return {1: 0.0}", "metrics has the name 1", "a text"),
    ("def metrics(self, params, batch): return {'a_b': 0.0, 'a b': 0.0}", "metrics has", "twice"),
    ("def metrics(self, params, batch): raise ValueError('no')", "metrics: ", ":20 in metrics"),
    (
        "def metrics(self, params, batch): return {'loss': float(params['w'][0])}",
        "metrics: ",
        ":20 in metrics",
    ),
]


@pytest.mark.parametrize(("body", "says", "too"), WRONG, ids=[body[:70] for body, *_ in WRONG])
def test_functions_that_raise_or_return_something_else(check, body, says, too):
    with pytest.raises(PlanError) as raised:
        check(body)
    message = str(raised.value)
    assert "plan.toml: [study] problem: " in message
    assert says in message
    assert too in message


def test_a_method_that_cannot_step_is_known(check):
    plan = DEFAULT.replace("nesterov", "checked_of_a_test.py:cannot_step")
    with pytest.raises(PlanError, match=r"\[\[method\]\] 2 \(checked_of_a_test.py:cannot_step\): "):
        check(plan=plan)


SETS = [
    (lambda x: (), "train is empty: data() returns no arrays"),
    (lambda x: x[:0], "train is empty, of shape (0, 3)"),
    (lambda x: (x, x[:0]), "train[1] has 0 examples and train[0] 4"),
    (lambda x: {"x": x, "y": x[:3]}, "train['y'] has 3 examples and train['x'] 4"),
    (lambda x: (x, 1.0), "train[1] is 1.0; it must be an array"),
    (lambda x: (x, np.float32(1.0)), "train[1] is "),
    (lambda x: [[1.0, 2.0]], "train[0][0] is 1.0; it must be an array"),
    (lambda x: (x, x * np.nan), "train[1][0, 0] is nan; every value must be finite (12 of 12"),
    (lambda x: (x, jnp.array([1.0, 2.0, jnp.inf, 0.0])), "train[1][2] is inf"),
    (lambda x: (x, np.array(["a", "b", "c", "d"])), "train[1] is of type <U1; it must hold real"),
    (lambda x: (x, np.array([None] * 4)), "train[1] is of type object"),
    (lambda x: (x, x * 1j), "train[1] is of type complex64"),
]


@pytest.mark.parametrize(("make", "says"), SETS, ids=[says[:40] for _, says in SETS])
def test_sets_of_data(make, says):
    with pytest.raises(DataError) as raised:
        check_set(make(np.ones((4, 3), np.float32)), "train")
    assert says in str(raised.value)


def test_good_sets_of_data():
    assert check_set({"x": np.ones((4, 3)), "y": np.arange(4)}, "dev") == 4
    assert check_set((jnp.ones(5, jnp.bfloat16), np.zeros(5, bool), jnp.zeros((5, 2))), "dev") == 5
    assert check_set(jax.random.normal(jax.random.key(0), (2, 2)), "dev") == 2


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("s[0], (s[1][0][:, :2], s[1][1]), s[2]", "dev[0] holds examples of shape (2,) and type"),
        (
            "s[0], s[1], (s[2][0].astype(np.float64), s[2][1])",
            "test[0] holds examples of shape (3,)",
        ),
        ("s[0], s[1][0], s[2]", "dev is PyTreeDef(*) and train PyTreeDef((*, *))"),
        ("s[0], s[1], (s[2][0][:0], s[2][1][:0])", "test[0] is empty, of shape (0, 3)"),
    ],
)
def test_sets_are_alike(check, body, says):
    with pytest.raises(DataError) as raised:
        check(f"def data(self):\n    s = Good.data(self)\n    return {body}")
    assert says in str(raised.value)
