"""MNIST as TensorFlow 1's tutorials read it: ``from … import input_data``."""

from tensorgraph.examples.tutorials.mnist import input_data

__all__ = ["input_data"]
