"""`TensorArray`: values, gradients to second order, static shapes, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.testing import check_gradients


@pytest.fixture(autouse=True)
def new_graph() -> Any:
    with tf.Graph().as_default():
        yield


def run(fetches: Any, feed_dict: Any = None) -> Any:
    with tf.Session() as session:
        return session.run(fetches, feed_dict)


def array(size: Any = 3, **options: Any) -> tf.TensorArray:
    return tf.TensorArray(tf.float64, size, **options)


def three(x: tf.Tensor) -> tf.TensorArray:
    return array().write(0, x).write(2, x * x).write(1, tf.exp(x))


# From a tensor of shape (3,) to one that an array gave.
USES: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "read": lambda x: three(x).read(1) * three(x).read(0),
    "stack": lambda x: three(x).stack(),
    "gather": lambda x: three(x).gather([2, 0, 2]),
    "unstack": lambda x: array().unstack(tf.stack([x, x * x, x])).read(1),
    "unstack a vector": lambda x: array().unstack(x * x).stack(),
    "scatter": lambda x: array().scatter([2, 0], tf.stack([x, x * x])).stack(),
    "concat": lambda x: (
        array(infer_shape=False).write(0, x).write(1, x[1:] * x[1:]).write(2, x).concat()
    ),
    "split": lambda x: array(2, infer_shape=False).split(x * x, [1, 2]).read(1),
    "split and concat": lambda x: array(2, infer_shape=False).split(x * x, [2, 1]).concat(),
    "unwritten": lambda x: array().write(1, x * x).stack(),
    "dynamic": lambda x: array(0, dynamic_size=True).write(3, x * x).stack(),
    "a scalar twice": lambda x: array().unstack(x).read(1) * array().unstack(x).read(2) * x[0],
}


@pytest.mark.parametrize("use", USES)
def test_gradients(use: str) -> None:
    x = tf.placeholder(tf.float64, [3])
    check_gradients(USES[use](x), x, {x: [0.5, -1.2, 0.7]}, order=2)


def test_values() -> None:
    x = tf.constant([1.0, 2.0, 3.0], tf.float64)
    rows = np.array([[1, 2, 3], np.exp([1, 2, 3]), [1, 4, 9]])
    np.testing.assert_allclose(run(USES["stack"](x)), rows)
    np.testing.assert_allclose(run(USES["gather"](x)), rows[[2, 0, 2]])
    np.testing.assert_allclose(run(USES["scatter"](x)), [[1, 4, 9], [0, 0, 0], [1, 2, 3]])
    np.testing.assert_allclose(run(USES["concat"](x)), [1, 2, 3, 4, 9, 1, 2, 3])
    np.testing.assert_allclose(run(USES["split"](x)), [4, 9])
    np.testing.assert_allclose(run(USES["dynamic"](x))[3], [1, 4, 9])


def test_size() -> None:
    assert run(array(4).size()) == 4
    n = tf.placeholder(tf.int32, [])
    assert run(array(n).size(), {n: 5}) == 5
    assert run(array(1, dynamic_size=True).write(6, 1.0).size()) == 7


def test_an_old_state_stays_as_it_was() -> None:
    before = array(2).write(0, 1.0)
    after = before.write(1, 2.0)
    np.testing.assert_array_equal(run(before.stack()), [1, 0])
    np.testing.assert_array_equal(run(after.stack()), [1, 2])


def test_written_values_do_not_change_with_buffers() -> None:
    x = tf.placeholder(tf.float64, [2])
    filled = array(2, element_shape=[2])
    loop = tf.while_loop(
        lambda i, a, y: i < 2,
        lambda i, a, y: (i + 1, a.write(i, y + 1.0), y * 10.0),
        [0, filled, x],
    )
    np.testing.assert_array_equal(run(loop[1].stack(), {x: [1, 2]}), [[2, 3], [11, 21]])


def test_static_shapes_and_names() -> None:
    states = array().write(0, np.zeros([2, 3]))
    assert states.element_shape.as_list() == [2, 3]
    assert states.read(1).shape.as_list() == [2, 3]
    assert states.stack().shape.as_list() == [3, 2, 3]
    assert states.gather([0]).shape.as_list() == [1, 2, 3]
    assert states.read(0).name == "TensorArrayReadV3_1:0"
    assert states.stack().name == "TensorArrayStack_1/TensorArrayGatherV3:0"
    assert states.flow.name == "TensorArrayWrite/TensorArrayWriteV3:0"
    assert array(dynamic_size=True, element_shape=[2]).stack().shape.as_list() == [None, 2]


def test_a_branch_gives_an_array() -> None:
    p = tf.placeholder(tf.bool, [])
    start = array(2)
    after = tf.cond(p, lambda: start.write(0, 1.0), lambda: start.write(1, 2.0))
    np.testing.assert_array_equal(run(after.stack(), {p: True}), [1, 0])
    np.testing.assert_array_equal(run(after.stack(), {p: False}), [0, 2])


@pytest.mark.parametrize(
    ("message", "build"),
    [
        ("already been written", lambda: array().write(0, 1.0).write(0, 2.0).stack()),
        ("not resizeable", lambda: array().write(3, 1.0).stack()),
        ("not resizeable", lambda: array(dynamic_size=True).write(-1, 1.0).stack()),
        ("size is 3", lambda: array().write(0, 1.0).read(5)),
        ("not fully known", lambda: array().read(1)),
        ("size zero", lambda: array(0).stack()),
        ("add up to 2", lambda: array(2, infer_shape=False).split([1.0, 2, 3], [1, 1]).read(0)),
        ("size 1", lambda: array(1, infer_shape=False).split([1.0, 2, 3], [1, 2]).read(0)),
        ("nothing was written to", lambda: array(2).write(0, [1.0]).concat()),
    ],
)
def test_errors_when_it_runs(message: str, build: Callable[[], Any]) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        run(build())


@pytest.mark.parametrize(
    ("error", "build"),
    [
        (ValueError, lambda: tf.TensorArray(tf.float32)),
        (ValueError, lambda: tf.TensorArray(tf.float32, 1, flow=array().flow)),
        (ValueError, lambda: tf.TensorArray(tf.float32, handle=array().flow)),
        (TypeError, lambda: array().write(0, tf.constant(1.0))),
        (TypeError, lambda: array().read(0.5)),
        (ValueError, lambda: array().read([0])),
        (ValueError, lambda: array().write(0, [1.0]).write(1, [1.0, 2.0])),
        (ValueError, lambda: array(element_shape=[2]).write(0, [1.0])),
        (ValueError, lambda: array().unstack(tf.constant(1.0, tf.float64))),
    ],
)
def test_errors_when_it_is_built(error: type[Exception], build: Callable[[], Any]) -> None:
    with pytest.raises(error):
        build()
