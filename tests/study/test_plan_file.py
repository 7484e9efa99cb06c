"""Plans are read as they stand, and wrong ones name file, field and what would do."""

import random
import re
import tomllib

import pytest

from steepest.errors import ArgumentError, PlanError
from steepest.study.fields import Table
from steepest.study.plan import Decay, Steps, Tuning
from steepest.study.plan_file import FIELDS, read_plan
from steepest.study.template import TEMPLATE, write_template

FILE = """
import optax

def method(learning_rate, strength, turns=2):
    if turns > 2:
        raise ValueError("too many turns")
    return optax.chain(optax.scale(strength), optax.sgd(learning_rate))

def schedule(learning_rate):
    return optax.constant_schedule(learning_rate)

made = optax.adam(0.1)

def problem():
    raise RuntimeError("a plan does not run its problem")
"""


@pytest.fixture
def read(tmp_path):
    (tmp_path / "own_of_a_test.py").write_text(FILE)

    def read(text):
        path = tmp_path / "plan.toml"
        path.write_text(text)
        return read_plan(path)

    return read


def test_an_empty_plan_the_template_and_the_dataclasses_agree(read, tmp_path):
    plan = read("")
    assert plan == read_plan(write_template(tmp_path / "template.toml"))
    assert plan.tuning == Tuning()
    assert plan.decay == Decay()
    bare = type(plan)(plan.problem, plan.methods)
    assert plan == bare
    labels = ["gradient_descent", "heavy_ball", "adagrad", "rmsprop", "adam"]
    assert [method.label for method in plan.methods] == labels


def test_the_template_has_every_field():
    content = tomllib.loads(TEMPLATE)
    for table, fields in FIELDS.items():
        assert set(fields) == set(content[table])
    everything = tomllib.loads(re.sub(r"(?m)^# (\w+ = )", r"\1", TEMPLATE))
    assert set(everything["tuning"]["steps"]) == {"grid", "points", "extend", "around", "values"}
    assert set(everything["method"][-1]) == {"name", "label", "tune", "steps"}


def test_a_template_does_not_replace_a_file(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("mine")
    with pytest.raises(ArgumentError, match="is there already"):
        write_template(path)
    assert path.read_text() == "mine"
    with pytest.raises(ArgumentError, match="cannot be written"):
        write_template(tmp_path / "nowhere" / "plan.toml")


def test_all_fields(read):
    plan = read(
        """
        [study]
        problem = "./own_of_a_test.py:problem"
        epochs = 3
        batch = 7
        seeds = 2
        seed = 11
        width = 4
        [tuning]
        seeds = 2
        budget = 12
        select = "dev_loss"
        steps = { grid = "powers of ten", points = 3, extend = false, around = 0.02 }
        [decay]
        kind = "every 10 epochs"
        factor = 0.5
        [[method]]
        name = "adam"
        b1 = 0
        tune = { eps = [1e-8, 1], b2 = [0.9] }
        [[method]]
        name = "adam"
        steps = { values = [0.3, 0.1] }
        eps_in_sqrt = true
        [[method]]
        name = "optax.lion"
        label = "Lion (β = 0.9)"
        steps = { grid = "powers of two", points = 4 }
        [[method]]
        name = "own_of_a_test.py:method"
        strength = 2
        turns = 1
        """
    )
    assert plan.problem == "own_of_a_test.py:problem"
    assert (plan.epochs, plan.batch, plan.seeds, plan.seed, plan.width) == (3, 7, 2, 11, 4)
    assert plan.tuning == Tuning(2, 12, "dev loss")
    assert plan.decay == Decay("every", 0.5, 1, 10)
    assert plan.tuning_seeds == (11, 12)
    adam, second, lion, own = plan.methods
    assert adam.steps == Steps((0.001, 0.01, 0.1), extend=False)
    assert adam.fixed == {"b1": 0.0}
    assert isinstance(adam.fixed["b1"], float)  # as 0.0 would be: one trial, one identity
    assert adam.tune == {"eps": (1e-8, 1.0), "b2": (0.9,)}
    assert (adam.label, second.label) == ("adam", "adam-2")
    assert second.steps == Steps((0.1, 0.3), extend=False)
    assert second.fixed == {"eps_in_sqrt": True}
    assert lion.steps == Steps((2**-8, 2**-7, 2**-6, 2**-5), extend=False)
    assert lion.label == "Lion (β = 0.9)"
    assert own.fixed == {"strength": 2, "turns": 1}
    assert own.label == "method"


def test_fields_that_a_decay_does_not_read_are_no_part_of_it(read):
    kinds = {k: read(f'[decay]\nkind = "{k}"\nfactor = 0.5').decay for k in ("cosine", "none")}
    assert kinds == {"cosine": Decay("cosine"), "none": Decay("none")}
    assert read('[decay]\nkind = "every 1 epoch"\npatience = 9').decay.patience == 1


def test_a_plan_is_the_same_wherever_its_folder_lies(read, tmp_path):
    text = '[study]\nproblem = "{}own_of_a_test.py:problem"\n[[method]]\nname = "adam"\n'
    here = read(text.format(""))
    assert here == read(text.format(f"{tmp_path}/"))
    other = tmp_path / "other"
    other.mkdir()
    (other / "own_of_a_test.py").write_text(FILE)
    (other / "plan.toml").write_text(text.format("x/../"))
    (other / "x").mkdir()
    assert read_plan(other / "plan.toml") == here


# What is written, and what the error has to say: first the field, then the rest of its line.
WRONG = [
    ("[study]\nepochs = 0", "[study] epochs is 0; it must be a whole number, at least 1"),
    ("[study]\nepochs = true", "[study] epochs is true; it must be a whole number"),
    ("[study]\nepochs = 2.0", "[study] epochs is 2.0; it must be a whole number"),
    ('[study]\nepochs = "60"', "[study] epochs is '60'; it must be a whole number"),
    ("[study]\nepochs = 1979-05-27", "[study] epochs is datetime.date"),
    ("[study]\nbatch = -1", "[study] batch is -1"),
    ("[study]\nbatch = [1]", "[study] batch is [1]"),
    ("[study]\nseeds = 0", "[study] seeds is 0"),
    ("[study]\nseed = -1", "[study] seed is -1; it must be a whole number, from 0"),
    ("[study]\nseed = 99999999999", "[study] seed is 99999999999"),
    (f"[study]\nseed = 1{'0' * 50}", "[study] seed is a whole number of over 40 digits"),
    ("[study]\nwidth = 0", "[study] width is 0"),
    ("[study]\nepcohs = 3", "[study] epcohs is unknown; did you mean epochs?"),
    ("[study]\nzzz = 3", "[study] zzz is unknown; known here: problem, epochs"),
    ("[study]\nproblem = 3", "[study] problem is 3; it must be a text"),
    ('[study]\nproblem = " "', "[study] problem is ' '; it must be a text"),
    ('[study]\nproblem = "digits"', "[study] problem: 'digits' names nothing"),
    ('[study]\nproblem = "a b:c"', "[study] problem: 'a b:c' names nothing"),
    ('[study]\nproblem = "m:f()"', "[study] problem: 'm:f()' names nothing"),
    (
        '[study]\nproblem = "own_of_a_tset.py:p"',
        "[study] problem: there is no file own_of_a_tset.py; did you mean own_of_a_test.py?",
    ),
    ('[study]\nproblem = "no/where.py:p"', "[study] problem: there is no file no/where.py"),
    ('[study]\nproblem = "\\u0000.py:p"', "[study] problem: there is no file"),
    ("study = 3", "study is 3; it must be a table, [study]"),
    ("[[study]]\nepochs = 3", "study is [{'epochs': 3}]; it must be a table"),
    ("epochs = 3", "epochs is in no table; it belongs under [study]"),
    ("[stduy]\nepochs = 3", "[stduy] is unknown; did you mean study?"),
    ("[zzz]", "[zzz] is unknown; known here: study, tuning, decay, method"),
    ("[tuning]\nseeds = 10001", "[tuning] seeds is 10001; it must be a whole number, from 1 to"),
    ("[tuning]\nseeds = 0", "[tuning] seeds is 0"),
    ("[tuning]\nbudget = 0", "[tuning] budget is 0"),
    ("[tuning]\nbudget = nan", "[tuning] budget is nan"),
    ("[tuning]\nbudegt = 3", "[tuning] budegt is unknown; did you mean budget?"),
    ("[tuning]\nselect = 1", "[tuning] select is 1"),
    ('[tuning]\nselect = ""', "[tuning] select is ''"),
    ('[tuning]\nselect = "dev accuracy"', "[tuning] select is 'dev accuracy', and the lowest"),
    ('[tuning]\nselect = "test error"', "[tuning] select is 'test error'; tuning must not see"),
    ("[tuning]\nsteps = 5", "[tuning] steps is 5; it must be a table"),
    ("[tuning]\nsteps = { pionts = 5 }", "[tuning] steps.pionts is unknown; did you mean points"),
    ("[tuning]\nsteps = { points = 0 }", "[tuning] steps.points is 0"),
    ("[tuning]\nsteps = { points = 1 }", "[tuning] steps.points is 1; it must be a whole number"),
    ("[tuning]\nsteps = { points = 2.5 }", "[tuning] steps.points is 2.5"),
    ("[tuning]\nsteps = { points = 26 }", "[tuning] steps.points is 26, more than the budget"),
    ("[tuning]\nsteps = { extend = 1 }", "[tuning] steps.extend is 1; it must be true or false"),
    ('[tuning]\nsteps = { grid = "power of two" }', "[tuning] steps.grid is 'power of two'; did"),
    ("[tuning]\nsteps = { grid = [1, 2] }", "[tuning] steps.grid is [1, 2]; it must be a text"),
    ("[tuning]\nsteps = { around = 0 }", "[tuning] steps.around gives the step size 0"),
    ("[tuning]\nsteps = { around = -1 }", "[tuning] steps.around gives the step size -1"),
    ("[tuning]\nsteps = { around = inf }", "[tuning] steps.around is inf"),
    ("[tuning]\nsteps = { around = 1e300 }", "[tuning] steps.around gives the step size 1e+300"),
    ("[tuning]\nsteps = { around = 1e37 }", "[tuning] steps.around gives the step size 1e+37"),
    ("[tuning]\nsteps = { around = 9e36 }", "[tuning] steps.points gives the step size"),
    ("[tuning]\nsteps = { values = [] }", "[tuning] steps.values is an empty list"),
    ("[tuning]\nsteps = { values = 0.1 }", "[tuning] steps.values is 0.1; it must be a list"),
    ("[tuning]\nsteps = { values = [0.0, 0.0] }", "[tuning] steps.values has 0.0 twice"),
    ("[tuning]\nsteps = { values = [0.0, 1.0] }", "[tuning] steps.values gives the step size 0"),
    ("[tuning]\nsteps = { values = [1, -2] }", "[tuning] steps.values gives the step size -2"),
    ("[tuning]\nsteps = { values = [1, nan] }", "[tuning] steps.values is nan"),
    ("[tuning]\nsteps = { values = [1, 1.0] }", "[tuning] steps.values has 1.0 twice"),
    ("[tuning]\nsteps = { values = [2, true] }", "[tuning] steps.values is true"),
    ('[tuning]\nsteps = { values = [1, "2"] }', "[tuning] steps.values is '2'"),
    ("[tuning]\nsteps = { values = [0.1] }", "[tuning] steps.values has one step size"),
    ("[tuning]\nsteps = { values = [1, 2], points = 3 }", "[tuning] steps.points stands beside"),
    (
        "[tuning]\nbudget = 2\nsteps = { values = [1, 2, 3] }",
        "steps asks for 3 step sizes = 3 configurations, more than the budget of 2",
    ),
    ("[decay]\nkind = 3", "[decay] kind is 3"),
    ('[decay]\nkind = "on plateu"', "[decay] kind is 'on plateu'; did you mean on plateau?"),
    ('[decay]\nkind = "every N epochs"', "[decay] kind is 'every N epochs'; put a number for N"),
    ('[decay]\nkind = "every 0 epochs"', "[decay] kind is 'every 0 epochs'"),
    ('[decay]\nkind = "linear"', "[decay] kind is 'linear'"),
    ("[decay]\nfactor = 1", "[decay] factor is 1; it must lie between 0 and 1"),
    ("[decay]\nfactor = 0.0", "[decay] factor is 0; it must lie between 0 and 1"),
    ("[decay]\nfactor = true", "[decay] factor is true"),
    ("[decay]\npatience = 0", "[decay] patience is 0"),
    ("[decay]\npatiance = 2", "[decay] patiance is unknown; did you mean patience?"),
    ("[method]\nname = 'adam'", "method must be one table or more, each headed [[method]]"),
    ("method = []", "method must be one table or more"),
    ("method = [1]", "method must be one table or more"),
    ("[[method]]", "[[method]] 1 name is missing"),
    ("[[method]]\nName = 'adam'", "[[method]] 1 name is missing (Name is no field of it)"),
    ("[[method]]\nname = 3", "[[method]] 1 name is 3; it must be a text"),
    ("[[method]]\nname = 'aadm'", "[[method]] 1 name: there is no method 'aadm'; did you mean"),
    ("[[method]]\nname = 'optax.loin'", "name: there is no method 'optax.loin'; did you mean"),
    ("[[method]]\nname = 'adadelta'", "name: adadelta has no step size to tune"),
    ("[[method]]\nname = 'chain'", "name: chain has no step size to tune"),
    ("[[method]]\nname = 'optax'", "name: there is no method 'optax'"),
    ("[[method]]\nname = 'x.py:f'", "[[method]] 1 name: there is no file x.py"),
    (
        "[[method]]\nname = 'own_of_a_test.py:methd'",
        "has no function 'methd'; did you mean method?",
    ),
    ("[[method]]\nname = 'own_of_a_test.py:made'", "made is a method whose hyperparameters are"),
    ("[[method]]\nname = 'own_of_a_test.py:schedule'", "makes a function and no method"),
    ("[[method]]\nname = 'own_of_a_test.py:method'", "needs strength, which has no default"),
    (
        "[[method]]\nname = 'own_of_a_test.py:method'\nstrength = 1\nturns = 3",
        "own_of_a_test.py:6 in method: raise ValueError",
    ),
    ("[[method]]\nname = 'adam'\nbeta = 3", "(adam) beta: adam takes no beta"),
    ("[[method]]\nname = 'adam'\nepss = 3", "epss: adam takes no epss; did you mean eps?"),
    ("[[method]]\nname = 'adam'\nlearning_rate = 0.1", "learning_rate is what steps tunes"),
    ("[[method]]\nname = 'adam'\ntune = { learning_rate = [1] }", "tune.learning_rate is what"),
    ("[[method]]\nname = 'adam'\nb1 = 1", "(adam) b1: b1 is 1.0; it must be at least 0 and below"),
    ("[[method]]\nname = 'adam'\nb2 = 'a'", "(adam) b2 is 'a'; it must be a finite number"),
    ("[[method]]\nname = 'adam'\nb2 = inf", "(adam) b2 is inf; it must be a finite number"),
    ("[[method]]\nname = 'adam'\neps = 1e-50", "eps is 1e-50, which is 0 in single precision"),
    ("[[method]]\nname = 'adam'\neps = 1e300", "eps is 1e+300, which is infinite in single"),
    ("[[method]]\nname = 'adam'\nb2 = true", "(adam) b2 is true; it must be a number"),
    ("[[method]]\nname = 'adam'\neps_in_sqrt = 1", "eps_in_sqrt is 1; it must be true or false"),
    ("[[method]]\nname = 'adam'\nb1 = 0.5\ntune = { b1 = [0.9] }", "b1 is given and tuned"),
    ("[[method]]\nname = 'adam'\ntune = [1]", "(adam) tune is [1]; it must be a table"),
    ("[[method]]\nname = 'adam'\ntune = { eps = 1 }", "(adam) tune.eps is 1; it must be a list"),
    ("[[method]]\nname = 'adam'\ntune = { eps = [] }", "(adam) tune.eps is an empty list"),
    ("[[method]]\nname = 'adam'\ntune = { eps = [1, 1.0] }", "(adam) tune.eps has 1.0 twice"),
    ("[[method]]\nname = 'adam'\ntune = { eps = [0.0, -0.0] }", "(adam) tune.eps has -0.0 twice"),
    ("[[method]]\nname = 'adam'\ntune = { eps = [nan] }", "(adam) tune.eps is nan"),
    ("[[method]]\nname = 'adam'\ntune = { eps = [1, -1] }", "tune.eps: eps is -1.0; it must be"),
    ("[[method]]\nname = 'adam'\ntune = { epz = [1] }", "tune.epz: adam takes no epz; did you"),
    (
        "[[method]]\nname = 'adam'\ntune = { eps = [1, 2, 3], b1 = [0, 0.5] }",
        "(adam) tune asks for 5 step sizes × 3 of eps × 2 of b1 = 30 configurations, "
        "more than the budget of 25",
    ),
    ("[[method]]\nname = 'adam'\nsteps = { points = 0 }", "(adam) steps.points is 0"),
    ("[[method]]\nname = 'adam'\nsteps = { pts = 3 }", "(adam) steps.pts is unknown"),
    ("[[method]]\nname = 'adam'\nsteps = { values = [0] }", "(adam) steps.values "),
    ("[[method]]\nname = 'adam'\nlabel = ''", "(adam) label is ''"),
    ("[[method]]\nname = 'adam'\nlabel = '../x'", "(adam) label is '../x'; it names a folder"),
    ("[[method]]\nname = 'adam'\nlabel = 'a/b'", "(adam) label is 'a/b'; it names a folder"),
    ("[[method]]\nname = 'adam'\nlabel = 'a.'", "(adam) label is 'a.'; it names a folder"),
    (f"[[method]]\nname = 'adam'\nlabel = '{'a' * 65}'", "it names a folder"),
    (
        "[[method]]\nname = 'adam'\nlabel = 'A'\n[[method]]\nname = 'lion'\nlabel = 'a'",
        "[[method]] 2 label is 'a', as that of [[method]] 1",
    ),
    ("[[method]]\nname = 'adam'\n[[method]]\nname = 'adam'", "[[method]] 2 name is 'adam', with"),
    ("[study]\nepochs = ", "is no TOML: Invalid value (at line 2, column 10)"),
    ("[study]\nepochs = 1\nepochs = 2", "is no TOML: Cannot overwrite a value (at line 3"),
    ("[study\n", "is no TOML: "),
    (f"x = {'[' * 5000}", "is nested too deeply"),
    (f"[study]\nseed = 1{'0' * 5000}", "is no TOML"),
]


@pytest.mark.parametrize(("text", "says"), WRONG, ids=[text[:60] for text, _ in WRONG])
def test_what_is_wrong_is_named(read, tmp_path, text, says):
    with pytest.raises(PlanError) as raised:
        read(text)
    message = str(raised.value)
    assert message.startswith(f"{tmp_path / 'plan.toml'}: ")
    assert says in message


def test_a_file_that_is_none(tmp_path):
    for path in (tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(PlanError, match="cannot be read"):
            read_plan(path)
    (tmp_path / "plan.toml").write_bytes(b"[study]\n# \xff\n")
    with pytest.raises(PlanError, match="cannot be read"):
        read_plan(tmp_path / "plan.toml")


def test_mutations_of_the_template_are_plans_or_plan_errors(read):
    """No text, however broken, gives another error; some of the mutants are still plans."""
    draw = random.Random(0)
    uncommented = re.sub(r"(?m)^# (\w+ = )", r"\1", TEMPLATE)
    tokens = re.findall(r'"[^"\n]*"|[\w.+-]+|\S', uncommented)
    plans, messages = 0, []
    for turn in range(150):
        text = TEMPLATE if turn % 2 else uncommented
        for _ in range(draw.randint(1, 3)):
            text = _mutated(draw, text, tokens)
        try:
            read(text)
            plans += 1
        except PlanError as error:
            messages.append(str(error))
    assert all("plan.toml: " in message and len(message) < 600 for message in messages)
    assert 0 < plans < 150


def _mutated(draw, text, tokens):
    matches = list(re.finditer(r'"[^"\n]*"|[\w.+-]+|[^\w\s]', text))
    one = draw.choice(matches)
    odd = [
        "nan",
        "-1",
        "0",
        "1e400",
        "true",
        '""',
        "[]",
        "{}",
        "'",
        "\0",
        "é",
        "[[method]]\n",
        "=1",
    ]
    put = draw.choice([draw.choice(tokens), draw.choice(odd), "", one[0][:-1], one[0][::-1]])
    return text[: one.start()] + put + text[one.end() :]


def test_a_field_is_named_readably():
    table = Table({"a\nb": 1}, "plan.toml: ")
    assert "\n" not in str(table.error("a\nb", "is wrong"))
