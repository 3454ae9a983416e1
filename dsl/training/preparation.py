"""What comes before a training: its examples, and the network that it begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dsl.network import Net
from dsl.training.errors import RunError
from dsl.training.trainer import Trainer
from tensorgraph.data import ExampleSet, LazyInputs, Preprocessing, split_validation


def reconstruct(examples: ExampleSet) -> ExampleSet:
    """Return the examples with themselves as what is to be predicted: ``target=itself``.

    Raises
    ------
    DataError
        If they are too large for memory.
    """

    def own(x: Any) -> Any:
        if isinstance(x, LazyInputs):
            raise RunError(f"target=itself needs examples in memory; {examples.name} is too large")
        return x

    return replace(
        examples,
        y_train=own(examples.x_train),
        y_test=own(examples.x_test),
        y_val=own(examples.x_val),
        class_names=(),
    )


def prepare_examples(
    net: Net, examples: ExampleSet, limit: int | None = None, validation: float | None = None
) -> ExampleSet:
    """Return the examples that are used, with a validation part if one is wanted.

    Parameters
    ----------
    net : Net
        Its settings say which share validates, and the seed.
    examples : ExampleSet
        The data. A validation part that it has is left as it is.
    limit : int, optional
        Use only the first examples of each part.
    validation : float, optional
        The share that validates where the settings want none.
    """
    if limit is not None:
        examples = examples.limited(limit)
    share = net.train.validation or validation
    if len(examples.x_val) or not share:
        return examples
    return split_validation(examples, share, net.train.seed)


def fit_preprocessing(net: Net, examples: ExampleSet) -> Preprocessing:
    """Return what the settings do to all examples, fitted on those to train on."""
    if not net.train.preprocess:
        return Preprocessing()
    return Preprocessing.fit(net.train.preprocess, examples.x_train, white=examples.white)


def make_trainer(net: Net, examples: ExampleSet) -> Trainer:
    """Return a network that is ready to be trained on examples."""
    return Trainer(net, fit_preprocessing(net, examples))
