"""Which batch a worker gets, without any worker."""

from collections import Counter

from hypothesis import given, strategies as st_

from steepest.study.configuration import Surroundings, configuration
from steepest.study.dispatcher import Dispatcher
from steepest.study.plan import MethodPlan, Plan, Steps

METHOD = MethodPlan("adam", "adam", Steps((0.5,)))
PLAN = Plan("a.py:run", (METHOD,))


def trials(count, **tuned):
    around = Surroundings("0" * 64, None)
    return [configuration(PLAN, around, METHOD, 0.5, tuned, seed) for seed in range(count)]


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_method_keeps_to_its_worker_and_one_without_work_takes_over_a_whole_one():
    dispatcher = Dispatcher(Clock())
    for label, count in {"a": 3, "b": 1, "c": 5, "d": 2}.items():
        dispatcher.add(label, trials(count), width=1)
    held = dict(dispatcher.assign(["x", "y"]))
    assert [held[w].label for w in "xy"] == ["c", "a"]
    order = {"x": ["c"], "y": ["a"]}
    for _ in range(5):  # x takes a minute for each, and y no time
        dispatcher.finished(held["y"], "y", 3.0)
        handed = dispatcher.assign(["x", "y"])
        held |= dict(handed)
        order["y"] += [batch.label for _, batch in handed]
    assert order["y"] == ["a", "a", "a", "d", "d", "b"]
    dispatcher.finished(held["y"], "y", 3.0)
    assert dispatcher.assign(["x", "y"]) == []  # joining c may cost more than it gains


def test_a_worker_joins_a_method_whose_trials_are_long():
    clock = Clock()
    dispatcher = Dispatcher(clock)
    dispatcher.add("a", trials(4), width=1)
    assert len(dispatcher.assign(["x", "y"])) == 1
    clock.now = 60.0
    assert [(w, b.label) for w, b in dispatcher.assign(["x", "y"])] == [("y", "a")]


def test_short_batches_are_handed_out_one_ahead_and_long_ones_are_not():
    for seconds, ahead in ((0.1, 1), (100.0, 0)):
        dispatcher = Dispatcher(Clock())
        dispatcher.add("a", trials(9), width=1)
        for _ in range(2):
            [(_, batch)] = dispatcher.assign(["x"])
            dispatcher.finished(batch, "x", seconds)
        assert len(dispatcher.assign(["x"])) == 1 + ahead
        assert dispatcher.assign(["x"]) == []


def test_what_a_worker_died_with_is_run_again_first_and_alone():
    dispatcher = Dispatcher(Clock())
    dispatcher.add("a", trials(9), width=1)
    for _ in range(2):
        [(_, batch)] = dispatcher.assign(["x"])
        dispatcher.finished(batch, "x", 0.1)
    had = [batch for _, batch in dispatcher.assign(["x"])]
    had += [batch for _, batch in dispatcher.assign(["x"])]
    assert len(had) == 2
    assert dispatcher.lost(["x", "z"]) == {"x": had}
    assert dispatcher.running == ()
    for suspect in had:
        assert dispatcher.assign(["y"]) == [("y", suspect)]
        assert dispatcher.assign(["y"]) == []
        dispatcher.finished(suspect, "y", 0.1)
    assert len(dispatcher.assign(["y"])) == 2


def test_batches_are_of_one_shape():
    dispatcher = Dispatcher(Clock())
    mixed = [
        *trials(3, nesterov=True),
        *trials(2, nesterov=False),
        *trials(2, nesterov=True, b=0.5),
    ]
    dispatcher.add("a", mixed, width=2)
    sizes = []
    while batches := dispatcher.assign(["x"]):
        for worker, batch in batches:
            assert len({b.hyperparameters for b in batch.trials}) == 1
            sizes.append(len(batch.trials))
            dispatcher.finished(batch, worker, 1.0)
    assert sizes == [2, 1, 2, 2]


def test_time_left_is_of_what_was_measured():
    clock = Clock()
    dispatcher = Dispatcher(clock)
    dispatcher.add("a", trials(3), width=1)
    assert dispatcher.seconds_left(1, {"a": 3}) is None
    [(_, batch)] = dispatcher.assign(["x"])
    dispatcher.finished(batch, "x", 10.0)
    [(_, batch)] = dispatcher.assign(["x"])
    clock.now = 4.0
    assert dispatcher.seconds_left(1, {"a": 1, "b": 2}) == 6.0 + 10.0 + 2 * 10.0
    assert dispatcher.seconds_left(2, {}) == 3.0


@given(st_.data())
def test_all_is_run_once_whoever_comes_and_goes(data):
    """Workers die and are born; what they had is finished by somebody else."""
    clock = Clock()
    dispatcher = Dispatcher(clock)
    wanted, done = Counter(), Counter()
    alive = ["w0"]
    for step in range(200):
        clock.now += data.draw(st_.floats(0, 10))
        if step < 10:
            label, count = data.draw(st_.sampled_from("abc")), data.draw(st_.integers(1, 4))
            dispatcher.add(label, trials(count), width=2)
            wanted[label] += count
        if data.draw(st_.booleans()):
            alive.append(f"w{step}")
        if len(alive) > 1 and data.draw(st_.booleans()):
            dead = alive.pop(data.draw(st_.integers(0, len(alive) - 1)))
            running = len(dispatcher.running)
            had = dispatcher.lost([dead])
            assert len(dispatcher.running) == running - len(had.get(dead, ()))
        dispatcher.assign(alive)
        if dispatcher.running:
            batch = data.draw(st_.sampled_from(dispatcher.running))
            dispatcher.finished(batch, data.draw(st_.sampled_from(alive)), clock.now)
            done[batch.label] += len(batch.trials)
        elif step >= 10:
            break
    while dispatcher.waiting or dispatcher.running:
        dispatcher.assign(["last"])
        clock.now += 10.0
        for batch in dispatcher.running:
            dispatcher.finished(batch, "last", 1.0)
            done[batch.label] += len(batch.trials)
    assert done == wanted
