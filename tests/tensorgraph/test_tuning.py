"""Choosing between ways to compute by a clock, here one that the ways themselves move."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import tensorgraph as tf
from tensorgraph.runtime import tuning
from tensorgraph.runtime.tuning import Tuner, choices_file, fastest, machine, processor

Array = npt.NDArray[Any]


class Clock:
    """A clock that stands still but where a way says how long it took."""

    def __init__(self) -> None:
        self.now = 0.0
        self.runs: list[str] = []

    def perf_counter(self) -> float:
        return self.now

    def way(self, name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            self.runs.append(name)
            self.now += seconds

        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(tuning, "time", made)
    return made


def choose(tuner: Tuner, clock: Clock, case: str = "case", **seconds: float) -> str:
    """Return which of ways that take so long is chosen; the first is the usual one."""
    return tuner.choose(case, next(iter(seconds)), seconds, lambda n: clock.way(n, seconds[n]))


def test_the_fastest_way_is_taken(clock: Clock) -> None:
    def chosen(**seconds: float) -> str:
        return fastest("usual", {name: clock.way(name, s) for name, s in seconds.items()})

    assert chosen(usual=0.003, other=0.001, third=0.002) == "other"
    assert chosen(usual=0.0010, other=0.00095) == "usual"
    assert chosen(other=0.002, usual=0.001) == "usual"


def test_ways_take_turns_and_no_longer_than_they_may(clock: Clock) -> None:
    fastest("a", {"a": clock.way("a", 0.0001), "b": clock.way("b", 0.0002)})
    assert clock.runs == ["a", "b"] * (1 + tuning.MOST_TURNS)
    clock.runs.clear()
    fastest("a", {"a": clock.way("a", 1.0), "b": clock.way("b", 2.0)})
    assert clock.runs == ["a", "b"] * (1 + tuning.FEWEST_TURNS)
    clock.runs.clear()
    fastest("a", {"a": clock.way("a", 1.0)})
    assert clock.runs == []


def test_a_choice_is_made_once_and_kept(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "cache" / "kernels.json"
    tuner = Tuner(path)
    assert choose(tuner, clock, rows=0.002, tiles=0.001) == "tiles"
    timed = len(clock.runs)
    # Whatever the clock would say later, here and in another process.
    for again in (tuner, Tuner(path)):
        assert choose(again, clock, rows=0.001, tiles=0.002) == "tiles"
    assert len(clock.runs) == timed
    assert choose(tuner, clock, "another case", rows=0.001, tiles=0.002) == "rows"
    assert list(json.loads(path.read_text())["machines"][machine()].items()) == [
        ("case", "tiles"),
        ("another case", "rows"),
    ]


def test_processes_add_to_what_others_have_kept(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "kernels.json"
    first, second = Tuner(path), Tuner(path)
    choose(first, clock, "a", rows=1.0)
    choose(second, clock, "b", rows=1.0)
    choose(first, clock, "c", rows=1.0)
    assert set(json.loads(path.read_text())["machines"][machine()]) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[1]",
        '{"format": 99, "machines": {}}',
        '{"format": 1, "machines": [1]}',
        '{"format": 1, "machines": {"MACHINE": 3}}',
        '{"format": 1, "machines": {"MACHINE": {"case": "a way that is gone"}}}',
        '{"format": 1, "machines": {"another one": {"case": "rows"}}}',
    ],
)
def test_files_that_say_nothing_of_use(clock: Clock, tmp_path: Path, content: str) -> None:
    path = tmp_path / "kernels.json"
    path.write_text(content.replace("MACHINE", machine()))
    assert choose(Tuner(path), clock, rows=0.002, tiles=0.001) == "tiles"
    kept = json.loads(path.read_text())["machines"]
    assert kept[machine()] == {"case": "tiles"}
    assert ("another one" in kept) == ("another one" in content)


def test_the_oldest_choices_go(
    clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "MOST_CHOICES", 3)
    path = tmp_path / "kernels.json"
    path.write_text('{"format": 1, "machines": {"old": {"x": "rows", "y": "rows"}}}')
    tuner = Tuner(path)
    for case in "abcd":
        choose(tuner, clock, case, rows=1.0)
    kept = json.loads(path.read_text())["machines"]
    assert list(kept.pop("old")) == []
    assert list(kept[machine()]) == ["b", "c", "d"]


def test_choices_that_cannot_be_kept(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of the folder")
    path = tmp_path / "file" / "kernels.json"
    tuner = Tuner(path)
    with pytest.warns(RuntimeWarning, match=f"cannot keep .* in {re.escape(str(path))}"):
        assert choose(tuner, clock, rows=0.002, tiles=0.001) == "tiles"
    assert choose(tuner, clock, rows=0.001, tiles=0.002) == "tiles"


def test_what_choices_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert processor()
    assert machine().startswith(processor())
    assert f"NumPy {np.__version__}" in machine()

    def absent(*_: Any, **__: Any) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", absent)
    assert processor()


def train(config: tf.ConfigProto) -> list[Array]:
    """Return losses and weights of a network with convolutions of several kinds."""
    numbers = np.random.default_rng(0)
    images = numbers.standard_normal((6, 12, 12, 3)).astype(np.float32)
    with tf.Graph().as_default():
        weights = [
            tf.Variable(numbers.standard_normal(shape).astype(np.float32) / 5)
            for shape in ((3, 3, 3, 16), (3, 3, 16, 16), (1, 1, 16, 4))
        ]
        y = tf.constant(images)
        for i, w in enumerate(weights):
            y = tf.nn.relu(tf.nn.conv2d(y, w, 1 + (i == 0), "SAME"))
        loss = tf.reduce_mean(tf.square(y - 1.0))
        step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        with tf.Session(config=config) as session:
            session.run(tf.global_variables_initializer())
            losses = [session.run([loss, step])[0] for _ in range(3)]
            return [np.array(losses), *session.run(weights)]


def test_sessions_that_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(tuning, "SECONDS", 0.0)
    tuned = tf.ConfigProto(autotune=True)
    first = train(tuned)
    path = choices_file()
    kept = path.read_bytes()
    choices = json.loads(kept)["machines"][machine()]
    assert {case.split()[0] for case in choices} == {"forward", "by_input", "by_filter"}
    assert set(choices.values()) <= {"rows", "columns", "points", "winograd"}
    # As a process that comes later: nothing is measured, and all is the same to the last bit.
    tuning.tuner_at.cache_clear()
    monkeypatch.setattr(tuning, "fastest", None)
    for a, b in zip(first, train(tuned), strict=True):
        np.testing.assert_array_equal(a, b)
    assert path.read_bytes() == kept
    for a, b in zip(first, train(tf.ConfigProto(autotune=False)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)


def test_the_environment_may_switch_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TENSORGRAPH_AUTOTUNE", raising=False)
    assert not tf.ConfigProto().autotune
    monkeypatch.setenv("TENSORGRAPH_AUTOTUNE", "1")
    assert tf.ConfigProto().autotune
