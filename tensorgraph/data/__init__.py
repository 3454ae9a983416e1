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

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tensorgraph.base.advice import missing
from tensorgraph.data.batches import batches
from tensorgraph.data.catalog import describe, known_names, load, read_inputs
from tensorgraph.data.dataset import (
    Dataset,
    get_output_classes,
    get_output_shapes,
    get_output_types,
    make_initializable_iterator,
    make_one_shot_iterator,
)
from tensorgraph.data.examples import ExampleSet
from tensorgraph.data.iterator import Iterator
from tensorgraph.data.rows import LazyInputs
from tensorgraph.data.splits import kfold, split_validation

__all__ = [
    "Augmentation",
    "Dataset",
    "ExampleSet",
    "Iterator",
    "LazyInputs",
    "Preprocessing",
    "batches",
    "describe",
    "get_output_classes",
    "get_output_shapes",
    "get_output_types",
    "kfold",
    "known_names",
    "load",
    "make_initializable_iterator",
    "make_one_shot_iterator",
    "read_inputs",
    "split_validation",
]

if TYPE_CHECKING:
    from tensorgraph.data.augmentation import Augmentation
    from tensorgraph.data.preprocessing import Preprocessing
else:  # so that type checkers still know what does not exist
    # A program that builds a graph needs neither: they are imported when they are asked for.
    _LATER = {
        "Augmentation": "tensorgraph.data.augmentation",
        "Preprocessing": "tensorgraph.data.preprocessing",
    }

    def __getattr__(name: str) -> Any:
        if name in _LATER:
            return getattr(import_module(_LATER[name]), name)
        raise missing("tf.data", name, __all__)
