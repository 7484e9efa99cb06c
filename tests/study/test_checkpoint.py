"""Long trials go on from their checkpoints bit for bit, and from nothing else."""

import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest as st
from steepest.study.checkpoint import Checkpoints, CheckpointWarning
from steepest.study.history import History
from steepest.study.trial import run_trials
from study import small

PROBLEM = small.problem()


class KilledError(Exception):
    pass


def killed_after(epoch):
    def on_epoch(trial, done, metrics):
        if done == epoch:
            raise KilledError

    return on_epoch


def run(trials, folder, on_epoch=None):
    return run_trials(PROBLEM, trials, checkpoint=folder, checkpoint_after=0.0, on_epoch=on_epoch)


def files(folder):
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.parametrize(
    ("method", "hyperparameters"), [("adam", {"b1": 0.8}), ("optax.noisy_sgd", {"key": 3})]
)
def test_a_killed_trial_goes_on_bit_for_bit(method, hyperparameters, tmp_path):
    """A count, and a random key, are in the state."""
    trial = small.trial(0.1, method, hyperparameters=hyperparameters, epochs=5)
    whole = run_trials(PROBLEM, [trial])
    for epoch in (1, 4):
        with pytest.raises(KilledError):
            run([trial], tmp_path, killed_after(epoch))
        assert files(tmp_path) == [f"{trial.hash}.checkpoint"]
        ran: list[int] = []
        noted = lambda trial, done, metrics, ran=ran: ran.append(done)
        resumed = run([trial], tmp_path, noted)
        assert ran == list(range(epoch + 1, 6))
        assert small.numbers(resumed[0]) == small.numbers(whole[0])
        Checkpoints(tmp_path).discard(trial)
        assert not files(tmp_path)
    Checkpoints(tmp_path).discard(trial)  # of none, too


def test_trials_of_a_batch_go_on_each_from_its_own_epoch(tmp_path):
    """One was stopped, one had diverged, one is new; they are batched in another order."""
    old, new, bad = (small.trial(0.1, "adam", seed, 3) for seed in (1, 2, 3))
    bad = small.trial(1e38, "adam", 3, 3)
    whole = {t.hash: small.numbers(run_trials(PROBLEM, [t])[0]) for t in (old, new, bad)}
    with pytest.raises(KilledError):
        run([bad, old], tmp_path, killed_after(2))
    resumed = run([new, old, bad], tmp_path)
    assert {r.configuration.hash: small.numbers(r) for r in resumed} == whole


def test_none_is_kept_before_its_time(tmp_path):
    run_trials(PROBLEM, [small.trial()], checkpoint=str(tmp_path), checkpoint_after=1e6)
    assert not files(tmp_path)


def test_a_torn_or_foreign_checkpoint_is_said_and_not_used(tmp_path):
    trial, other = small.trial(), small.trial(seed=1)
    with pytest.raises(KilledError):
        run([trial], tmp_path, killed_after(2))
    path = Checkpoints(tmp_path).path(trial)
    good = path.read_bytes()
    edited = good.replace(b"0", b"1", 1)
    whole = small.numbers(run_trials(PROBLEM, [trial])[0])
    for bad in (b"", good[:100], good[:-1], edited, good + b"\0", b"\xff" * 200):
        path.write_bytes(bad)
        with pytest.warns(CheckpointWarning, match=r"is torn or no checkpoint; the trial begins"):
            result = run([trial], tmp_path)
        assert small.numbers(result[0]) == whole
    Checkpoints(tmp_path).path(other).write_bytes(good)
    with pytest.warns(CheckpointWarning, match="is of another trial"):
        run([other], tmp_path)


def test_a_checkpoint_of_another_state_is_not_used(tmp_path):
    trial, kept = small.trial(), Checkpoints(tmp_path)
    kept.write(History(trial), {"x": jnp.ones(3)})
    for like in ({"x": jnp.ones(4)}, {"x": jnp.ones(3, jnp.int32)}, {"x": jnp.ones(3), "y": 0.0}):
        shapes = jax.eval_shape(lambda like=like: jax.tree.map(jnp.asarray, like))
        with pytest.warns(CheckpointWarning, match="holds another state"):
            assert kept.read(trial, shapes) is None


def test_any_state_comes_back_as_it_was(tmp_path):
    trial, kept = small.trial(), Checkpoints(tmp_path)
    params = {"a": jnp.arange(3.0), "b": jnp.ones((2, 2), jnp.bfloat16), "c": jnp.float32(np.nan)}
    for method in (
        optax.adam(0.1),
        optax.noisy_sgd(0.1, key=1),
        st.methods.newton(),
        optax.lbfgs(),
    ):
        state = (params, method.init(params))
        kept.write(History(trial, {"dev error": [0.1, 1 / 3]}, [0.1, 0.05]), state)
        found = kept.read(trial, jax.eval_shape(lambda state=state: state))
        assert found is not None
        history, back = found
        assert history.metrics == {"dev error": [0.1, 1 / 3]}
        assert history.step_sizes == [0.1, 0.05]
        assert jax.tree.structure(back) == jax.tree.structure(state)
        plain = lambda a: (
            jax.random.key_data(a) if jnp.issubdtype(a.dtype, jax.dtypes.prng_key) else a
        )
        for one, other in zip(jax.tree.leaves(back), jax.tree.leaves(state), strict=True):
            assert one.dtype == other.dtype
            assert np.asarray(plain(one)).tobytes() == np.asarray(plain(other)).tobytes()


def test_a_checkpoint_that_cannot_be_written_does_not_stop_the_trial(tmp_path):
    trial = small.trial()
    with pytest.warns(CheckpointWarning, match="cannot be written"):
        (result,) = run([trial], tmp_path / "none")
    with warnings.catch_warnings():
        assert small.numbers(result) == small.numbers(run_trials(PROBLEM, [trial])[0])
