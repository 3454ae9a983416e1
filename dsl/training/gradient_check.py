"""Every parameter's gradient against central differences, for one network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import tensorgraph as tf
from dsl.compiler import build_loss, compile_net
from dsl.network import Net
from dsl.training.made_up import made_up_input
from tensorgraph.testing import Comparison, compare_gradients

EXAMPLES = 3


def check_net(
    net: Net, *, elements: int = 20, seed: int = 0
) -> Iterator[tuple[str, list[Comparison]]]:
    """Compare the gradients of the loss by all trained variables, in float64, on random examples.

    Parameters
    ----------
    net : Net
        The network; the shape of its input is known.
    elements : int, default 20
        How many elements of each variable to compare, chosen at random.
    seed : int, default 0
        Seeds the examples, the weights and the choice of elements.

    Yields
    ------
    (str, list of Comparison)
        Each layer with trained variables, in the order of the file, and one result a variable.
    """
    rng = np.random.default_rng(seed)
    with tf.Graph().as_default() as graph:
        tf.set_random_seed(seed)
        model = compile_net(net, seed=seed, dtype=tf.float64)
        forward = model.apply(training=True)
        labels = tf.placeholder(tf.int64, [None], name="labels")
        loss = build_loss(model, forward, labels)
        feed = {
            model.inputs[given.name]: made_up_input(given, EXAMPLES, rng) for given in net.inputs
        }
        feed[labels] = rng.integers(0, _classes(forward.output), EXAMPLES)
        with tf.Session(graph=graph) as session:
            session.run(tf.global_variables_initializer())
            for layer in net.layers:
                names = [f"{layer.name}/{w.name}" for w in layer.weights if w.trainable]
                if names:
                    variables = [model.variables[name] for name in names]
                    yield (
                        layer.name,
                        compare_gradients(
                            loss,
                            variables,
                            feed,
                            session=session,
                            max_elements=elements,
                            seed=seed,
                        ),
                    )


def _classes(output: tf.Tensor) -> int:
    """Return how many classes there are to draw labels from; a single output has two."""
    size = output.shape[-1].value
    return 2 if size is None or size == 1 else size
