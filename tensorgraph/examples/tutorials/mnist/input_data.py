"""MNIST in batches, under the names of ``tensorflow.examples.tutorials.mnist.input_data``.

>>> from tensorgraph.examples.tutorials.mnist import input_data
>>> mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)
>>> images, labels = mnist.train.next_batch(100)

New code reads data with `tensorgraph.data.load`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.base.errors import DataError
from tensorgraph.data.catalog import load

Array = np.ndarray[Any, Any]


class DataSet:
    """Labelled images that are taken in batches, epoch after epoch, each in a new order.

    Parameters
    ----------
    images : array of shape (examples, ...)
        The images.
    labels : array of shape (examples, ...)
        Their labels.
    seed : int, optional
        Decides the orders; default is a random one.

    Raises
    ------
    ValueError
        If there are not as many labels as images.
    """

    def __init__(self, images: Array, labels: Array, seed: int | None = None) -> None:
        if len(images) != len(labels):
            raise ValueError(f"{len(images)} images do not go with {len(labels)} labels")
        self._images = images
        self._labels = labels
        self._random = np.random.default_rng(seed)
        self._order = np.arange(len(images))
        self._position = 0
        self._begun = False
        self._epochs_completed = 0

    @property
    def images(self) -> Array:
        """The images, in their first order."""
        return self._images

    @property
    def labels(self) -> Array:
        """The labels, in their first order."""
        return self._labels

    @property
    def num_examples(self) -> int:
        """How many examples there are."""
        return len(self._images)

    @property
    def epochs_completed(self) -> int:
        """How often all examples were taken."""
        return self._epochs_completed

    def next_batch(
        self, batch_size: int, fake_data: bool = False, shuffle: bool = True
    ) -> tuple[Array, Array]:
        """Return the next images and labels; a batch may end one epoch and begin the next.

        Parameters
        ----------
        batch_size : int
            How many, at most as many as there are examples.
        fake_data : bool
            Accepted for TensorFlow's sake.
        shuffle : bool, default True
            Begin each epoch in a new order.

        Raises
        ------
        ValueError
            If there are fewer examples.
        """
        del fake_data
        if not 0 < batch_size <= self.num_examples:
            raise ValueError(
                f"a batch of {batch_size} cannot be taken of {self.num_examples} examples"
            )
        if not self._begun:
            self._begin(shuffle)
        chosen = self._order[self._position : self._position + batch_size]
        self._position += batch_size
        if self._position > self.num_examples:
            self._epochs_completed += 1
            self._begin(shuffle)
            self._position = batch_size - len(chosen)
            chosen = np.concatenate([chosen, self._order[: self._position]])
        return self._images[chosen], self._labels[chosen]

    def _begin(self, shuffle: bool) -> None:
        """Begin an epoch."""
        self._begun = True
        self._position = 0
        if shuffle:
            self._order = self._random.permutation(self.num_examples)


class Datasets(NamedTuple):
    """The three parts of MNIST."""

    train: DataSet
    validation: DataSet
    test: DataSet


def read_data_sets(
    train_dir: str,
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = dtypes.float32,
    reshape: bool = True,
    validation_size: int = 5000,
    seed: int | None = None,
    source_url: str = "",
) -> Datasets:
    """Return MNIST: 55,000 images to train on, 5,000 to validate with, 10,000 to test.

    Parameters
    ----------
    train_dir : str
        The folder with the four IDX files, gzipped or not. Where it does not exist, MNIST is
        looked for as `tensorgraph.data.load` does; nothing is downloaded.
    fake_data, source_url
        Accepted for TensorFlow's sake.
    one_hot : bool, default False
        Labels as rows of ten numbers instead of class numbers.
    dtype : DType, default float32
        float32 for pixels from 0 to 1, uint8 for pixels from 0 to 255.
    reshape : bool, default True
        Images as rows of 784 numbers instead of 28x28x1.
    validation_size : int, default 5000
        How many of the first training images validate.
    seed : int, optional
        Decides the order of the batches.

    Raises
    ------
    DataError
        If the files are not there, or damaged.
    ValueError
        If `validation_size` is out of range.
    """
    del fake_data, source_url
    folder = Path(train_dir)
    try:
        examples = load(folder if folder.is_dir() else "mnist")
    except DataError as error:
        if folder.is_dir():
            raise
        raise DataError(f"there is no folder {train_dir!r}, and {error}") from None
    total = len(examples.x_train)
    if not 0 <= validation_size <= total:
        raise ValueError(f"validation_size must lie in [0, {total}], not {validation_size}")

    def part(x: Array, y: Array) -> DataSet:
        images = x.reshape(len(x), -1) if reshape else x
        if dtypes.as_dtype(dtype) is dtypes.uint8:
            images = np.round(images * 255).astype(np.uint8)
        return DataSet(images, np.eye(examples.classes)[y] if one_hot else y, seed)

    cut = validation_size
    return Datasets(
        train=part(examples.x_train[cut:], examples.y_train[cut:]),
        validation=part(examples.x_train[:cut], examples.y_train[:cut]),
        test=part(examples.x_test[:], examples.y_test),
    )
