"""The static graph: names, shapes, dtypes, collections, seeds, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as graph:
        yield graph


# Names


def test_names_are_made_unique() -> None:
    names = [tf.constant(1.0).name, tf.constant(1.0).name, tf.constant(1.0, name="c").name]
    assert names == ["Const:0", "Const_1:0", "c:0"]
    assert [tf.Variable(0.0).name for _ in range(3)] == [
        "Variable:0",
        "Variable_1:0",
        "Variable_2:0",
    ]
    assert [tf.placeholder(tf.float32).op.name for _ in range(2)] == [
        "Placeholder",
        "Placeholder_1",
    ]


def test_a_name_that_looks_like_a_numbered_one() -> None:
    tf.constant(0, name="a_1")
    assert tf.constant(0, name="a").op.name == "a"
    assert tf.constant(0, name="a").op.name == "a_2"


def test_names_differ_without_regard_to_case() -> None:
    tf.constant(0, name="Weights")
    assert tf.constant(0, name="weights").op.name == "weights_1"


def test_operators_name_their_nodes() -> None:
    x = tf.placeholder(tf.float32, [2, 2], name="x")
    nodes = [x + 1, 1 - x, x * x, x / 2, x**2, -x, x @ x]
    assert [n.op.name for n in nodes] == ["add", "sub", "mul", "truediv", "pow", "Neg", "matmul"]


def test_name_scopes() -> None:
    with tf.name_scope("layer") as outer:
        assert outer == "layer/"
        assert tf.constant(0, name="w").op.name == "layer/w"
        with tf.name_scope("inner"):
            assert tf.constant(0, name="w").op.name == "layer/inner/w"
        with tf.name_scope("inner"):
            assert tf.constant(0, name="w").op.name == "layer/inner_1/w"
    with tf.name_scope("layer"):
        assert tf.constant(0, name="w").op.name == "layer_1/w"
    with tf.name_scope(outer):  # entered again, as it ends in a slash
        assert tf.constant(0, name="w").op.name == "layer/w_1"
    with tf.name_scope("a"), tf.name_scope(None):
        assert tf.constant(0, name="top").op.name == "top"
    with tf.name_scope(None, default_name="dense"):
        assert tf.constant(0, name="w").op.name == "dense/w"


def test_names_of_a_variables_nodes(graph: tf.Graph) -> None:
    with tf.name_scope("dense"):
        v = tf.Variable([1.0], name="W")
    assert v.name == "dense/W:0"
    assert v.initializer.name == "dense/W/Assign"
    assert v.value().name == "dense/W/read:0"
    assert {op.name for op in graph.get_operations()} == {
        "dense/W",
        "dense/W/initial_value",
        "dense/W/Assign",
        "dense/W/read",
    }


@pytest.mark.parametrize("name", ["-a", "_a", "a b", "ä", "a:0"])
def test_names_that_are_not_valid(name: str) -> None:
    with pytest.raises(ValueError, match="valid"):
        tf.constant(0, name=name)


def test_the_same_full_name_twice() -> None:
    tf.constant(0, name="a/")
    with pytest.raises(ValueError, match="'a' already"):
        tf.constant(0, name="a/")


def test_looking_things_up(graph: tf.Graph) -> None:
    x = tf.constant(1.0, name="x")
    assert graph.get_tensor_by_name("x:0") is x
    assert graph.get_operation_by_name("x") is x.op
    assert graph.as_graph_element("x:0") is x
    assert graph.get_operations() == [x.op]
    for name in ("x:1", "y:0"):
        with pytest.raises(KeyError):
            graph.get_tensor_by_name(name)
    with pytest.raises(ValueError, match="index"):
        graph.get_tensor_by_name("x")
    with pytest.raises(KeyError, match="'y'"):
        graph.get_operation_by_name("y")


# Shapes


def test_tensor_shape() -> None:
    s = tf.TensorShape([None, 3])
    assert s.as_list() == [None, 3]
    assert (s.ndims, len(s), s.is_fully_defined()) == (2, 2, False)
    assert (str(s), repr(s)) == ("(?, 3)", "TensorShape([?, 3])")
    assert s[1] == 3
    assert s[1].value == 3
    assert s[0].value is None
    assert s[1:].as_list() == [3]
    assert [d.value for d in s] == [None, 3]
    assert s.num_elements() is None
    assert tf.TensorShape([2, 3]).num_elements() == 6
    assert tf.TensorShape([]).num_elements() == 1
    assert tf.TensorShape(None).ndims is None
    assert s.is_compatible_with([4, 3])
    assert not s.is_compatible_with([4, 4])
    assert s.merge_with([7, None]).as_list() == [7, 3]
    assert s.concatenate([5]).as_list() == [None, 3, 5]
    assert tf.TensorShape([2, 3]) == [2, 3]
    assert tf.TensorShape(None).with_rank(2).as_list() == [None, None]


def test_dimension() -> None:
    three, unknown = tf.Dimension(3), tf.Dimension(None)
    assert int(three) == 3
    assert (three + 1).value == 4
    assert (2 * three).value == 6
    assert (three // 2).value == 1
    assert (three - 1).value == 2
    assert (three % 2).value == 1
    assert (three + unknown).value is None
    assert list(range(three)) == [0, 1, 2]
    with pytest.raises(TypeError, match=r"tf\.shape"):
        int(unknown)
    with pytest.raises(ValueError, match="-1"):
        tf.Dimension(-1)


def test_unknown_rank_has_no_list() -> None:
    with pytest.raises(ValueError, match="rank"):
        tf.TensorShape(None).as_list()
    with pytest.raises(ValueError, match="rank"):
        len(tf.TensorShape(None))


def test_set_shape() -> None:
    x = tf.placeholder(tf.float32)
    assert x.shape.ndims is None
    x.set_shape([None, 3])
    assert x.shape.as_list() == [None, 3]
    assert tf.tanh(x).get_shape().as_list() == [None, 3]
    with pytest.raises(ValueError, match="not compatible"):
        x.set_shape([2, 2])


@pytest.mark.parametrize(
    ("a", "b", "result"),
    [
        ([2, 3], [3], [2, 3]),
        ([None, 3], [2, 1], [2, 3]),
        ([None, 3], [1, 3], [None, 3]),
        ([None, 3], [None, 3], [None, 3]),
        ([], [4], [4]),
        (None, [4], None),
    ],
)
def test_static_broadcasting(a: Any, b: Any, result: Any) -> None:
    z = tf.placeholder(tf.float32, a) + tf.placeholder(tf.float32, b)
    assert (None if z.shape.ndims is None else z.shape.as_list()) == result


# Element types


def test_dtypes_from_python_and_numpy() -> None:
    assert tf.constant(1.5).dtype == tf.float32
    assert tf.constant(1).dtype == tf.int32
    assert tf.constant(2**40).dtype == tf.int64
    assert tf.constant(True).dtype == tf.bool
    assert tf.constant([]).dtype == tf.float32
    assert tf.constant(np.zeros(2)).dtype == tf.float64
    assert tf.constant(np.float16(1)).dtype == tf.float16
    assert tf.constant(1, tf.float32).dtype == tf.float32
    assert tf.constant(1, "int64").dtype is tf.int64
    assert tf.Variable(1.0, dtype=tf.float64).dtype == np.float64


def test_numbers_take_the_type_of_the_tensor_beside_them() -> None:
    x = tf.placeholder(tf.float64, [2])
    assert (x * 2).dtype == tf.float64
    assert (1.5 - x).dtype == tf.float64
    assert (np.ones(2, np.float32) + x).dtype == tf.float64
    assert (tf.constant([1, 2], tf.int64) + 1).dtype == tf.int64


def test_types_do_not_mix() -> None:
    x, i = tf.constant([1.0]), tf.constant([1])
    with pytest.raises(TypeError, match=r"(?s)int32.*float32.*tf\.cast"):
        x + i
    with pytest.raises(TypeError, match=r"1\.5"):
        i * 1.5
    with pytest.raises(TypeError, match="float32"):
        tf.logical_not(x)
    with pytest.raises(TypeError, match="MatMul"):
        tf.matmul(tf.constant([[True]]), tf.constant([[True]]))
    with pytest.raises(TypeError):
        tf.constant(1.5, tf.int32)
    with pytest.raises(TypeError, match="object"):
        tf.constant(object())
    with pytest.raises(ValueError, match="ragged"):
        tf.constant([[1.0], [1.0, 2.0]])


def test_dtype_objects() -> None:
    assert tf.as_dtype("float32") is tf.float32
    assert tf.as_dtype(np.float32) is tf.float32
    assert tf.as_dtype(float) is tf.float32
    assert tf.float32 == "float32"
    assert tf.float32 != "float64"
    assert tf.float32 is not None
    assert tf.float32.is_floating
    assert tf.int8.is_integer
    assert not tf.bool.is_integer
    assert (tf.uint8.min, tf.uint8.max, tf.float64.size) == (0, 255, 8)
    assert tf.float32.as_numpy_dtype is np.float32
    assert repr(tf.int32) == "tf.int32"
    with pytest.raises(TypeError, match="float128x"):
        tf.as_dtype("float128x")


def test_a_list_with_tensors_becomes_one_tensor() -> None:
    x = tf.constant(1.0)
    both = tf.convert_to_tensor([x, 2.0])
    assert both.shape.as_list() == [2]
    with tf.Session() as session:
        assert session.run(both).tolist() == [1.0, 2.0]


def test_tensors_are_no_truth_values() -> None:
    x = tf.constant(1.0)
    with pytest.raises(TypeError, match="truth value"):
        bool(x > 0)
    assert (x == x) is True  # identity, as in TensorFlow 1
    assert len({x, tf.constant(1.0), x}) == 2


# Collections, seeds, control inputs


def test_collections(graph: tf.Graph) -> None:
    a = tf.Variable(0.0, name="a")
    b = tf.Variable(0.0, name="b", trainable=False)
    c = tf.Variable(0.0, name="c", collections=[tf.GraphKeys.LOCAL_VARIABLES], trainable=False)
    assert tf.global_variables() == [a, b]
    assert tf.trainable_variables() == [a]
    assert tf.local_variables() == [c]
    tf.add_to_collection("mine", a)
    assert tf.get_collection("mine") == [a]
    assert tf.get_collection("none") == []
    tf.get_collection("mine").append(b)
    assert graph.get_collection("mine") == [a]
    graph.get_collection_ref("mine").append(b)
    assert graph.get_collection("mine") == [a, b]
    assert tf.global_variables("b") == [b]


def random_numbers(graph_seed: int | None, op_seed: int | None, sessions: int = 1) -> list[Any]:
    with tf.Graph().as_default():
        tf.set_random_seed(graph_seed)
        x, y = tf.random_uniform([4], seed=op_seed), tf.random_normal([4], seed=op_seed)
        mask = tf.nn.dropout(tf.ones([64]), rate=0.5, seed=op_seed)
        runs = []
        for _ in range(sessions):
            with tf.Session() as session:
                runs.append([session.run([x, y, mask]) for _ in range(2)])
        return runs


@pytest.mark.parametrize("seeds", [(1, None), (None, 1), (1, 1)])
def test_seeds_make_numbers_reproducible(seeds: tuple[int | None, int | None]) -> None:
    first, second = random_numbers(*seeds, sessions=2)
    np.testing.assert_equal(first, second)
    np.testing.assert_equal(random_numbers(*seeds)[0], first)
    for a, b in zip(*first, strict=True):
        assert (a != b).any(), "two runs of one session differ"
    other = random_numbers(*(None if s is None else s + 1 for s in seeds))[0]
    assert (np.asarray(other[0][0]) != first[0][0]).all()


def test_without_seeds_numbers_differ() -> None:
    first, second = random_numbers(None, None, sessions=2)
    assert (first[0][0] != second[0][0]).all()


def test_ops_of_one_graph_seed_differ() -> None:
    tf.set_random_seed(5)
    x, y = tf.random_uniform([9]), tf.random_uniform([9])
    with tf.Session() as session:
        a, b = session.run([x, y])
    assert (a != b).all()


def test_control_inputs() -> None:
    a, b = tf.constant(1.0, name="a"), tf.constant(2.0, name="b")
    with tf.control_dependencies([a]):
        with tf.control_dependencies([b.op]):
            c = tf.identity(a)
        d = tf.identity(a)
    assert set(c.op.control_inputs) <= {a.op, b.op}
    assert b.op in c.op.control_inputs
    assert b.op not in d.op.control_inputs
    with pytest.raises(TypeError):
        tf.control_dependencies([3.0]).__enter__()


# What is refused, and how it is said


def test_errors_name_the_node_its_inputs_and_the_line() -> None:
    x = tf.placeholder(tf.float32, [2, 3], name="images")
    with pytest.raises(ValueError, match="inner sizes 3 and 2") as caught:
        tf.matmul(x, x, name="product")
    for part in ("product", "images:0", "(2, 3)", "test_graph.py:"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda x: x + tf.zeros([4]), "cannot be broadcast"),
        (lambda x: tf.reduce_sum(x, 2), "axis 2 is out of range"),
        (lambda x: tf.reduce_sum(x, [0, -2]), "twice"),
        (lambda x: tf.argmax(x, 5), "axis 5"),
        (lambda x: tf.reshape(x, [5]), "6 elements"),
        (lambda x: tf.transpose(x, [0, 0]), "permutation"),
        (lambda x: tf.concat([x, tf.zeros([3, 3])], 1), "not compatible"),
        (lambda x: tf.stack([x, tf.zeros([2])]), "not compatible"),
        (lambda x: tf.squeeze(x, [0]), "its size is not 1"),
        (lambda x: tf.slice(x, [0, 2], [2, 2]), "outside"),
        (lambda x: tf.pad(x, [[1, 1]]), "rank 2"),
        (lambda x: tf.nn.bias_add(x, tf.zeros([2])), "bias of 2 elements"),
        (lambda x: tf.nn.softmax(x, axis=2), "axis 2"),
        (lambda x: tf.nn.conv2d(x, tf.zeros([1, 1, 1, 1]), 1, "SAME"), "(?i)conv2d needs images"),
        (lambda x: tf.nn.dropout(x, rate=1.5), r"\[0, 1\)"),
        (lambda x: tf.Variable(tf.placeholder(tf.float32, [None])), "every size"),
    ],
)
def test_wrong_shapes_and_axes(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(tf.placeholder(tf.float32, [2, 3]))


def test_tensors_of_another_graph() -> None:
    x = tf.constant(1.0)
    with tf.Graph().as_default():
        y = tf.constant(2.0)
    with pytest.raises(ValueError, match="graph"):
        tf.add(x, y)
    with tf.Session() as session, pytest.raises(ValueError, match="not an element"):
        session.run(y)


def test_a_finalized_graph_does_not_change(graph: tf.Graph) -> None:
    x = tf.constant(1.0) + 1.0
    graph.finalize()
    assert graph.finalized
    with pytest.raises(RuntimeError, match="finalized"):
        tf.constant(2.0)
    with tf.Session() as session:
        assert session.run(x) == 2.0


def test_reset_default_graph(graph: tf.Graph) -> None:
    with pytest.raises(AssertionError):
        tf.reset_default_graph()
    assert tf.get_default_graph() is graph


def test_every_node_knows_the_line_that_made_it(graph: tf.Graph) -> None:
    y = tf.nn.softmax(tf.constant([1.0]))
    assert y.op.source.rpartition(":")[0].endswith("test_graph.py")
    with graph.source("net.net:7:3"):
        assert tf.constant(1.0).op.source == "net.net:7:3"
    (g,) = tf.gradients(y, [y.op.inputs[0]])
    assert g is not None
    assert "test_graph.py" in g.op.source
