"""Which examples are looked at."""

from __future__ import annotations

import numpy as np

from dsl.looking.probe import Array
from dsl.training.errors import RunError
from dsl.training.run_folder import RunConfig
from tensorgraph.data import ExampleSet


def chosen_examples(
    examples: ExampleSet, config: RunConfig, limit: int
) -> tuple[Array, Array, Array]:
    """Return some test examples: their numbers, the examples, and their classes.

    They are spread over the whole test part, always in the same way.

    Parameters
    ----------
    examples : ExampleSet
        The data.
    config : RunConfig
        The run, whose network takes such examples.
    limit : int
        How many at most.

    Raises
    ------
    RunError
        If the data does not suit the network, or has no test part.
    """
    if examples.input_shape != config.input_shape or examples.classes != len(config.class_names):
        raise RunError(
            f"{examples.name} does not suit the network: it has examples of shape"
            f" {examples.input_shape} in {examples.classes} classes, the network was trained on"
            f" {config.input_shape} in {len(config.class_names)}"
        )
    if not examples.classes or examples.y_test.ndim != 1:
        raise RunError(f"{examples.name} has no classes, so that an attack has no aim")
    count = len(examples.x_test)
    if not count:
        raise RunError(f"{examples.name} has no test part to attack")
    numbers = np.unique(np.linspace(0, count - 1, min(limit, count)).round().astype(np.int64))
    return numbers, np.asarray(examples.x_test[numbers], np.float32), examples.y_test[numbers]
