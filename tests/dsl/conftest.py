"""What the tests of the language share."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

import dsl
import dsl.cli
import tensorgraph as tf

# The many small trainings of the tests are quicker without; those of the report ask for it.
os.environ["TG_NO_REPORT"] = "1"

Run = Callable[..., tuple[Any, dict[str, Any]]]


@pytest.fixture
def run() -> Run:
    """Return a function that applies a file to a batch in float64.

    It returns the result, and the weights by name; those that are not given are drawn at random.
    """

    def apply(
        text: str, x: Any, weights: Mapping[str, Any] | None = None, training: bool = False
    ) -> tuple[Any, dict[str, Any]]:
        net = dsl.check(dsl.parse(text))
        rng = np.random.default_rng(1)
        with tf.Graph().as_default():
            model = dsl.compile_net(net, dtype=tf.float64)
            values = {
                name: np.asarray((weights or {}).get(name, rng.normal(size=v.shape.as_list())))
                for name, v in model.variables.items()
            }
            result = model.apply(training=training).output
            assign = [tf.assign(v, values[name]) for name, v in model.variables.items()]
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                session.run(assign)
                return session.run(result, {model.input: x}), values

    return apply


class Result(NamedTuple):
    """What a command left: its exit code, and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def tg(tmp_path, monkeypatch, capfd) -> Callable[..., Result]:
    """Return a function that runs `tg` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*args: object) -> Result:
        with pytest.raises(SystemExit) as exit_:
            dsl.cli.main([str(a) for a in args])
        code = exit_.value.code
        assert isinstance(code, int)
        return Result(code, *capfd.readouterr())

    return run
