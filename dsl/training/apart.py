"""A network's session in which each operation runs by itself."""

from __future__ import annotations

import tensorgraph as tf
from dsl.training.trainer import Trainer
from tensorgraph.passes import pipeline


def session_apart(trainer: Trainer) -> tf.Session:
    """Return a session with a trainer's values that runs no operations together in regions.

    It is slower than the trainer's own, but tells the time of one layer from that of the next.

    Parameters
    ----------
    trainer : Trainer
        The network; what is to be run has been made already.
    """
    passes = [name for name in pipeline.NAMES if name not in pipeline.FOR_REGIONS]
    session = tf.Session(graph=trainer.model.graph, config=tf.ConfigProto(passes=passes))
    trainer.load_values(trainer.values(), session)
    return session
