"""What scripts of TensorFlow 1 import from ``tensorflow.python.client``."""

from tensorgraph.python.client import timeline

__all__ = ["timeline"]
