"""Cutting a set into parts in which every class has its share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tensorgraph.data.examples import ExampleSet
from tensorgraph.data.rows import joined, take
from tensorgraph.data.sampling import by_class, share_of


def split_validation(examples: ExampleSet, fraction: float, seed: int) -> ExampleSet:
    """Return the set with a part of its training examples set aside for validation.

    Each class gives the same share, as nearly as whole examples allow.

    Parameters
    ----------
    examples : ExampleSet
        The set; it has no validation part yet.
    fraction : float
        The share of the training examples, from 0 (changes nothing) to below 1.
    seed : int
        Decides, alone, which examples are set aside. Not negative.

    Raises
    ------
    ValueError
        If `fraction` is outside [0, 1), nothing would be left to train on, or there is a
        validation part already.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"the share to validate with is in [0, 1), not {fraction}")
    if len(examples.x_val):
        raise ValueError(f"{examples.name} has a part to validate with already")
    if fraction == 0:
        return examples
    chosen = share_of(examples.y_train, fraction, seed)
    if chosen.all():
        raise ValueError(
            f"{fraction} of {len(chosen)} training examples to validate with"
            " leaves none to train on"
        )
    return _with_validation(examples, chosen)


def kfold(examples: ExampleSet, k: int, seed: int) -> Iterator[ExampleSet]:
    """Return the set `k` times, each time with another part of its training examples to validate.

    The parts are equally large and have equally many examples of each class, up to one.

    Parameters
    ----------
    examples : ExampleSet
        The set; a validation part that it has is trained on.
    k : int
        At least 2, at most as many as there are training examples.
    seed : int
        Decides, alone, which examples are in which part. Not negative.

    Raises
    ------
    ValueError
        If `k` is out of range.
    """
    whole = _with_all_to_train(examples)
    if not 2 <= k <= len(whole.y_train):
        raise ValueError(f"2 to {len(whole.y_train)} parts are possible, not {k}")
    order = by_class(whole.y_train, np.random.default_rng(seed))
    fold = np.empty(len(order), np.int64)
    fold[order] = np.arange(len(order)) % k
    return (_with_validation(whole, fold == i) for i in range(k))


def _with_validation(examples: ExampleSet, chosen: npt.NDArray[np.bool_]) -> ExampleSet:
    rest, part = np.flatnonzero(~chosen), np.flatnonzero(chosen)
    x, y = examples.x_train, examples.y_train
    return replace(
        examples, x_train=take(x, rest), y_train=y[rest], x_val=take(x, part), y_val=y[part]
    )


def _with_all_to_train(examples: ExampleSet) -> ExampleSet:
    if not len(examples.x_val):
        return examples
    return replace(
        examples,
        x_train=joined([examples.x_train, examples.x_val]),
        y_train=np.concatenate([examples.y_train, examples.y_val]),
        x_val=examples.x_val[:0],
        y_val=examples.y_val[:0],
    )
