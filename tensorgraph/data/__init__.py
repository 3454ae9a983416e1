"""Labelled examples for training: known sets, files on disk, and batches.

>>> from tensorgraph import data
>>> digits = data.load("digits")
>>> digits.input_shape, digits.classes, len(digits.x_train), len(digits.x_test)
((8, 8, 1), 10, 1437, 360)
>>> for x, y in data.batches(digits.x_train, digits.y_train, 500, seed=0, epoch=0):
...     print(x.shape, y.shape)
(500, 8, 8, 1) (500,)
(500, 8, 8, 1) (500,)
(437, 8, 8, 1) (437,)
"""

from tensorgraph.data.batches import batches
from tensorgraph.data.catalog import describe, known_names, load
from tensorgraph.data.examples import ExampleSet, split_validation

__all__ = ["ExampleSet", "batches", "describe", "known_names", "load", "split_validation"]
