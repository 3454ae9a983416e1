"""Any history of variables, sessions, scopes and savers, against dicts of NumPy arrays."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

import tensorgraph as tf
from tensorgraph.passes import pipeline

Array = npt.NDArray[Any]

SCOPES = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([None, False, True, tf.AUTO_REUSE])),
    max_size=2,
)
SHAPES = st.sampled_from([(2,), (2,), (), (2, 3)])
DTYPES = st.sampled_from(["float32", "float32", "float32", "int32"])
SMALL = st.integers(-4, 4)
CHANGES = st.sampled_from(["assign", "add", "sub", "less"])
SOURCES = st.sampled_from(["constant", "fed", "snapshot", "reading"])


@dataclass
class Open:
    """An open session, and what its variables ought to be."""

    session: tf.Session
    values: dict[str, Array] = field(default_factory=dict)


@dataclass
class Keeper:
    """A saver, with the variables that it saves under each name, and what it ought to keep."""

    saver: Any
    variables: dict[str, str]
    folder: Path
    max_to_keep: int
    kept: list[str] = field(default_factory=list)


def same(found: Any, wanted: Array) -> None:
    assert np.asarray(found).dtype == wanted.dtype
    assert np.shape(found) == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-4)


class StateMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.variables: dict[str, Any] = {}
        self.filled: dict[str, Any] = {}  # nodes that say whether there is a value
        self.first: dict[str, Array] = {}  # what the initializers give
        self.open: list[Open] = []
        self.keepers: list[Keeper] = []
        self.checkpoints: dict[str, dict[str, Array]] = {}

    @initialize()
    def begin(self) -> None:
        self.stack.enter_context(tf.Graph().as_default())
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.open_session(pipeline.NAMES)
        # So that from the beginning there is something to do.
        self.get_variable([], None, False, "v", (2,), "float32", 1)
        self.get_variable([("a", None)], None, False, "v", (2,), "float32", 2)
        self.get_variable([("b", None)], None, False, "v", (), "float32", 3)
        self.open[0].session.run(tf.global_variables_initializer())
        self.open[0].values.update(self.first)
        self.keep({"x0": "v", "x1": "b/v"}, 2)
        self.keep({"x0": "b/v"}, 1)  # what the first one saves as x0 does not suit it

    def teardown(self) -> None:
        for one in self.open:
            one.session.close()
        self.stack.close()

    # Sessions

    @precondition(lambda self: len(self.open) < 3)
    @rule(passes=st.sampled_from([pipeline.NAMES, ()]))
    def open_session(self, passes: tuple[str, ...]) -> None:
        self.open.append(Open(tf.Session(config=tf.ConfigProto(passes=passes))))

    @precondition(lambda self: len(self.open) > 1)
    @rule(data=st.data())
    def close_session(self, data: st.DataObject) -> None:
        session = self.open.pop(data.draw(st.integers(0, len(self.open) - 1))).session
        session.close()
        with pytest.raises(RuntimeError, match="closed"):
            session.run(list(self.variables.values()))

    # Scopes

    @rule(
        path=SCOPES,
        at_root=st.sampled_from([None, None, True, tf.AUTO_REUSE]),
        share=st.sampled_from([False, False, False, True]),
        name=st.sampled_from("vw"),
        shape=SHAPES,
        dtype=DTYPES,
        value=SMALL,
    )
    def get_variable(
        self,
        path: list[tuple[str, Any]],
        at_root: Any,
        share: bool,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        value: int,
    ) -> None:
        full_name = "/".join([*(scope for scope, _ in path), name])
        reuse = at_root
        with contextlib.ExitStack() as scopes:
            scopes.enter_context(tf.variable_scope(tf.get_variable_scope(), reuse=at_root))
            for scope, here in path:
                scopes.enter_context(tf.variable_scope(scope, reuse=here))
                reuse = here or reuse
            if share:
                tf.get_variable_scope().reuse_variables()
                reuse = True
            old = self.variables.get(full_name)
            if old is None:
                wrong = "does not exist" if reuse is True else None
            elif not reuse:
                wrong = "exists already"
            elif self.first[full_name].shape != shape:
                wrong = "has shape"
            else:
                wrong = None if self.first[full_name].dtype == dtype else f"not {dtype}"
            arguments = {"dtype": dtype, "initializer": tf.constant_initializer(value)}
            if wrong is not None:
                with pytest.raises(ValueError, match=f"'{full_name}' .*{wrong}"):
                    tf.get_variable(name, shape, **arguments)
                return
            found = tf.get_variable(name, shape, **arguments)
        assert found.name == f"{full_name}:0"
        if old is not None:
            assert found is old
            return
        self.variables[full_name] = found
        self.filled[full_name] = tf.is_variable_initialized(found)
        self.first[full_name] = np.full(shape, value, dtype)

    # What one run does

    def draw_open(self, data: st.DataObject) -> Open:
        return data.draw(st.sampled_from(self.open))

    def draw_array(self, data: st.DataObject, name: str) -> Array:
        like = self.first[name]
        return (np.arange(like.size) + data.draw(SMALL)).reshape(like.shape).astype(like.dtype)

    def draw_names(self, data: st.DataObject) -> list[str]:
        names = st.sampled_from(sorted(self.variables))
        return data.draw(st.lists(names, min_size=1, max_size=3, unique=True))

    @rule(data=st.data(), everything=st.booleans())
    def initialize_variables(self, data: st.DataObject, everything: bool) -> None:
        one = self.draw_open(data)
        names = sorted(self.variables) if everything else self.draw_names(data)
        one.session.run([self.variables[name].initializer for name in names])
        one.values.update({name: self.first[name] for name in names})

    @rule(data=st.data())
    def load(self, data: st.DataObject) -> None:
        one = self.draw_open(data)
        for name in self.draw_names(data)[:1]:
            one.values[name] = self.draw_array(data, name)
            self.variables[name].load(one.values[name], one.session)

    @rule(data=st.data(), count=st.integers(1, 3))
    def change(self, data: st.DataObject, count: int) -> None:
        """Layers of changes, each after the one before; those of a layer know nothing of it."""
        one = self.draw_open(data)
        before, now = dict(one.values), dict(one.values)
        feeds: dict[Any, Array] = {}
        fetches: list[Any] = [self.variables[name].value() for name in before]
        expected: list[Array] = list(before.values())
        waits: list[Any] = []
        last: dict[str, Any] = {}
        for _ in range(count):
            seen = dict(now)
            layer = []
            for name in self.draw_names(data):
                v = self.variables[name]
                with tf.control_dependencies(waits):
                    operand, value = self.draw_operand(data, name, before, seen, feeds)
                    kind = data.draw(CHANGES) if name in seen else "assign"
                    if kind == "assign":
                        node, now[name] = v.assign(operand), value
                    elif kind == "add":
                        node, now[name] = v.assign_add(operand), seen[name] + value
                    elif kind == "sub":
                        node, now[name] = tf.assign_sub(v, operand), seen[name] - value
                    else:
                        node, now[name] = v.assign(operand - v.read_value()), value - seen[name]
                    layer.append(node)
                    last[name] = node
                if data.draw(st.booleans()):  # it waits for this change alone
                    fetches.append(tf.identity(node))
                    expected.append(now[name])
            waits = [*waits, *layer]
            with tf.control_dependencies(waits):
                for name in data.draw(st.lists(st.sampled_from(sorted(now)), max_size=2)):
                    fetches.append(self.variables[name].read_value())
                    expected.append(now[name])
        for name, node in last.items():
            fetches += [node, self.variables[name]]
            expected += [now[name]] * 2
        order = data.draw(st.permutations(range(len(fetches))))
        with_last = [node.op for node in waits]
        found = one.session.run([with_last, [fetches[i] for i in order]], feeds)[1]
        for i, value in zip(order, found, strict=True):
            same(value, expected[i])
        one.values = now

    def draw_operand(
        self,
        data: st.DataObject,
        name: str,
        before: dict[str, Array],
        seen: dict[str, Array],
        feeds: dict[Any, Array],
    ) -> tuple[Any, Array]:
        """Return a tensor to change a variable by, and the value that it ought to have."""
        source = data.draw(SOURCES)
        like = self.first[name]
        known = before if source == "snapshot" else seen
        others = [n for n, a in known.items() if (a.shape, a.dtype) == (like.shape, like.dtype)]
        if source in ("snapshot", "reading") and others:
            other = data.draw(st.sampled_from(sorted(others)))
            v = self.variables[other]
            return (v.value() if source == "snapshot" else v.read_value()), known[other]
        value = self.draw_array(data, name)
        if source == "fed":
            placeholder = tf.placeholder(value.dtype, value.shape)
            feeds[placeholder] = value
            return placeholder, value
        return tf.constant(value), value

    @precondition(
        lambda self: any(a.dtype == "float32" for one in self.open for a in one.values.values())
    )
    @rule(data=st.data(), steps=st.integers(1, 2))
    def descend(self, data: st.DataObject, steps: int) -> None:
        candidates = [
            (one, name)
            for one in self.open
            for name in sorted(one.values)
            if one.values[name].dtype == "float32"
        ]
        one, name = data.draw(st.sampled_from(candidates))
        target = self.draw_array(data, name)
        loss = tf.reduce_sum(tf.square(self.variables[name] - target))
        step = tf.train.GradientDescentOptimizer(0.25).minimize(
            loss, var_list=[self.variables[name]]
        )
        for _ in range(steps):
            value = one.values[name]
            found = one.session.run([step, loss])[1]
            np.testing.assert_allclose(found, np.square(value - target).sum(), rtol=1e-4, atol=1e-3)
            one.values[name] = np.asarray((value + target) / 2, np.float32)

    @precondition(lambda self: any(len(one.values) < len(self.variables) for one in self.open))
    @rule(data=st.data(), how=st.sampled_from(["fetch", "value", "add", "assign from it"]))
    def use_uninitialised(self, data: st.DataObject, how: str) -> None:
        one, name = data.draw(
            st.sampled_from(
                [(o, n) for o in self.open for n in sorted(self.variables) if n not in o.values]
            )
        )
        v = self.variables[name]
        fetch = {
            "fetch": lambda: v,
            "value": lambda: [v.value(), *(self.variables[n] for n in one.values)],
            "add": lambda: v.assign_add(self.first[name]),
            "assign from it": lambda: v.assign(v.read_value()),
        }[how]()
        with pytest.raises(tf.errors.FailedPreconditionError, match=f"'{name}'") as error:
            one.session.run(fetch)
        assert error.value.node == name

    # Savers

    def keep(self, saved: dict[str, str], max_to_keep: int) -> None:
        listed: Any = {key: self.variables[name] for key, name in saved.items()}
        if list(saved) == list(saved.values()):
            listed = list(listed.values())
        saver = tf.train.Saver(listed, max_to_keep=max_to_keep)
        folder = self.folder / str(len(self.keepers))
        self.keepers.append(Keeper(saver, saved, folder, max_to_keep))

    @precondition(lambda self: len(self.keepers) < 4)
    @rule(
        data=st.data(), max_to_keep=st.integers(0, 2), rename=st.sampled_from([True, True, False])
    )
    def make_saver(self, data: st.DataObject, max_to_keep: int, rename: bool) -> None:
        names = self.draw_names(data)
        keys = [f"x{i}" for i in range(len(names))] if rename else names
        self.keep(dict(zip(keys, names, strict=True)), max_to_keep)

    @rule(data=st.data(), step=st.integers(0, 3), with_graph=st.booleans())
    def save(self, data: st.DataObject, step: int, with_graph: bool) -> None:
        keeper, one = data.draw(st.sampled_from(self.keepers)), self.draw_open(data)
        prefix = str(keeper.folder / "model")

        def save() -> str:
            path: str = keeper.saver.save(one.session, prefix, step, write_meta_graph=with_graph)
            return path

        if any(name not in one.values for name in keeper.variables.values()):
            with pytest.raises(tf.errors.FailedPreconditionError):
                save()
            return
        path = save()
        assert path == f"{prefix}-{step}"
        self.checkpoints[path] = {k: one.values[name] for k, name in keeper.variables.items()}
        if keeper.max_to_keep:
            keeper.kept = [*(p for p in keeper.kept if p != path), path]
            for old in keeper.kept[: -keeper.max_to_keep]:
                del self.checkpoints[old]
            keeper.kept = keeper.kept[-keeper.max_to_keep :]
        assert keeper.saver.last_checkpoints == keeper.kept
        assert tf.train.latest_checkpoint(str(keeper.folder)) == path
        assert sorted(str(p.with_suffix("")) for p in keeper.folder.glob("*.index")) == sorted(
            p for p in self.checkpoints if Path(p).parent == keeper.folder
        )

    @precondition(lambda self: any(keeper.folder.exists() for keeper in self.keepers))
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """Any saver reads any checkpoint that suits its variables, its own or another's."""
        keeper, one = data.draw(st.sampled_from(self.keepers)), self.draw_open(data)
        gone = str(self.keepers[0].folder / f"model-{data.draw(st.integers(0, 3))}")
        path = data.draw(st.sampled_from([*sorted(self.checkpoints), gone]))
        assert tf.train.checkpoint_exists(path) == (path in self.checkpoints)
        saved = self.checkpoints.get(path)
        wanted = {key: self.first[name] for key, name in keeper.variables.items()}
        error: type[Exception] | None = None
        if saved is None:
            error = ValueError
        elif wanted.keys() - saved.keys():
            error = tf.errors.NotFoundError
        elif any((a.shape, a.dtype) != (saved[k].shape, saved[k].dtype) for k, a in wanted.items()):
            error = tf.errors.InvalidArgumentError
        with pytest.raises(error) if error else contextlib.nullcontext():
            keeper.saver.restore(one.session, path)
        if saved is not None and error is None:
            one.values.update({name: saved[key] for key, name in keeper.variables.items()})

    # What holds at all times

    @invariant()
    def every_session_has_its_values(self) -> None:
        for one in self.open:
            filled, found = one.session.run(
                [self.filled, {name: self.variables[name] for name in one.values}]
            )
            assert {name for name, has_value in filled.items() if has_value} == one.values.keys()
            for name, value in found.items():
                same(value, one.values[name])

    @invariant()
    def the_graph_knows_its_variables(self) -> None:
        if self.open:
            assert tf.global_variables() == list(self.variables.values())
            assert tf.get_variable_scope().name == ""
            assert not tf.get_variable_scope().reuse


TestStateMachine = StateMachine.TestCase
TestStateMachine.settings = settings(stateful_step_count=25)
