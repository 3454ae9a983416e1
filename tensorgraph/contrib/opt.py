"""The optimizers of ``tf.contrib.opt``; the same stand in ``tf.train``."""

from tensorgraph.train.adam import AdaMaxOptimizer, AdamWOptimizer, NadamOptimizer

__all__ = ["AdaMaxOptimizer", "AdamWOptimizer", "NadamOptimizer"]
