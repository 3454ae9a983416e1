"""How the values of a trial are chosen. Needs Optuna.

What is drawn depends on the seed, the trial's number and the trials before it alone, so that a
search that was interrupted goes on as if it had not been, and processes that share one draw
different values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

_NARROWED = 0.25
"""The share of a range that is left around the best value."""
_BEST_SHARE = 0.25
"""The share of the trials whose choices are taken again."""


class ModelSampler(BaseSampler):
    """The tree-structured Parzen estimator, seeded anew for each trial.

    Parameters
    ----------
    seed : int
        Decides what is drawn.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._own = TPESampler(seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Begin a trial."""
        self._own = TPESampler(seed=_seed_of(self._seed, trial.number))

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return what is chosen together."""
        return self._own.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Choose it."""
        return self._own.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Choose one value by itself."""
        return self._own.sample_independent(study, trial, param_name, param_distribution)


class RandomSampler(BaseSampler):
    """Draws from the whole range, and later, if wanted, around the best trial so far.

    Parameters
    ----------
    seed : int
        Decides what is drawn.
    coarse : int, optional
        After how many trials only the surroundings of the best one are searched; default never.
    """

    def __init__(self, seed: int, coarse: int | None = None) -> None:
        self._seed = seed
        self._coarse = coarse

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return that nothing is chosen together."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Choose nothing."""
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw one value."""
        rng = np.random.default_rng(_seed_of(self._seed, trial.number, param_name))
        good = self._good_values(study, trial, param_name)
        if isinstance(param_distribution, CategoricalDistribution):
            choices = good or param_distribution.choices
            return choices[int(rng.integers(len(choices)))]
        assert isinstance(param_distribution, FloatDistribution | IntDistribution)
        low, high = float(param_distribution.low), float(param_distribution.high)
        log = param_distribution.log
        if isinstance(param_distribution, IntDistribution):
            low, high = low - 0.5, high + 0.5  # so that the first and the last are as likely
        if log:
            low, high = math.log(low), math.log(high)
        if good:
            middle = math.log(good[0]) if log else float(good[0])
            half = (high - low) * _NARROWED / 2
            low, high = max(low, middle - half), min(high, middle + half)
        drawn = float(rng.uniform(low, high))
        value = math.exp(drawn) if log else drawn
        if isinstance(param_distribution, IntDistribution):
            return min(max(round(value), param_distribution.low), param_distribution.high)
        return min(max(value, param_distribution.low), param_distribution.high)

    def _good_values(self, study: Study, trial: FrozenTrial, name: str) -> Sequence[Any]:
        """Return the values of the best trials, the best first; none while all is searched."""
        if self._coarse is None or trial.number < self._coarse:
            return []
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        rises = study.direction is StudyDirection.MAXIMIZE
        done.sort(key=lambda t: t.value or 0.0, reverse=rises)
        best = done[: max(1, round(len(done) * _BEST_SHARE))]
        return [t.params[name] for t in best if name in t.params]


def _seed_of(seed: int, number: int, name: str = "") -> int:
    """Return the seed of a trial."""
    return crc32(f"{seed}/{number}/{name}".encode())
