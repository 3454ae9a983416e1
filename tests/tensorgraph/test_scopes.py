"""Variable scopes: whose variables are shared, and what everything in them is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as graph:
        yield graph


def names() -> list[str]:
    return [v.name for v in tf.global_variables()]


def node(module: Any = tf) -> str:
    """Return the name that an operation gets here."""
    name: str = module.no_op("op").name
    return name


def test_a_scope_names_variables_and_operations() -> None:
    with tf.variable_scope("a") as a:
        assert tf.get_variable("w", [2]).name == "a/w:0"
        with tf.variable_scope("b"):
            assert tf.get_variable("w", [2]).name == "a/b/w:0"
            assert node() == "a/b/op"
    assert (a.name, a.original_name_scope, a.reuse) == ("a", "a/", False)
    assert tf.get_variable_scope().name == ""


def test_a_scope_entered_again_has_the_same_variables_under_a_new_name_scope() -> None:
    with tf.variable_scope("a") as a:
        w = tf.get_variable("w", [2])
    with tf.variable_scope("a", reuse=True):
        assert tf.get_variable("w", [2]) is w
        assert node() == "a_1/op"
    with tf.variable_scope("o"), tf.variable_scope(a, reuse=True) as again:
        assert tf.get_variable("w") is w
        assert node() == "o/a/op"
        assert again.original_name_scope == "a/"
    with tf.variable_scope(a, auxiliary_name_scope=False):
        assert node() == "op"


def test_name_scopes_do_not_name_shared_variables() -> None:
    with tf.name_scope("n"):
        assert tf.get_variable("w", [2]).name == "w:0"
        with tf.variable_scope("v"):
            assert tf.get_variable("w", [2]).name == "v/w:0"
            assert node() == "n/v/op"
            assert tf.Variable(1.0, name="x").name == "n/v/x:0"


def test_a_second_variable_of_one_name_is_refused_and_told_of_the_first() -> None:
    tf.get_variable("w", [2])
    with pytest.raises(
        ValueError, match=r"'w' exists already: it was made at .*test_scopes.py:\d+"
    ):
        tf.get_variable("w", [2])


def test_reuse_needs_what_it_shares() -> None:
    with (
        tf.variable_scope("a", reuse=True),
        pytest.raises(ValueError, match=r"'a/w' does not exist.*AUTO_REUSE"),
    ):
        tf.get_variable("w", [2])


def test_reuse_is_inherited_and_cannot_be_taken_back() -> None:
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        made = tf.get_variable("w", [2])
        assert tf.get_variable("w", [2]) is made
        with tf.variable_scope("b", reuse=False) as b:
            assert b.reuse is tf.AUTO_REUSE
    with tf.variable_scope("a") as a:
        a.reuse_variables()
        assert tf.get_variable("w", [2]) is made
    with tf.variable_scope("a") as a:
        assert a.reuse is False


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({"shape": [3]}, r"has shape \(2,\), not \(3,\): it was made at"),
        ({"shape": [2], "dtype": tf.float64}, "is of float32, not float64: it was made at"),
    ],
)
def test_what_is_shared_must_fit(asked: dict[str, Any], what: str) -> None:
    tf.get_variable("w", [2])
    tf.get_variable_scope().reuse_variables()
    assert tf.get_variable("w", [None]).shape == (2,)
    with pytest.raises(ValueError, match=what):
        tf.get_variable("w", **asked)


def test_default_names_are_unique_as_long_as_their_scope_is_open() -> None:
    for _ in range(2):
        with tf.variable_scope("a"):
            opened = []
            for _ in range(3):
                with tf.variable_scope(None, default_name="d") as scope:
                    opened.append(scope.name)
            assert opened == ["a/d", "a/d_1", "a/d_2"]


def test_the_root_scope() -> None:
    with tf.variable_scope("", reuse=tf.AUTO_REUSE) as root:
        assert root.name == ""
        assert tf.get_variable("w", [2]) is tf.get_variable("w", [2])
        assert node() == "op"
    with tf.variable_scope("a"), tf.variable_scope(root):
        assert tf.get_variable("w").name == "w:0"


def test_a_scope_has_defaults_that_inner_ones_inherit_and_replace() -> None:
    double: Callable[[Any], Any] = lambda v: tf.reduce_sum(v, name="sum")  # noqa: E731
    with tf.variable_scope("a", dtype=tf.float64, regularizer=double) as a:
        a.set_initializer(tf.ones_initializer())
        w = tf.get_variable("w", [2])
        with tf.variable_scope("b", initializer=tf.constant_initializer(3.0)):
            inner = tf.get_variable("w", [2], regularizer=lambda v: None)
            assert tf.get_variable("n", [2], tf.int32, initializer=tf.zeros_initializer).dtype == (
                tf.int32
            )
    assert (w.dtype, inner.dtype) == (tf.float64, tf.float64)
    losses = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    assert [t.name for t in losses] == ["a/w/Regularizer/sum:0", "a/b/n/Regularizer/sum:0"]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run([w, inner])[1].tolist() == [3.0, 3.0]
        assert session.run(w).tolist() == [1.0, 1.0]


def test_custom_getters_wrap_each_other() -> None:
    seen = []

    def outer(getter: Callable[..., Any], name: str, **kwargs: Any) -> Any:
        seen.append((name, kwargs["shape"], kwargs["trainable"]))
        return getter(name, **kwargs)

    def inner(getter: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
        return getter(name, *args, **{**kwargs, "trainable": False}) * 2.0

    with tf.variable_scope("a", custom_getter=outer), tf.variable_scope("b", custom_getter=inner):
        doubled = tf.get_variable("w", [2], initializer=tf.ones_initializer())
    assert seen == [("a/b/w", [2], False)]
    assert isinstance(doubled, tf.Tensor)
    assert tf.trainable_variables() == []


def test_members_of_a_scope() -> None:
    with tf.variable_scope("a") as a:
        w = tf.get_variable("w", [2])
        counter = tf.get_variable("n", [], trainable=False)
        local = tf.get_local_variable("l", [2])
    tf.get_variable("a_w", [2])
    assert a.global_variables() == [w, counter]
    assert a.trainable_variables() == [w]
    assert a.local_variables() == [local] == tf.local_variables()
    assert tf.trainable_variables("a/") == [w]
    assert [v.name for v in tf.global_variables(".*w")] == ["a/w:0", "a_w:0"]


@pytest.mark.parametrize(
    ("arguments", "shape", "dtype"),
    [
        ({"initializer": 3.0}, (), tf.float32),
        ({"initializer": [3, 2]}, (2,), tf.int32),
        ({"shape": [2], "dtype": tf.bool}, (2,), tf.bool),
        ({"shape": 3}, (3,), tf.float32),
        ({"shape": [], "initializer": tf.ones_initializer}, (), tf.float32),
        ({"initializer": lambda: tf.ones([3])}, (3,), tf.float32),
        (
            {"shape": [2], "initializer": lambda shape, dtype, partition_info: tf.zeros(shape)},
            (2,),
            tf.float32,
        ),
    ],
)
def test_what_gives_the_first_value(
    arguments: dict[str, Any], shape: tuple[int, ...], dtype: tf.DType
) -> None:
    w = tf.get_variable("w", **arguments)
    assert (w.shape, w.dtype) == (shape, dtype)
    w.initializer.run(session=tf.Session())


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({}, "has no initializer, so its shape must be given"),
        ({"shape": [2], "initializer": [3.0, 2.0]}, "give no other"),
        ({"shape": [None, 2]}, r"needs to know its shape, which is \(\?, 2\)"),
        ({"initializer": tf.ones_initializer()}, "needs to know its shape"),
        ({"initializer": 3.0, "dtype": tf.float64}, "is of float32, but dtype says float64"),
        ({"shape": [2], "partitioner": len}, "not partitioned"),
    ],
)
def test_what_gives_no_first_value(arguments: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        tf.get_variable("w", **arguments)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((None,), TypeError),
        ((3,), TypeError),
        (("a b",), ValueError),
        (("a", None, None, None, None, None, None, None, 5), ValueError),
        ((None, "d", None, None, None, None, None, None, True), ValueError),
    ],
)
def test_what_is_no_scope(arguments: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error), tf.variable_scope(*arguments):
        pass


def test_scopes_and_layers_are_no_part_of_an_exported_graph(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tf.layers.dense(tf.ones([2, 3]), 4)
    exported = tf.train.export_meta_graph()
    assert sorted(exported.collection_def) == ["trainable_variables", "variables"]
    assert not caplog.records


def test_a_failed_scope_leaves_no_trace() -> None:
    with pytest.raises(ZeroDivisionError), tf.variable_scope("a"):
        raise ZeroDivisionError
    assert tf.get_variable_scope().name == ""
    assert node() == "op"


# One step of a random program: enter a scope of some kind, with what stands inside, or make
# a variable or an operation.
LEAVES = st.sampled_from([("get", "w"), ("get", "v"), ("variable", "w"), ("op",)])
KINDS = st.sampled_from(["by name", "by default", "by object", "without names", "name scope"])
REUSE = st.sampled_from([None, None, True, "auto"])
PROGRAMS = st.recursive(
    st.lists(LEAVES, max_size=3),
    lambda inside: st.lists(
        LEAVES | st.tuples(KINDS, st.sampled_from(["a", "b"]), REUSE, inside), max_size=3
    ),
    max_leaves=12,
)


def interpret(tf: Any, program: list[Any], scopes: list[Any], seen: list[str]) -> None:
    """Run a program; append the names that come of it, or the kind of error, to `seen`."""
    for step in program:
        try:
            if step[0] == "get":
                seen.append(tf.get_variable(step[1], [2]).name)
            elif step[0] == "variable":
                seen.append(tf.Variable(0.0, name=step[1]).name)
            elif step[0] == "op":
                seen.append(tf.no_op("op").name)
            else:
                enter(tf, step, scopes, seen)
        except (ValueError, TypeError) as error:
            seen.append(type(error).__name__)


def enter(tf: Any, step: tuple[Any, ...], scopes: list[Any], seen: list[str]) -> None:
    kind, name, reuse, inside = step
    reuse = tf.AUTO_REUSE if reuse == "auto" else reuse
    if kind == "name scope":
        with tf.name_scope(name):
            interpret(tf, inside, scopes, seen)
        return
    if kind == "by object" and scopes:
        context = tf.variable_scope(scopes[-1], reuse=reuse)
    elif kind == "by default":
        context = tf.variable_scope(None, default_name=name)
    elif kind == "without names":
        context = tf.variable_scope(name, reuse=reuse, auxiliary_name_scope=False)
    else:
        context = tf.variable_scope(name, reuse=reuse)
    with context as scope:
        seen.append(f"{scope.name} {scope.original_name_scope} {scope.reuse is True}")
        scopes.append(scope)
        interpret(tf, inside, scopes, seen)


@given(program=PROGRAMS)
def test_names_are_tensorflows(tf1: Any, program: list[Any]) -> None:
    results = []
    for module in (tf, tf1):
        seen: list[str] = []
        with module.Graph().as_default():
            interpret(module, program, [], seen)
            seen.extend(v.name for v in module.global_variables())
        results.append(seen)
    assert results[0] == results[1]
