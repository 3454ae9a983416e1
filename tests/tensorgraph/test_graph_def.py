"""Graphs as data: export, JSON, import with replaced inputs; devices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgraph as tf
from tensorgraph.base import dtypes
from tensorgraph.base.devices import canonical_device
from tensorgraph.graph.graph_def import Opaque, decode, encode
from tensorgraph.graph.opdef import OpDef, registered
from tensorgraph.testing.strategies import samples


def through_json(graph_def: tf.GraphDef) -> tf.GraphDef:
    return tf.GraphDef.FromString(graph_def.SerializeToString())


def small() -> tf.GraphDef:
    """y = 2x + 1, where x is fed."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None, 3], name="x")
        with tf.name_scope("inner"):
            tf.add(x * 2.0, 1.0, name="y")
        return graph.as_graph_def(add_shapes=True)


def test_a_graph_goes_through_json_unchanged() -> None:
    graph_def = small()
    with tf.Graph().as_default() as graph:
        assert tf.import_graph_def(through_json(graph_def), name="") is None
        again = graph.as_graph_def(add_shapes=True)
        assert again.SerializeToString() == graph_def.SerializeToString()
        y = graph.get_tensor_by_name("inner/y:0")
        assert y.shape.as_list() == [None, 3]
        with tf.Session() as session:
            assert session.run(y, {"x:0": [[1.0, 2.0, 3.0]]}).tolist() == [[3.0, 5.0, 7.0]]


def test_what_the_json_says() -> None:
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None], name="x")
        first = tf.no_op(name="first")
        with tf.device("/gpu:1"), tf.control_dependencies([first]):
            tf.cast(x, tf.int32, name="y")
        data = json.loads(graph.as_graph_def().SerializeToString())
    assert data == {
        "format": "tensorgraph graph",
        "version": 1,
        "node": [
            {
                "name": "x",
                "op": "Placeholder",
                "input": [],
                "attr": {"dtype": {"dtype": "float32"}, "shape": {"tuple": [None]}},
            },
            {"name": "first", "op": "NoOp", "input": []},
            {
                "name": "y",
                "op": "Cast",
                "input": ["x", "^first"],
                "device": "/device:GPU:1",
                "attr": {"dtype": {"dtype": "int32"}},
            },
        ],
    }


ATTRS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(dtypes.ALL)
    | hnp.arrays(
        st.sampled_from([t.np_dtype for t in dtypes.ALL]),
        hnp.array_shapes(min_dims=0, max_side=5, min_side=0),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=2)
    ),
    max_leaves=6,
)


def same(a: Any, b: Any) -> bool:
    """Whether two attributes are alike, in type too; NaN is like NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return repr(a) == repr(b)


@given(ATTRS)
def test_attributes_come_back_as_they_were(value: Any) -> None:
    assert same(decode(json.loads(json.dumps(encode(value), allow_nan=False))), value)


SWEPT = [t for t, d in registered().items() if type(d).sample is not OpDef.sample]


@pytest.mark.parametrize("op_type", SWEPT)
def test_every_op_can_be_exported_and_imported(op_type: str) -> None:
    @settings(max_examples=3)  # it is the kinds of attributes that could be forgotten
    @given(samples(op_type))
    def check(use: Any) -> None:
        sample, arrays = use
        with tf.Graph().as_default() as graph:
            op = graph.apply(op_type, *[tf.constant(a) for a in arrays], **sample.attrs)
            graph_def = through_json(graph.as_graph_def(add_shapes=True))
        if any(isinstance(v, Opaque) for n in graph_def.node for v in n.attr.values()):
            return  # a function, which only lives in memory
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(graph_def, name="")
            copy = graph.get_operation_by_name(op.name)
            assert same(copy.attrs, op.attrs)
            assert [(t.dtype, t.dims) for t in copy.outputs] == [
                (t.dtype, t.dims) for t in op.outputs
            ]

    check()


# Import


def test_inputs_are_replaced_and_elements_returned() -> None:
    with tf.Graph().as_default() as graph, tf.Session() as session:
        ones = tf.ones([2, 3], name="ones")
        elements = tf.import_graph_def(
            small(), {"x": ones}, ["inner/y:0", "inner/y", "x:0"], name="net"
        )
        assert elements is not None
        y, op, x = elements
        assert (y.name, op.name) == ("net/inner/y:0", "net/inner/y")
        assert x is ones
        assert y.shape.as_list() == [2, 3]
        assert session.run(y).tolist() == [[3.0] * 3] * 2
        tf.import_graph_def(small())
        tf.import_graph_def(small())
        graph.get_operation_by_name("import/inner/y")
        graph.get_operation_by_name("import_1/inner/y")
        with tf.name_scope("outer"):
            tf.import_graph_def(small(), name="net")
        graph.get_operation_by_name("outer/net/x")


def test_names_that_were_imported_are_taken() -> None:
    with tf.Graph().as_default():
        tf.import_graph_def(small(), name="")
        assert tf.placeholder(tf.float32, name="x").name == "x_1:0"
        with pytest.raises(ValueError, match="operation named 'x' already"):
            tf.import_graph_def(small(), name="")


def test_the_order_of_nodes_does_not_matter() -> None:
    graph_def = small()
    graph_def.node.reverse()
    with tf.Graph().as_default():
        (y,) = tf.import_graph_def(graph_def, {"x:0": tf.ones([1, 3])}, ["inner/y:0"]) or ()
        with tf.Session() as session:
            assert session.run(y).tolist() == [[3.0] * 3]


def test_control_inputs_are_imported() -> None:
    with tf.Graph().as_default() as graph:
        v = tf.Variable(1.0, name="v")
        with tf.control_dependencies([v.assign(5.0).op]):
            tf.identity(tf.constant(2.0), name="y")
        graph_def = graph.as_graph_def()
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(through_json(graph_def), name="")
        session.run("v/Assign")
        session.run("y:0")
        assert session.run("v/read:0") == 5.0


def test_what_cannot_be_imported() -> None:
    def fails(what: str, graph_def: Any = None, error: Any = ValueError, **options: Any) -> None:
        with tf.Graph().as_default(), pytest.raises(error, match=what):
            tf.import_graph_def(small() if graph_def is None else graph_def, **options)

    def with_node(node: tf.NodeDef) -> tf.GraphDef:
        graph_def = small()
        graph_def.node.append(node)
        return graph_def

    fails("must be a GraphDef", 3, TypeError)
    fails(r"does not have: \['q:0'\]", input_map={"q": np.float32(1)})
    fails("return_elements: the graph has no 'q:0'", return_elements=["q:0"])
    fails("return_elements: the graph has no 'q'", return_elements=["q"])
    fails("of int32 for 'x', which is float32", input_map={"x": np.ones((1, 3), np.int32)})
    fails("'z' takes 'q', which", with_node(tf.NodeDef("z", "Neg", ["q"])))
    fails("'z' takes 'x:1', which", with_node(tf.NodeDef("z", "Neg", ["x:1"])))
    fails("need each other: z → z", with_node(tf.NodeDef("z", "Neg", ["z"])))
    fails("two nodes of one name", with_node(tf.NodeDef("x", "NoOp")))
    fails("no op of type 'Wonder'", with_node(tf.NodeDef("z", "Wonder")))


def test_what_only_lives_in_memory_is_named_on_import() -> None:
    graph_def = tf.GraphDef([tf.NodeDef("z", "NoOp", attr={"function": len})])
    with tf.Graph().as_default():
        tf.import_graph_def(graph_def)
        with pytest.raises(ValueError, match=r"'z' \(NoOp\) cannot be imported: its 'function'"):
            tf.import_graph_def(through_json(graph_def))


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"\xff", b'{"format": "x", "version": 1}'])
def test_json_of_another_kind(text: bytes) -> None:
    with pytest.raises(ValueError, match="no graph in tensorgraph's JSON"):
        tf.GraphDef().ParseFromString(text)


def test_a_graph_in_a_file(tmp_path: Path) -> None:
    path = tf.train.write_graph(small(), str(tmp_path / "new"), "graph.json")
    graph_def = tf.GraphDef()
    graph_def.ParseFromString(Path(path).read_bytes())
    assert [n.name for n in graph_def.node] == [n.name for n in small().node]
    with tf.Graph().as_default() as graph:
        tf.constant(1.0, name="c")
        path = tf.train.write_graph(graph, str(tmp_path), "graph.json", as_text=False)
    assert b'"name": "c"' in Path(path).read_bytes()


# Devices


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/cpu:0", "/device:CPU:0"),
        ("/gpu:1", "/device:GPU:1"),
        ("GPU:0", "/device:GPU:0"),
        ("cpu", "/device:CPU:*"),
        ("/gpu", "/device:GPU:*"),
        ("", ""),
        ("/job:ps/task:3", "/job:ps/task:3"),
        ("/task:03/job:ps", "/job:ps/task:3"),
        (
            "/job:w/replica:1/task:0/gpu:*",
            "/job:w/replica:1/task:0/device:GPU:*",
        ),
        ("/job:w/cpu:0/job:x", "/job:x/device:CPU:0"),
    ],
)
def test_devices_have_one_spelling(given: str, expected: str) -> None:
    with tf.Graph().as_default(), tf.device(given):
        assert tf.constant(1.0).device == tf.constant(1.0).op.device == expected
    assert canonical_device(expected) == expected


@pytest.mark.parametrize("name", ["/foo:0", "/task:x", "gpu0", "/job:", "/cpu:-1", "/cpu:0:1"])
def test_what_is_no_device(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a device"), tf.device(name):
        pass


def test_devices_inside_each_other() -> None:
    with tf.Graph().as_default(), tf.device("/job:w/cpu:0"):
        with tf.device("/gpu:1"):
            assert tf.constant(1.0).device == "/job:w/device:GPU:1"
        with tf.device("/task:2"):
            assert tf.constant(1.0).device == "/job:w/task:2/device:CPU:0"
        with tf.device(None):
            assert tf.constant(1.0).device == ""
        with tf.device(lambda op: "/gpu:7" if op.type == "Const" else None):
            x = tf.constant(1.0)
            assert x.device == "/job:w/device:GPU:7"
            assert tf.identity(x).device == "/job:w/device:CPU:0"
        v = tf.Variable(1.0)
        assert v.device == v.initializer.device == "/job:w/device:CPU:0"
    with tf.Graph().as_default():
        assert tf.constant(1.0).device == ""
