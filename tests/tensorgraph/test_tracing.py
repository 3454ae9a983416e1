"""Traced runs: `RunOptions.FULL_TRACE`, `RunMetadata`, and `Timeline`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.python.client import timeline


@pytest.fixture(autouse=True)
def session() -> Iterator[tf.Session]:
    with tf.Graph().as_default(), tf.Session() as session:
        yield session


def traced(run: Any, *args: Any) -> tuple[Any, tf.RunMetadata]:
    metadata = tf.RunMetadata()
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    return run(*args, options=options, run_metadata=metadata), metadata


def test_a_traced_run_tells_times_and_bytes(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [20, 30], name="x")
    y = tf.matmul(x, tf.ones([30, 4]), name="y")
    z = tf.reduce_sum(y, name="z")
    before = time.time_ns()
    value, metadata = traced(session.run, z, {x: np.ones((20, 30))})
    assert value == 20 * 30 * 4
    (device,) = metadata.step_stats.dev_stats
    assert device.device.endswith("device:CPU:0")
    product, total = device.node_stats
    assert (product.node_name, total.node_name) == ("y", "z")
    assert product.timeline_label.startswith("y = MatMul(x, ")
    assert before // 1000 <= product.all_start_micros <= total.all_start_micros
    assert total.all_start_nanos <= time.time_ns()
    assert 0 < product.op_end_rel_nanos <= total.all_start_nanos - product.all_start_nanos
    assert product.op_end_rel_micros == product.all_end_rel_micros
    description = product.output[0].tensor_description
    assert (description.dtype, description.shape) == ("float32", (20, 4))
    assert description.allocation_description.requested_bytes == 20 * 4 * 4


def test_a_variable_itself_has_no_size(session: tf.Session) -> None:
    v = tf.Variable([1.0, 2.0], name="v")
    session.run(v.initializer)
    _, metadata = traced(session.run, v.assign_add([1.0, 1.0]))
    added, read = metadata.step_stats.dev_stats[0].node_stats
    assert added.timeline_label == "AssignAdd = AssignAdd(v, Const)"
    assert (timeline.written(added), timeline.written(read)) == (0, 8)
    assert added.output[0].tensor_description.dtype == "float32"


def test_only_a_run_that_asks_for_it_is_traced(session: tf.Session) -> None:
    x, metadata = tf.constant(1.0) + 1.0, tf.RunMetadata()
    session.run(x, run_metadata=metadata)
    session.run(x, options=tf.RunOptions(), run_metadata=metadata)
    assert not metadata.step_stats.dev_stats
    assert session.run(x, options=tf.RunOptions(trace_level=3)) == 2.0


def test_each_run_is_told_anew_and_a_callable_can_be_traced(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [2])
    y = tf.exp(x)
    for _ in range(3):
        session.run(y, {x: [0.0, 1.0]})
    call = session.make_callable(y, [x], accept_options=True)
    value, metadata = traced(call, [0.0, 0.0])
    assert value.tolist() == [1.0, 1.0]
    assert len(metadata.step_stats.dev_stats[0].node_stats) == 1
    assert call([0.0, 0.0]).tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match="1 values are to be fed"):
        call()


def test_an_error_in_a_traced_run_names_the_node(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [None], name="x")
    checked = tf.check_numerics(x, "here", name="checked")
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        traced(session.run, checked, {x: [np.nan]})
    assert caught.value.node == "checked"


def test_a_timeline_is_where_scripts_look_for_it() -> None:
    assert tf.python.client.timeline is timeline
    with pytest.raises(AttributeError, match=r"tf\.python has no 'framework'"):
        tf.python.framework  # noqa: B018


def test_a_timeline_is_what_chrome_reads(session: tf.Session) -> None:
    x = tf.placeholder(tf.float32, [3, 3], name="x")
    y = tf.matmul(x, x, name="y")
    _, metadata = traced(session.run, tf.reduce_sum(y, name="z"), {x: np.eye(3)})
    line = timeline.Timeline(metadata.step_stats)
    process, product, total = json.loads(line.generate_chrome_trace_format())["traceEvents"]
    assert (process["ph"], process["name"]) == ("M", "process_name")
    assert (product["ph"], product["name"], product["args"]["name"]) == ("X", "MatMul", "y")
    assert [product["args"][f"input{i}"] for i in (0, 1)] == ["x", "x"]
    assert product["ts"] + product["dur"] <= total["ts"]
    plain = json.loads(line.generate_chrome_trace_format(show_dataflow=False, show_memory=True))
    nodes = [e for e in plain["traceEvents"] if e["ph"] == "X"]
    assert "input0" not in nodes[0]["args"]
    assert [n["args"]["bytes"] for n in nodes] == [36, 4]
    memory = [e["args"]["bytes"] for e in plain["traceEvents"] if e["ph"] == "C"]
    assert memory == [36, 40]
