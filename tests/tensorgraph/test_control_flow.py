"""Branches and loops: values, gradients to second order, state, shapes, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.testing import check_gradients

FLOATS = st.floats(0.2, 1.5)


@pytest.fixture(autouse=True)
def new_graph() -> Any:
    with tf.Graph().as_default():
        yield


def run(fetches: Any, feed_dict: Any = None, **options: Any) -> Any:
    with tf.Session(config=tf.ConfigProto(**options)) as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed_dict)


def scalar(name: str = "x") -> tf.Tensor:
    return tf.placeholder(tf.float64, [], name)


# cond


@pytest.mark.parametrize("taken", [True, False])
@given(value=FLOATS)
def test_cond_and_its_gradients(taken: bool, value: float) -> None:
    with tf.Graph().as_default():
        x, y, p = scalar(), scalar("y"), tf.placeholder(tf.bool, [])
        z = tf.cond(p, lambda: x * x * y, lambda: tf.exp(x) / y)
        feeds = {x: value, y: 2.0, p: taken}
        assert run(z, feeds) == pytest.approx(value**2 * 2 if taken else np.exp(value) / 2)
        check_gradients(z, [x, y], feeds, order=2)


def test_only_the_branch_taken_runs() -> None:
    calls: list[str] = []

    def call(name: str) -> Callable[[], Any]:
        def python() -> np.float32:
            calls.append(name)
            return np.float32(1)

        return lambda: tf.py_func(python, [], tf.float32)

    p = tf.placeholder(tf.bool, [])
    result = tf.cond(p, call("then"), call("otherwise"))
    run(result, {p: False})
    assert calls == ["otherwise"]


def test_assign_in_a_branch() -> None:
    v = tf.Variable(1.0)
    p = tf.placeholder(tf.bool, [])
    result = tf.cond(p, lambda: tf.assign_add(v, 2.0), v.read_value)
    with tf.Session() as session:
        session.run(v.initializer)
        assert session.run(result, {p: False}) == 1
        assert session.run(v) == 1
        assert session.run(result, {p: True}) == 3
        assert session.run(v) == 3


def test_what_does_not_wait_for_a_branch_sees_the_value_before_it() -> None:
    v = tf.Variable(1.0)
    after = tf.cond(tf.constant(True), lambda: tf.assign(v, 5.0), lambda: tf.identity(v))
    before = v.read_value() * 10.0
    assert run([after, before]) == [5, 10]


def test_control_dependencies_in_a_branch() -> None:
    v = tf.Variable(1.0)

    def then() -> tf.Tensor:
        with tf.control_dependencies([tf.assign(v, 7.0)]):
            return v.read_value()

    assert run(tf.cond(tf.constant(True), then, lambda: tf.constant(0.0))) == 7


def test_a_branch_waits_for_what_it_depends_on_outside() -> None:
    v = tf.Variable(1.0)
    update = tf.assign(v, 2.0)

    def then() -> tf.Tensor:
        with tf.control_dependencies([update]):
            return v.read_value() + 1.0

    assert run(tf.cond(tf.constant(True), then, lambda: tf.constant(0.0))) == 3


def test_random_numbers_of_a_branch_are_those_of_its_gradient() -> None:
    x = tf.constant(np.ones(100))
    y = tf.cond(tf.constant(True), lambda: tf.nn.dropout(x, rate=0.5), lambda: x)
    value, gradient = run([y, tf.gradients(y, x)[0]])
    np.testing.assert_array_equal(value, gradient)
    assert 0 < value.sum() < 200


def test_gradient_by_a_variable_read_in_a_branch() -> None:
    v = tf.Variable(3.0, dtype=tf.float64)
    p = tf.placeholder(tf.bool, [])
    y = tf.cond(p, lambda: v.read_value() * v, lambda: v * 5.0)
    (gradient,) = tf.gradients(y, v)
    assert run(gradient, {p: True}) == 6
    assert run(gradient, {p: False}) == 5


def test_a_gradient_that_neither_branch_has_is_none() -> None:
    x, y = scalar(), scalar("y")
    z = tf.cond(x > 0, lambda: x * tf.stop_gradient(y), lambda: x)
    assert tf.gradients(z, y) == [None]
    assert tf.gradients(z, x)[0] is not None


def test_structures_and_names() -> None:
    p = tf.placeholder(tf.bool, [])
    result = tf.cond(p, lambda: {"a": 1, "b": (2.0, [3])}, lambda: {"a": 4, "b": (5.0, [6])})
    assert result["a"].name == "cond/Merge:0"
    assert result["b"][0].name == "cond/Merge_1:0"
    assert run(result, {p: False}) == {"a": 4, "b": (5.0, [6])}
    assert tf.cond(p, lambda: [1], lambda: [2]).name == "cond_1/Merge:0"
    assert isinstance(tf.cond(p, lambda: [1], lambda: [2], strict=True), list)


def test_static_shape_is_what_the_branches_share() -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    p = tf.placeholder(tf.bool, [])
    assert tf.cond(p, lambda: x, lambda: tf.zeros([2, 3])).shape.as_list() == [None, 3]
    assert tf.cond(p, lambda: x, lambda: tf.zeros([3])).shape.ndims is None


def test_the_branch_not_taken_need_not_fit() -> None:
    x = tf.placeholder(tf.float32, [None])
    fits = tf.equal(tf.shape(x)[0], 4)
    y = tf.cond(fits, lambda: tf.reshape(x, [2, 2]), lambda: tf.zeros([2, 2]))
    np.testing.assert_array_equal(run(y, {x: [1, 2, 3]}), np.zeros((2, 2)))
    np.testing.assert_array_equal(run(y, {x: [1, 2, 3, 4]}), [[1, 2], [3, 4]])


def test_variables_made_in_a_branch_belong_to_the_graph() -> None:
    def then() -> tf.Tensor:
        return tf.get_variable("w", [], initializer=tf.ones_initializer()) * 2.0

    y = tf.cond(tf.constant(True), then, lambda: tf.constant(0.0))
    (w,) = tf.trainable_variables()
    assert w.name == "w:0"
    assert run([y, tf.gradients(y, w)[0]]) == [2, 2]


@pytest.mark.parametrize(
    ("error", "build"),
    [
        (TypeError, lambda p: tf.cond(True, lambda: 1, lambda: 2)),
        (TypeError, lambda p: tf.cond(p, 1, lambda: 2)),
        (TypeError, lambda p: tf.cond(p, lambda: 2)),
        (TypeError, lambda p: tf.cond(tf.constant(1), lambda: 1, lambda: 2)),
        (ValueError, lambda p: tf.cond(tf.constant([True]), lambda: 1, lambda: 2)),
        (ValueError, lambda p: tf.cond(p, lambda: None, lambda: 2)),
        (ValueError, lambda p: tf.cond(p, lambda: 1.0, lambda: 2)),
        (ValueError, lambda p: tf.cond(p, lambda: (1, 2), lambda: 2)),
        (TypeError, lambda p: tf.cond(p, lambda: (1, 2), lambda: [1, 2])),
        (TypeError, lambda p: tf.case([])),
        (TypeError, lambda p: tf.case([(True, lambda: 1)])),
    ],
)
def test_bad_branches(error: type[Exception], build: Callable[[Any], Any]) -> None:
    with pytest.raises(error):
        build(tf.placeholder(tf.bool, []))


def test_a_tensor_of_a_branch_cannot_leave_it() -> None:
    inner: list[tf.Tensor] = []

    def then() -> tf.Tensor:
        inner.append(tf.constant(1.0) * 2.0)
        return inner[0]

    tf.cond(tf.placeholder(tf.bool, []), then, lambda: tf.constant(0.0))
    with pytest.raises(ValueError, match="must return it"):
        inner[0] + 1.0
    with pytest.raises(ValueError, match="must return it"):
        tf.get_default_graph().create_op("Neg", inner)


def test_an_error_in_a_branch_names_node_and_line() -> None:
    x = tf.placeholder(tf.float32, [None])
    y = tf.cond(tf.constant(True), lambda: tf.check_numerics(x, "bad", name="mine"), lambda: x)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"cond/mine.*test_control_flow.py"):
        run(y, {x: [np.nan]})


def test_case() -> None:
    x = tf.placeholder(tf.int32, [])
    pairs = [(x < 1, lambda: tf.constant(10)), (x < 3, lambda: tf.constant(20))]
    result = tf.case(pairs, default=lambda: tf.constant(30))
    without = tf.case(pairs)
    exclusive = tf.case(pairs, default=lambda: tf.constant(30), exclusive=True)
    assert [run(result, {x: v}) for v in (0, 2, 3)] == [10, 20, 30]
    assert [run(without, {x: v}) for v in (0, 2)] == [10, 20]
    with pytest.raises(tf.errors.InvalidArgumentError, match="none of the conditions"):
        run(without, {x: 3})
    assert run(exclusive, {x: 2}) == 20
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than one"):
        run(exclusive, {x: 0})


# while_loop


@given(value=FLOATS, count=st.integers(0, 4))
def test_loop_and_its_gradients(value: float, count: int) -> None:
    with tf.Graph().as_default():
        x, w, n = scalar(), scalar("w"), tf.placeholder(tf.int32, [])
        _, z = tf.while_loop(lambda i, z: i < n, lambda i, z: (i + 1, z * w + tf.sin(z)), [0, x])
        feeds = {x: value, w: 0.7, n: count}
        wanted = value
        for _ in range(count):
            wanted = wanted * 0.7 + np.sin(wanted)
        assert run(z, feeds) == pytest.approx(wanted)
        check_gradients(z, [x, w], feeds, order=2)


@given(value=FLOATS, count=st.integers(0, 3))
def test_cond_in_a_loop_in_a_cond(value: float, count: int) -> None:
    with tf.Graph().as_default():
        x, w, n = scalar(), scalar("w"), tf.placeholder(tf.int32, [])

        def body(i: tf.Tensor, z: tf.Tensor) -> Any:
            def even() -> tf.Tensor:
                return tf.while_loop(
                    lambda j, u: j < i, lambda j, u: (j + 1, u * w * z), [0, z], name="inner"
                )[1]

            return i + 1, tf.cond(tf.equal(i % 2, 0), even, lambda: tf.exp(-z) + w)

        z = tf.cond(
            x > 0.1, lambda: tf.while_loop(lambda i, z: i < n, body, [0, x * w])[1], lambda: w
        )
        check_gradients(z, [x, w], {x: value, w: 0.7, n: count}, order=2)


@given(steps=st.integers(1, 3), seed=st.integers(0, 100))
def test_loop_of_matrices(steps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    with tf.Graph().as_default():
        a, x = tf.placeholder(tf.float64, [3, 3]), tf.placeholder(tf.float64, [None, 3])
        loop = tf.while_loop(
            lambda i, y, n: i < steps,
            lambda i, y, n: (i + 1, tf.tanh(tf.matmul(y, a)), n + tf.reduce_sum(y)),
            [0, x, tf.constant(0.0, tf.float64)],
        )
        feeds = {a: rng.standard_normal((3, 3)), x: rng.standard_normal((2, 3))}
        check_gradients([loop[1], loop[2]], [a, x], feeds, order=2, max_elements=4)


def test_a_loop_variable_may_change_its_shape() -> None:
    x = tf.placeholder(tf.float64, [1])
    _, y = tf.while_loop(
        lambda i, y: i < 3,
        lambda i, y: (i + 1, tf.concat([y, y * x], 0)),
        [0, x],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
    )
    assert y.shape.as_list() == [None]
    np.testing.assert_allclose(run(y, {x: [2.0]}), [2, 4, 4, 8, 4, 8, 8, 16])
    check_gradients(y, x, {x: [1.1]}, order=2)


def test_shapes_fed_decide_on_shapes_inside() -> None:
    x = tf.placeholder(tf.float64, [None, 2])
    _, y = tf.while_loop(lambda i, y: i < 2, lambda i, y: (i + 1, y * x), [0, tf.ones_like(x)])
    for rows in (1, 3):
        np.testing.assert_array_equal(run(y, {x: np.full((rows, 2), 3.0)}), np.full((rows, 2), 9))


def test_a_loop_that_passes_a_value_through() -> None:
    """What a loop gives must not lie in a buffer that is used again."""
    x = tf.placeholder(tf.float64, [4])
    doubled = x * 2.0
    n = tf.placeholder(tf.int32, [])
    start = [0, doubled, doubled + 1.0]
    _, y, z = tf.while_loop(lambda i, y, z: i < n, lambda i, y, z: (i + 1, z, y), start)
    others = [tf.exp(doubled + float(k)) for k in range(5)]
    wanted = [np.array([0.0, 2, 4, 6]), np.array([1.0, 3, 5, 7])]
    for count in (0, 1, 2, 3):
        values = run([y, z, *others], {x: [0, 1, 2, 3], n: count})
        np.testing.assert_array_equal(values[:2], wanted[:: 1 if count % 2 == 0 else -1])


def test_maximum_iterations_and_structures() -> None:
    result = tf.while_loop(
        lambda s: s["i"] < 100,
        lambda s: [{"i": s["i"] + 1, "x": (s["x"][0] * 2.0,)}],
        [{"i": 0, "x": (1.0,)}],
        maximum_iterations=tf.constant(5),
    )
    assert run(result) == {"i": 5, "x": (32.0,)}
    same = tf.while_loop(lambda i: i < 3, lambda i: i + 1, [0], return_same_structure=True)
    assert isinstance(same, list)
    assert same[0].name == "while_1/Exit:0"


def test_assign_in_a_loop() -> None:
    v = tf.Variable(1.0)

    def body(i: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tf.assign(v, v.read_value() * 2.0)]):
            return i + 1

    loop = tf.while_loop(lambda i: i < 5, body, [0])
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(loop)
        assert session.run(v) == 32


def test_random_numbers_in_a_loop_are_new_in_each_iteration() -> None:
    tf.set_random_seed(3)
    array = tf.TensorArray(tf.float32, 6)
    x = tf.Variable(tf.ones([20]))

    def body(i: tf.Tensor, a: tf.TensorArray) -> Any:
        return i + 1, a.write(i, tf.nn.dropout(x, rate=0.5) + tf.random_normal([]))

    _, array = tf.while_loop(lambda i, a: i < 6, body, [0, array])
    rows = array.stack()
    values, (gradient,) = run([rows, tf.gradients(rows, x)])
    kept = (np.diff(values, axis=1, prepend=values[:, :1]) != 0).any(1)
    assert kept.all()
    assert len(np.unique(values[:, 0].round(4))) == 6
    # Each element of the gradient counts how often the same mask kept it, times 2.
    low = values.min(1, keepdims=True)
    np.testing.assert_allclose(gradient, 2 * (values > low + 1).sum(0))


def test_back_prop_false_cuts_the_gradient() -> None:
    x = scalar()
    (y,) = tf.while_loop(lambda y: y < 9.0, lambda y: [y * x], [x], back_prop=False,
                         return_same_structure=True)  # fmt: skip
    assert tf.gradients(y, x) == [None]


def test_disconnected_loop_variables_have_no_gradient() -> None:
    x, y = scalar(), scalar("y")
    loop = tf.while_loop(lambda i, a, b: i < 2, lambda i, a, b: (i + 1, a * 2.0, b * a), [0, x, y])
    assert tf.gradients(loop[1], y) == [None]
    assert all(g is not None for g in tf.gradients(loop[2], [x, y]))


def test_stop_gradient_and_integers_in_a_loop() -> None:
    x = scalar()
    _, y = tf.while_loop(
        lambda i, y: i < 3, lambda i, y: (i + 1, tf.stop_gradient(y) * x * tf.cast(i, y.dtype)),
        [1, x],
    )  # fmt: skip
    assert run(tf.gradients(y, x)[0], {x: 3.0}) == 3 * 3 * 1 * 2


def test_gradients_inside_a_loop_of_what_is_outside() -> None:
    """The Jacobian by rows: each row is a gradient made inside of the body."""
    x = tf.placeholder(tf.float64, [3])
    y = tf.sin(x) * tf.reduce_sum(x * x)
    rows = tf.map_fn(lambda i: tf.gradients(y[i], x)[0], tf.range(3), dtype=tf.float64)
    value = np.array([0.3, -0.5, 1.1])
    wanted = np.diag(np.cos(value) * (value @ value)) + np.outer(np.sin(value), 2 * value)
    np.testing.assert_allclose(run(rows, {x: value}), wanted)


@pytest.mark.parametrize("passes", [(), ("fold",), ("simplify", "merge")])
def test_results_do_not_hang_on_the_passes(passes: tuple[str, ...]) -> None:
    x = scalar()
    _, y = tf.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * tf.exp(y * x)), [0, x])
    (first,) = tf.gradients(y, x)
    (second,) = tf.gradients(first, x)
    wanted = run([y, first, second], {x: 0.3})
    np.testing.assert_allclose(run([y, first, second], {x: 0.3}, passes=passes), wanted)


def test_ten_thousand_iterations() -> None:
    x, n = scalar(), tf.placeholder(tf.int32, [])
    _, y = tf.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, tf.sin(y) + x), [0, x])
    (gradient,) = tf.gradients(y, x)
    values = run([y, gradient], {x: 0.5, n: 10_000})
    assert np.isfinite(values).all()
    # In the limit y = sin y + x, so that dy/dx = 1 / (1 - cos y).
    assert values[1] == pytest.approx(1 / (1 - np.cos(values[0])))


@pytest.mark.parametrize(
    ("error", "build"),
    [
        (TypeError, lambda: tf.while_loop(1, lambda i: i, [0])),
        (TypeError, lambda: tf.while_loop(lambda i: i < 1, 1, [0])),
        (ValueError, lambda: tf.while_loop(lambda i: i < 1, lambda i: i, [])),
        (TypeError, lambda: tf.while_loop(lambda i: 1, lambda i: i, [0])),
        (ValueError, lambda: tf.while_loop(lambda i: tf.constant([True]), lambda i: i, [0])),
        (ValueError, lambda: tf.while_loop(lambda i: i < 1, lambda i: (i, i), [0])),
        (ValueError, lambda: tf.while_loop(lambda i: i < 1, lambda i: i, [0], [[2]])),
        (ValueError, lambda: tf.while_loop(lambda i: i < 1, lambda i: i, [0], [[], []])),
        (TypeError, lambda: tf.while_loop(lambda i: i < 1, lambda i: tf.cast(i, "float32"), [0])),
        (
            ValueError,
            lambda: tf.while_loop(
                lambda i: i[0] < 1, lambda i: tf.concat([i, i], 0), [tf.ones([1])]
            ),
        ),
        (TypeError, lambda: tf.while_loop(lambda i: i < 1, lambda i: i, [0], None, 0)),
        (
            ValueError,
            lambda: tf.while_loop(lambda i: i < 1, lambda i: i, [0], maximum_iterations=[1]),
        ),
    ],
)
def test_bad_loops(error: type[Exception], build: Callable[[], Any]) -> None:
    with pytest.raises(error):
        build()


def test_an_error_in_the_gradient_of_a_loop_names_the_node() -> None:
    x = tf.placeholder(tf.float64, [])
    _, y = tf.while_loop(
        lambda i, y: i < 2,
        lambda i, y: (i + 1, tf.check_numerics(tf.sqrt(y), "bad")),
        [0, x],
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"gradient.*CheckNumerics_grad"):
        run(tf.gradients(y * 0.0 + tf.sqrt(y), x), {x: 0.0})


# map_fn and its like


@given(seed=st.integers(0, 100), rows=st.integers(1, 4))
def test_functional_loops(seed: int, rows: int) -> None:
    value = np.random.default_rng(seed).uniform(0.5, 1.5, (rows, 2))
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float64, [None, 2])
        results = {
            "map": (tf.map_fn(lambda r: r * tf.reduce_sum(r), x),
                    value * value.sum(1, keepdims=True)),
            "scan": (tf.scan(lambda a, r: a * r, x), value.cumprod(0)),
            "scan with start": (tf.scan(lambda a, r: a + r * r, x, np.ones(2)),
                                1 + (value**2).cumsum(0)),
            "scan back": (tf.scan(lambda a, r: a * r, x, reverse=True),
                          value[::-1].cumprod(0)[::-1]),
            "foldl": (tf.foldl(lambda a, r: a / r, x), value[0] / value[1:].prod(0)),
            "foldr": (tf.foldr(lambda a, r: a / r, x), value[-1] / value[:-1].prod(0)),
        }  # fmt: skip
        for name, (t, wanted) in results.items():
            np.testing.assert_allclose(run(t, {x: value}), wanted, err_msg=name)
            assert t.shape.as_list()[-1] == 2
            check_gradients(t, x, {x: value}, order=2, max_elements=3)


def test_structures_of_elements() -> None:
    a, b = tf.constant([1, 2, 3]), tf.constant([1.0, 2.0, 3.0])
    mapped = tf.map_fn(lambda e: {"s": e[0] + 1, "p": e[1] * 2.0}, (a, b),
                       dtype={"s": tf.int32, "p": tf.float32})  # fmt: skip
    value = run(mapped)
    np.testing.assert_array_equal(value["s"], [2, 3, 4])
    np.testing.assert_array_equal(value["p"], [2, 4, 6])
    assert mapped["s"].shape.as_list() == [3]
    last = tf.foldl(lambda acc, e: (acc[0] + e[0], acc[1] * e[1]), (a, b), initializer=(0, 1.0))
    assert run(last) == (6, 6.0)


def test_no_elements() -> None:
    x = tf.placeholder(tf.float64, [None, 2])
    nothing = np.zeros((0, 2))
    assert run(tf.map_fn(lambda r: r * 2.0, x), {x: nothing}).shape == (0, 2)
    assert run(tf.foldl(lambda a, r: a + r, x, np.zeros(2)), {x: nothing}).tolist() == [0, 0]


@pytest.mark.parametrize("function", [tf.map_fn, tf.scan, tf.foldl, tf.foldr])
def test_bad_elements(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="callable"):
        function(1, tf.zeros([2]))
    with pytest.raises(ValueError, match="scalar"):
        function(lambda *e: e[0], tf.constant(1.0))
    with pytest.raises(ValueError, match="first sizes"):
        function(lambda *e: e[0], (tf.zeros([2]), tf.zeros([3])))


def test_an_imported_loop_has_gradients() -> None:
    x = scalar()
    w = tf.constant(0.7, tf.float64, name="w")
    loop = tf.while_loop(
        lambda i, y: i < 3,
        lambda i, y: (i + 1, tf.cond(y > 0.0, lambda: y * w * x, lambda: y + w)),
        [0, x],
    )
    graph_def = tf.get_default_graph().as_graph_def()
    with tf.Graph().as_default():
        u = scalar("u")
        imported = tf.import_graph_def(
            graph_def, {"x:0": u, "w:0": u * 2.0}, return_elements=[loop[1].name]
        )
        (y,) = imported or []
        assert run(y, {u: 1.5}) == pytest.approx(1.5**7 * 8)
        check_gradients(y, u, {u: 1.5}, order=2)


def test_a_value_read_outside_stays_while_the_body_changes_the_variable() -> None:
    v = tf.Variable(1.0)
    snapshot = v.value()

    def body(i: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tf.assign_add(v, snapshot)]):
            return i + 1

    def then() -> tf.Tensor:
        with tf.control_dependencies([tf.assign(v, 9.0)]):
            return tf.identity(snapshot)

    loop = tf.while_loop(lambda i: i < 3, body, [0])
    branch = tf.cond(tf.constant(True), then, lambda: tf.constant(0.0))
    with tf.Session() as session:
        session.run(v.initializer)
        session.run(loop)
        assert session.run(v) == 4
        assert session.run(branch) == 4
        assert session.run(v) == 9
