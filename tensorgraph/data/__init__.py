"""``tf.data``: pipelines of elements for a graph; and labelled examples as plain arrays.

`Dataset` and `Iterator` are those of TensorFlow 1:

>>> dataset = tf.data.Dataset.from_tensor_slices((images, labels)).shuffle(1000).batch(32)
>>> x, y = dataset.make_one_shot_iterator().get_next()

Sets of labelled examples come as arrays, known sets and files on disk alike:

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

from typing import TYPE_CHECKING, NoReturn

from tensorgraph.base.advice import missing
from tensorgraph.data.batches import batches
from tensorgraph.data.catalog import describe, known_names, load
from tensorgraph.data.dataset import (
    Dataset,
    get_output_classes,
    get_output_shapes,
    get_output_types,
    make_initializable_iterator,
    make_one_shot_iterator,
)
from tensorgraph.data.examples import ExampleSet, split_validation
from tensorgraph.data.iterator import Iterator

__all__ = [
    "Dataset",
    "ExampleSet",
    "Iterator",
    "batches",
    "describe",
    "get_output_classes",
    "get_output_shapes",
    "get_output_types",
    "known_names",
    "load",
    "make_initializable_iterator",
    "make_one_shot_iterator",
    "split_validation",
]

if not TYPE_CHECKING:  # so that type checkers still know what does not exist

    def __getattr__(name: str) -> NoReturn:
        raise missing("tf.data", name, __all__)
