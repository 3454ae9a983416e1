"""MNIST as TensorFlow 1's tutorials read it."""

from __future__ import annotations

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.examples.tutorials.mnist import input_data


def test_an_epoch_meets_every_example_once_and_a_batch_may_cross_its_end():
    x = np.arange(10)
    part = input_data.DataSet(x, x * 2, seed=1)
    batches = [part.next_batch(4) for _ in range(5)]
    images = np.concatenate([b[0] for b in batches])
    assert sorted(images[:10]) == sorted(images[10:]) == list(range(10))
    assert list(images[:10]) != list(images[10:])
    assert all((labels == images * 2).all() for images, labels in batches)
    # As in TensorFlow, an epoch is counted when the first batch of the next one is begun.
    assert part.epochs_completed == 1
    part.next_batch(1)
    assert part.epochs_completed == 2


def test_without_shuffling():
    part = input_data.DataSet(np.arange(5), np.arange(5))
    taken = [list(part.next_batch(3, shuffle=False)[0]) for _ in range(3)]
    assert taken == [[0, 1, 2], [3, 4, 0], [1, 2, 3]]


def test_wrong_sizes():
    part = input_data.DataSet(np.arange(5), np.arange(5))
    with pytest.raises(ValueError, match="a batch of 6 cannot be taken of 5 examples"):
        part.next_batch(6)
    with pytest.raises(ValueError, match="5 images do not go with 4 labels"):
        input_data.DataSet(np.arange(5), np.arange(4))


def test_missing_folder_says_where_to_put_the_files(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TENSORGRAPH_DATA", raising=False)
    with pytest.raises(tf.errors.DataError, match=r"no folder 'MNIST_data/'.*cache/tensorgraph"):
        input_data.read_data_sets("MNIST_data/")


def test_mnist(shared_data):
    mnist = input_data.read_data_sets(str(shared_data / "mnist"), one_hot=True)
    assert [p.num_examples for p in mnist] == [55000, 5000, 10000]
    images, labels = mnist.train.next_batch(100)
    assert images.shape == (100, 784)
    assert images.dtype == np.float32
    assert images.max() == 1
    assert (labels.sum(1) == 1).all()
    plain = input_data.read_data_sets(
        str(shared_data / "mnist"), reshape=False, dtype=tf.uint8, validation_size=0
    )
    assert plain.train.images.shape == (60000, 28, 28, 1)
    assert plain.train.images.max() == 255
    assert list(plain.test.labels[:5]) == [7, 2, 1, 0, 4]
