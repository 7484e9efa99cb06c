"""Which trials a study consists of, which of them are there, and which are to be run next."""

from __future__ import annotations

from steepest.study.configuration import Configuration, Surroundings
from steepest.study.plan import MethodPlan, Plan
from steepest.study.record import Record
from steepest.study.result import Result
from steepest.study.store import Store
from steepest.study.tuning import wanted


class Agenda:
    """The trials of a plan, method by method, as far as the results there are decide them.

    A trial is asked for once for all methods that want it: labels may share configurations.

    Attributes:
        plan, surroundings: the study.
        results: hash → result, of the trials asked for that are there.
        asked: label → hash → configuration, in the order of asking.
    """

    def __init__(self, plan: Plan, surroundings: Surroundings, store: Store):
        self.plan, self.surroundings, self._store = plan, surroundings, store
        self.results: dict[str, Result] = {}
        self.asked: dict[str, dict[str, Configuration]] = {m.label: {} for m in plan.methods}

    def ask(self, method: MethodPlan) -> tuple[Configuration, ...]:
        """The trials that have to be run before more can be said about a method; none at its end.

        What the store has is read from it, and the method asked again.
        """
        asked = self.asked[method.label]
        # Not those of other labels: a trial that both want is to be asked for by both.
        own = {hash: self.results[hash] for hash in asked if hash in self.results}
        while True:
            missing = wanted(self.plan, self.surroundings, method, own)
            asked.update((trial.hash, trial) for trial in missing)
            found = {t.hash: r for t in missing if (r := self._find(t.hash)) is not None}
            own.update(found)
            self.results.update(found)
            if not found or len(found) < len(missing):
                return tuple(trial for trial in missing if trial.hash not in found)

    def _find(self, hash: str) -> Result | None:
        return self.results[hash] if hash in self.results else self._store.read(hash)

    def done(self, label: str) -> int:
        """How many trials of a method are there."""
        return sum(hash in self.results for hash in self.asked[label])

    def planned(self, label: str) -> int:
        """How many trials a method takes, as far as that is known: its grid may yet grow."""
        asked = self.asked[label].values()
        chosen = any(trial.seed in self.plan.fresh_seeds for trial in asked)
        return len(asked) + (0 if chosen else self.plan.seeds)

    def record(self, *, complete: bool) -> Record:
        """What the store is to remember."""
        return Record(
            plan=self.plan,
            surroundings=self.surroundings,
            wanted={label: tuple(trials) for label, trials in self.asked.items()},
            planned={label: self.planned(label) for label in self.asked},
            complete=complete,
        )


def gather(store: Store) -> Agenda:
    """The trials of the plan that was run on a store, and those of their results that are there.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """
    record = store.record()
    agenda = Agenda(record.plan, record.surroundings, store)
    for method in agenda.plan.methods:
        agenda.ask(method)
    return agenda
