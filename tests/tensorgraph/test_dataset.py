"""`tf.data`: pipelines and iterators, by hand and beside TensorFlow."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf

Pipeline = Callable[[Any], Any]
Pair = collections.namedtuple("Pair", ["a", "b"])


def elements(t: Any, make: Pipeline, limit: int = 200) -> tuple[list[Any], Any]:
    """Return all elements of a pipeline as nested lists, and its types and shapes."""
    with t.Graph().as_default(), t.Session() as session:
        dataset = make(t)
        spec = (
            plain(dataset.output_types, lambda d: d.name),
            plain(dataset.output_shapes, lambda s: s.as_list() if s.ndims is not None else None),
        )
        following = dataset.make_one_shot_iterator().get_next()
        found = []
        for _ in range(limit):
            try:
                found.append(plain(session.run(following), lambda v: np.asarray(v).tolist()))
            except t.errors.OutOfRangeError:
                break
        return found, spec


def plain(structure: Any, leaf: Callable[[Any], Any]) -> Any:
    """Return a structure as tuples, dicts and what `leaf` makes of its leaves."""
    if isinstance(structure, dict):
        return {k: plain(v, leaf) for k, v in structure.items()}
    if isinstance(structure, tuple):
        return tuple(plain(v, leaf) for v in structure)
    return leaf(structure)


def until_the_end(session: tf.Session, fetch: Any) -> list[Any]:
    """Return what a fetch gives until its dataset ends."""
    found = []
    while True:
        try:
            found.append(session.run(fetch))
        except tf.errors.OutOfRangeError:
            return found


ROWS = np.arange(12, dtype=np.float32).reshape(6, 2)


def range_of(count: int) -> Pipeline:
    return lambda t: t.data.Dataset.range(count)


def ragged(t: Any) -> Any:
    """Vectors of lengths 0, 1, 2, …"""
    return t.data.Dataset.range(5).map(lambda n: t.fill([n], n))


def add_to_each(dataset: Any, number: Any) -> Any:
    return dataset.map(lambda x: x + number)


def generated(t: Any) -> Any:
    def numbers(stop: int) -> Any:
        for i in range(stop):
            yield i, [i, i + 0.5], "ab"[i % 2]

    return t.data.Dataset.from_generator(
        numbers, (t.int32, t.float32, t.string), ([], [None], None), args=[5]
    )


# Pipelines and what they give by hand; None where TensorFlow alone is the judge.
PIPELINES: dict[str, tuple[Pipeline, Any]] = {
    "range": (range_of(3), [0, 1, 2]),
    "range, start": (lambda t: t.data.Dataset.range(2, 4), [2, 3]),
    "range, down": (lambda t: t.data.Dataset.range(5, 0, -2), [5, 3, 1]),
    "tensors": (lambda t: t.data.Dataset.from_tensors((1, [2.0, 3.0])), [(1, [2.0, 3.0])]),
    "rows": (
        lambda t: t.data.Dataset.from_tensor_slices(ROWS[:2]), [[0.0, 1.0], [2.0, 3.0]]
    ),
    "rows, dict": (
        lambda t: t.data.Dataset.from_tensor_slices({"x": ROWS[:2], "y": [True, False]}),
        [{"x": [0.0, 1.0], "y": True}, {"x": [2.0, 3.0], "y": False}],
    ),
    "rows, nested": (
        lambda t: t.data.Dataset.from_tensor_slices(((ROWS, ROWS[:, 0]), {"n": np.arange(6)})),
        None,
    ),
    "rows, named": (
        lambda t: t.data.Dataset.from_tensor_slices(Pair([1, 2], ["x", "yz"])),
        [(1, b"x"), (2, b"yz")],
    ),
    "rows of constants": (
        lambda t: t.data.Dataset.from_tensor_slices(t.constant([[1, 2], [3, 4]])),
        [[1, 2], [3, 4]],
    ),
    "generator": (
        generated, [(i, [i, i + 0.5], b"ab"[i % 2 : i % 2 + 1]) for i in range(5)],
    ),
    "map": (lambda t: t.data.Dataset.range(3).map(lambda x: x * x + 1), [1, 2, 5]),
    "map of a pair": (
        lambda t: t.data.Dataset.from_tensor_slices((ROWS[:2], [5, 6])).map(
            lambda x, n: {"sum": t.reduce_sum(x), "n": (n, n * 2)}
        ),
        [{"sum": 1.0, "n": (5, 10)}, {"sum": 5.0, "n": (6, 12)}],
    ),
    "map of a dict": (
        lambda t: t.data.Dataset.from_tensor_slices({"x": [1, 2]}).map(lambda d: d["x"] + 1),
        [2, 3],
    ),
    "map to a list": (
        lambda t: t.data.Dataset.range(2).map(lambda x: [x, x + 1]), [(0, 1), (1, 2)]
    ),
    "map to a constant": (
        lambda t: t.data.Dataset.range(2).map(lambda x: (x, 7.0)), [(0, 7.0), (1, 7.0)]
    ),
    "map with a constant of the graph": (
        lambda t: add_to_each(t.data.Dataset.range(2), t.constant(5, t.int64)), [5, 6]
    ),
    "map, map": (
        lambda t: t.data.Dataset.range(2).map(lambda x: x + 1).map(lambda x: x * 10), [10, 20]
    ),
    "map of rows of unknown length": (
        lambda t: ragged(t).map(lambda x: (t.size(x), t.reduce_sum(x))), None
    ),
    "filter": (
        lambda t: t.data.Dataset.range(6).filter(lambda x: t.greater(x, 3)), [4, 5]
    ),
    "filter of pairs": (
        lambda t: t.data.Dataset.zip((range_of(4)(t), range_of(4)(t))).filter(
            lambda a, b: t.less(a + b, 4)
        ),
        [(0, 0), (1, 1)],
    ),
    "batch": (lambda t: t.data.Dataset.range(5).batch(2), [[0, 1], [2, 3], [4]]),
    "batch, no remainder": (
        lambda t: t.data.Dataset.range(5).batch(2, drop_remainder=True), [[0, 1], [2, 3]]
    ),
    "batch of pairs": (
        lambda t: t.data.Dataset.from_tensor_slices((ROWS, list("abcdef"))).batch(4), None
    ),
    "batch of batches": (lambda t: t.data.Dataset.range(8).batch(2).batch(2), None),
    "batch of nothing": (lambda t: t.data.Dataset.range(0).batch(2), []),
    "padded": (
        lambda t: ragged(t).padded_batch(2, [None]),
        [[[0], [1]], [[2, 2, 0], [3, 3, 3]], [[4, 4, 4, 4]]],
    ),
    "padded to a size": (
        lambda t: ragged(t).padded_batch(2, [5], drop_remainder=True), None
    ),
    "padded with a value": (
        lambda t: t.data.Dataset.zip((ragged(t), ragged(t))).padded_batch(
            3, ([-1], [4]), (np.int64(-1), np.int64(9))
        ),
        None,
    ),
    "repeat": (lambda t: t.data.Dataset.range(2).repeat(3), [0, 1] * 3),
    "repeat 0": (lambda t: t.data.Dataset.range(2).repeat(0), []),
    "repeat for ever": (lambda t: t.data.Dataset.range(2).repeat().take(5), [0, 1, 0, 1, 0]),
    "repeat nothing for ever": (lambda t: t.data.Dataset.range(0).repeat(), []),
    "batches across epochs": (
        lambda t: t.data.Dataset.range(3).repeat(2).batch(2), [[0, 1], [2, 0], [1, 2]]
    ),
    "epochs of batches": (
        lambda t: t.data.Dataset.range(3).batch(2).repeat(2), [[0, 1], [2], [0, 1], [2]]
    ),
    "take": (lambda t: t.data.Dataset.range(5).take(2), [0, 1]),
    "take all": (lambda t: t.data.Dataset.range(3).take(-1), [0, 1, 2]),
    "take more": (lambda t: t.data.Dataset.range(3).take(9), [0, 1, 2]),
    "skip": (lambda t: t.data.Dataset.range(5).skip(3), [3, 4]),
    "skip all": (lambda t: t.data.Dataset.range(5).skip(-1), []),
    "skip more": (lambda t: t.data.Dataset.range(5).skip(9), []),
    "shard": (lambda t: t.data.Dataset.range(7).shard(3, 1), [1, 4]),
    "enumerate": (
        lambda t: t.data.Dataset.from_tensor_slices(["a", "b"]).enumerate(5),
        [(5, b"a"), (6, b"b")],
    ),
    "zip": (
        lambda t: t.data.Dataset.zip(
            (t.data.Dataset.range(3), {"x": t.data.Dataset.range(5).map(lambda n: n * 10)})
        ),
        [(0, {"x": 0}), (1, {"x": 10}), (2, {"x": 20})],
    ),
    "zip of one": (lambda t: t.data.Dataset.zip((t.data.Dataset.range(2),)), [(0,), (1,)]),
    "concatenate": (
        lambda t: t.data.Dataset.range(2).concatenate(t.data.Dataset.range(5, 7)), [0, 1, 5, 6]
    ),
    "concatenate other shapes": (
        lambda t: t.data.Dataset.from_tensors(ROWS).concatenate(
            t.data.Dataset.from_tensors(ROWS[:1])
        ),
        None,
    ),
    "flat_map": (
        lambda t: t.data.Dataset.range(4).flat_map(t.data.Dataset.range),
        [0, 0, 1, 0, 1, 2],
    ),
    "flat_map of rows": (
        lambda t: t.data.Dataset.from_tensor_slices(ROWS).batch(4).flat_map(
            lambda x: t.data.Dataset.from_tensor_slices(x).map(lambda r: r + x[0, 1])
        ),
        None,
    ),
    "interleave": (
        lambda t: t.data.Dataset.range(1, 5).interleave(
            lambda n: t.data.Dataset.from_tensors(n).repeat(4), cycle_length=2, block_length=3
        ),
        [1, 1, 1, 2, 2, 2, 1, 2, 3, 3, 3, 4, 4, 4, 3, 4],
    ),
    "interleave, all kinds of lengths": (
        lambda t: t.data.Dataset.range(7).interleave(
            lambda n: t.data.Dataset.from_tensors(n).repeat(n), cycle_length=3, block_length=2
        ),
        None,
    ),
    "cache": (lambda t: t.data.Dataset.range(3).cache().repeat(2), [0, 1, 2] * 2),
    "prefetch": (lambda t: t.data.Dataset.range(3).prefetch(1), [0, 1, 2]),
    "apply": (
        lambda t: t.data.Dataset.range(5).apply(lambda d: d.skip(1).batch(2)), [[1, 2], [3, 4]]
    ),
    "shuffle by one": (lambda t: t.data.Dataset.range(5).shuffle(1), [0, 1, 2, 3, 4]),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [n for n, (_, expected) in PIPELINES.items() if expected is not None]
)
def test_what_a_pipeline_gives(name: str) -> None:
    make, expected = PIPELINES[name]
    assert elements(tf, make)[0] == expected


@pytest.mark.parametrize("name", PIPELINES)
def test_a_pipeline_gives_what_tensorflows_does(name: str, tf1: Any) -> None:
    make, _ = PIPELINES[name]
    assert elements(tf, make) == elements(tf1, make)


def test_elements_keep_their_structure() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = tf.data.Dataset.from_tensor_slices(Pair({"z": [1], "y": [2]}, [3.0]))
        value = session.run(dataset.make_one_shot_iterator().get_next())
        assert value == Pair({"z": 1, "y": 2}, 3.0)
        assert dataset.output_classes == Pair({"z": tf.Tensor, "y": tf.Tensor}, tf.Tensor)


# Random order


@given(
    count=st.integers(0, 30), buffer=st.integers(1, 40), seed=st.integers(0, 2**40),
    repeats=st.integers(1, 3),
)  # fmt: skip
def test_a_shuffle_keeps_the_elements_and_no_one_comes_too_early(
    count: int, buffer: int, seed: int, repeats: int
) -> None:
    found, _ = elements(
        tf, lambda t: t.data.Dataset.range(count).shuffle(buffer, seed).repeat(repeats)
    )
    assert len(found) == count * repeats
    for epoch in range(repeats):
        order = found[epoch * count : (epoch + 1) * count]
        assert sorted(order) == list(range(count))
        # Element n enters the buffer when the one at place n - buffer has left it.
        assert all(n - place < buffer for place, n in enumerate(order))


def shuffled(seed: int | None, again: bool | None = None, graph_seed: int | None = None) -> Any:
    def make(t: Any) -> Any:
        if graph_seed is not None:
            t.set_random_seed(graph_seed)
        return t.data.Dataset.range(50).shuffle(50, seed, again).repeat(2)

    return elements(tf, make)[0]


def test_seeds_decide_the_order() -> None:
    assert shuffled(1) == shuffled(1)
    assert shuffled(1) != shuffled(2)
    assert shuffled(None, graph_seed=3) == shuffled(None, graph_seed=3)
    assert shuffled(1, graph_seed=3) != shuffled(1, graph_seed=4)
    assert shuffled(None) != shuffled(None)


@pytest.mark.parametrize("seed", [1, None])
def test_each_epoch_has_its_own_order_unless_asked_otherwise(seed: int | None) -> None:
    for again in (True, None):
        found = shuffled(seed, again)
        assert found[:50] != found[50:]
        assert sorted(found[:50]) == sorted(found[50:])
    found = shuffled(seed, again=False)
    assert found[:50] == found[50:]


def test_every_order_is_equally_likely() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = tf.data.Dataset.range(3).shuffle(3, seed=5).repeat().batch(3)
        following = dataset.make_one_shot_iterator().get_next()
        orders = collections.Counter(tuple(session.run(following)) for _ in range(600))
    assert len(orders) == 6
    assert min(orders.values()) > 60


def test_random_numbers_in_a_map_begin_anew_with_the_iterator() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = tf.data.Dataset.range(3).map(lambda n: tf.random_uniform([], seed=1))
        iterator = dataset.make_initializable_iterator()
        following = iterator.get_next()
        passes = []
        for _ in range(2):
            session.run(iterator.initializer)
            passes.append([float(session.run(following)) for _ in range(3)])
    assert passes[0] == passes[1]
    assert len(set(passes[0])) == 3


# Iterators


def test_the_end_and_after_it() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        following = tf.data.Dataset.range(1).make_one_shot_iterator().get_next()
        assert session.run(following) == 0
        for _ in range(2):
            with pytest.raises(tf.errors.OutOfRangeError, match="IteratorGetNext"):
                session.run(following)


def test_one_run_takes_one_element() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        iterator = tf.data.Dataset.range(10).make_one_shot_iterator()
        a, b = iterator.get_next(), iterator.get_next()
        double = a * 2
        assert session.run([a, a + 0, double]) == [0, 0, 0]
        assert session.run(double) == 2
        assert sorted(session.run([a, b])) == [2, 3]


def test_sessions_stand_in_places_of_their_own() -> None:
    with tf.Graph().as_default():
        following = tf.data.Dataset.range(5).make_one_shot_iterator().get_next()
        with tf.Session() as one, tf.Session() as other:
            assert [one.run(following), one.run(following), other.run(following)] == [0, 1, 0]


def test_placeholders_are_fed_when_the_iterator_begins() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 2])
        size = tf.placeholder(tf.int64, [])
        factor = tf.placeholder(tf.float32, [])
        dataset = tf.data.Dataset.from_tensor_slices(x).map(lambda r: r * factor).batch(size)
        assert dataset.output_shapes.as_list() == [None, 2]
        iterator = dataset.make_initializable_iterator()
        following = iterator.get_next()
        with pytest.raises(tf.errors.FailedPreconditionError, match="has not begun"):
            session.run(following)
        feeds = {x: ROWS[:3], size: 2, factor: 10.0}
        session.run(iterator.initializer, feeds)
        assert session.run(following).tolist() == [[0, 10], [20, 30]]
        assert session.run(following).tolist() == [[40, 50]]
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(following)
        session.run(iterator.initializer, {**feeds, size: 1})
        assert session.run(following).tolist() == [[0, 10]]
        with pytest.raises(tf.errors.InvalidArgumentError, match="was not fed"):
            session.run(iterator.initializer)


def test_a_variable_in_a_map_is_read_when_the_iterator_begins() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(np.int64(10))
        iterator = tf.data.Dataset.range(3).map(lambda n: n + v).make_initializable_iterator()
        following = iterator.get_next()
        session.run(v.initializer)
        session.run(iterator.initializer)
        session.run(v.assign(20))
        assert session.run(following) == 10
        session.run(iterator.initializer)
        assert session.run(following) == 20


def test_an_iterator_for_several_datasets() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        train = tf.data.Dataset.range(3)
        test = tf.data.Dataset.range(10, 12)
        iterator = tf.data.Iterator.from_structure(train.output_types, train.output_shapes)
        following = iterator.get_next()
        begin_train, begin_test = map(iterator.make_initializer, (train, test))
        found = []
        for begin in (begin_train, begin_test, begin_train):
            session.run(begin)
            found.extend(int(v) for v in until_the_end(session, following))
        assert found == [0, 1, 2, 10, 11, 0, 1, 2]
        with pytest.raises(TypeError, match="of types"):
            iterator.make_initializer(tf.data.Dataset.from_tensors(1.0))
        with pytest.raises(ValueError, match="of shapes"):
            iterator.make_initializer(tf.data.Dataset.range(3).batch(2))
        with pytest.raises(ValueError, match="no initializer"):
            _ = iterator.initializer


def test_an_iterator_chosen_by_a_fed_name() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        train, test = tf.data.Dataset.range(3), tf.data.Dataset.range(10, 13)
        first = train.make_one_shot_iterator()
        second = test.make_initializable_iterator()
        name = tf.placeholder(tf.string, [])
        iterator = tf.data.Iterator.from_string_handle(
            name, train.output_types, train.output_shapes
        )
        following = iterator.get_next()
        one, two = session.run([first.string_handle(), second.string_handle()])
        session.run(second.initializer)
        values = [session.run(following, {name: h}) for h in (one, two, one, two)]
        assert values == [0, 10, 1, 11]
        with pytest.raises(tf.errors.FailedPreconditionError, match="has not begun"):
            session.run(following, {name: "nothing"})


def test_a_generator_is_called_for_every_pass() -> None:
    calls = itertools.count()

    def generator() -> Any:
        yield next(calls)

    found, _ = elements(tf, lambda t: t.data.Dataset.from_generator(generator, t.int32).repeat(3))
    assert found == [0, 1, 2]


def test_training_on_a_dataset() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = np.linspace(-1, 1, 64, dtype=np.float32)
        dataset = tf.data.Dataset.from_tensor_slices((x, 3 * x + 1)).shuffle(64, 1).repeat(30)
        a, b = dataset.batch(16).make_one_shot_iterator().get_next()
        w, c = tf.Variable(0.0), tf.Variable(0.0)
        loss = tf.reduce_mean(tf.square(w * a + c - b))
        step = tf.train.GradientDescentOptimizer(0.3).minimize(loss)
        session.run(tf.global_variables_initializer())
        assert len(until_the_end(session, step)) == 120
        np.testing.assert_allclose(session.run([w, c]), [3, 1], atol=1e-3)


# What is refused


def test_datasets_that_make_no_sense() -> None:
    dataset = tf.data.Dataset
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match="scalar has no rows"):
            dataset.from_tensor_slices(3)
        with pytest.raises(ValueError, match=r"different numbers of rows: \[2, 3\]"):
            dataset.from_tensor_slices(([1, 2], [1, 2, 3]))
        with pytest.raises(ValueError, match="one to three numbers"):
            dataset.range()
        with pytest.raises(TypeError, match="an integer is needed"):
            dataset.range(3).batch(2.0)
        with pytest.raises(TypeError, match="Dataset is needed"):
            dataset.zip((dataset.range(3), 3))
        with pytest.raises(TypeError, match="Dataset is needed"):
            dataset.range(3).flat_map(lambda n: n)
        with pytest.raises(TypeError, match="cannot follow"):
            dataset.range(3).concatenate(dataset.from_tensors(1.0))
        with pytest.raises(ValueError, match="bool scalar, not int64"):
            dataset.range(3).filter(lambda n: n)
        with pytest.raises(TypeError, match="must be a function"):
            dataset.from_generator([1, 2], tf.int32)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="do not go with shapes"):
            dataset.from_generator(list, (tf.int32, tf.int32), ([],))
        with pytest.raises(ValueError, match=r"index must be in \[0, 2\)"):
            dataset.range(3).shard(2, 2)
        with pytest.raises(ValueError, match="in memory only"):
            dataset.range(3).cache("file")
        with pytest.raises(ValueError, match="of another rank"):
            dataset.range(3).padded_batch(2, [None])
        x = tf.placeholder(tf.float32, [None])
        with pytest.raises(ValueError, match="make_initializable_iterator"):
            dataset.from_tensor_slices(x).make_one_shot_iterator()
        v = tf.Variable(np.int64(0))
        with pytest.raises(ValueError, match="cannot change or watch variables"):
            dataset.range(3).map(v.assign_add)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda t: ragged(t).batch(3), "different shapes cannot be batched"),
        (lambda t: ragged(t).padded_batch(5, [2]), "larger than the padded shape"),
        (lambda t: t.data.Dataset.range(3).batch(0), "at least one element, not 0"),
        (lambda t: t.data.Dataset.range(3).shuffle(0), "size of 1 or more"),
        (
            lambda t: t.data.Dataset.from_generator(lambda: [[1, 2]], t.int32, [3]),
            r"of shape \(2,\), where \(3,\) was expected",
        ),
        (
            lambda t: t.data.Dataset.from_generator(lambda: [1.5], t.int32),
            "not of int32",
        ),
        (
            lambda t: t.data.Dataset.from_generator(lambda: [(1, 2, 3)], (t.int32, t.int32)),
            "3 components, where 2 were",
        ),
        (
            lambda t: t.data.Dataset.range(3).map(lambda n: t.reshape(t.fill([n], 1), [2])),
            "Reshape",
        ),
    ],
)  # fmt: skip
def test_elements_that_do_not_fit(make: Pipeline, what: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        following = make(tf).make_one_shot_iterator().get_next()
        with pytest.raises(tf.errors.InvalidArgumentError, match=what):
            until_the_end(session, following)


def test_an_error_of_the_users_generator_is_told() -> None:
    def generator() -> Any:
        yield 1
        raise KeyError("no such file")

    with tf.Graph().as_default(), tf.Session() as session:
        dataset = tf.data.Dataset.from_generator(generator, tf.int32)
        following = dataset.make_one_shot_iterator().get_next()
        session.run(following)
        with pytest.raises(tf.errors.InvalidArgumentError, match="no such file"):
            session.run(following)


def test_names_that_functions_make_do_not_touch_those_of_the_graph() -> None:
    with tf.Graph().as_default() as graph:
        dataset = tf.data.Dataset.range(3).map(lambda n: n * 2).batch(2).repeat()
        dataset.make_one_shot_iterator().get_next()
        assert [op.name for op in graph.get_operations()] == ["OneShotIterator", "IteratorGetNext"]
        assert (tf.constant(1) * 2).name == "mul:0"


def test_labelled_examples_are_beside_it() -> None:
    digits = tf.data.load("digits")
    with tf.Graph().as_default(), tf.Session() as session:
        dataset = tf.data.Dataset.from_tensor_slices((digits.x_train, digits.y_train)).batch(100)
        x, y = session.run(tf.data.make_one_shot_iterator(dataset).get_next())
        assert (x.shape, y.shape) == ((100, 8, 8, 1), (100,))
        assert tf.data.get_output_types(dataset) == (tf.float32, tf.int64)
