"""A study of a PyTorch module, through `run(trial)`: the digits images that scikit-learn ships.

steepest study run examples/study/pytorch_digits.toml --store out/pytorch
"""

import numpy as np
import torch
from sklearn.datasets import load_digits

TORCH = {
    "gradient_descent": torch.optim.SGD,
    "heavy_ball": torch.optim.SGD,
    "adam": torch.optim.Adam,
}


class Digits:
    """A program: an object with `run`; its `data` belong to a trial's identity."""

    def data(self):
        """Train, dev and test sets, as arrays."""
        images, labels = load_digits(return_X_y=True)
        order = np.random.default_rng(0).permutation(len(labels))
        scaled = (images.astype(np.float32) / 16.0)[order]
        return [
            (scaled[part], labels[order][part])
            for part in (slice(0, 1078), slice(1078, 1437), slice(1437, None))
        ]

    def run(self, trial):
        """Train for an epoch, yield the metrics, and so on."""
        torch.set_num_threads(1)  # workers share the machine
        torch.manual_seed(trial.seed)
        sets = [tuple(map(torch.from_numpy, part)) for part in self.data()]
        model = torch.nn.Sequential(
            torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
        )
        optimizer = TORCH[trial.method](
            model.parameters(), lr=trial.learning_rate, **trial.hyperparameters
        )
        X, y = sets[0]
        for _ in range(trial.epochs):
            for group in optimizer.param_groups:
                group["lr"] = trial.learning_rate  # the plan's decay is applied
            order = torch.randperm(len(X))
            for rows in order[: len(X) // trial.batch * trial.batch].split(trial.batch):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
                optimizer.step()
            yield dict(self._metrics(model, sets))

    @torch.no_grad()
    def _metrics(self, model, sets):
        for name, (X, y) in zip(("train", "dev", "test"), sets, strict=True):
            scores = model(X)
            yield f"{name}_loss", torch.nn.functional.cross_entropy(scores, y)
            yield f"{name}_error", (scores.argmax(1) != y).float().mean()
