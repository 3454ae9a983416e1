"""`tg bench`: the same training step in other libraries, as far as they are installed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import dsl
from dsl.bench.libraries.walk import Library
from dsl.bench.race import INSTALL, RaceError, Racer, race
from dsl.bench.task import UnsupportedError, task_of
from dsl.bench.worker import OURS, WARM_UP_STEPS, Request, make_step

# Every kind of piece but chance, which no two libraries share.
EVERYTHING = """\
net everything
input 9x8x3
conv 8 3x3 same stride=2 relu
batchnorm
conv 6 2x2 nobias tanh
maxpool 2 stride=1 same
avgpool 2 stride=1 same
flatten
dense 7 sigmoid
batchnorm elu
dense 4 softmax
train {
  batch 6
  optimizer adam lr=0.01
  regularize l2=0.01
}
"""
OTHERS = """\
input 6x6x2
conv 5 3x3 softplus
dropout 0
gap
dense 3
train {
  batch 6
  loss mse
  optimizer nesterov lr=0.05
}
"""


def check(text: str) -> dsl.Net:
    return dsl.check(dsl.parse(text, "file.net"))


def request_of(file: Path, text: str) -> Request:
    file.write_text(text)
    net = dsl.load(file)
    return Request(str(file), net.input_shape, net.classes, [], net.train.batch, 1)


@pytest.mark.parametrize("text", [EVERYTHING, OTHERS])
def test_every_library_makes_the_same_steps(tmp_path, text):
    result = race(request_of(tmp_path / "net.net", text), tuple(INSTALL), 1, 2)
    ours, *peers = result.racers
    assert ours.name == OURS
    assert len(ours.losses) == WARM_UP_STEPS
    assert ours.losses[-1] < ours.losses[0]
    assert len(ours.rounds) == 2
    for peer in peers:
        np.testing.assert_allclose(peer.losses, ours.losses, rtol=1e-4, err_msg=peer.name)
    assert {peer.name for peer in peers} | set(result.left_out) == set(INSTALL)
    for name, why in result.left_out.items():
        assert re.search(rf"not installed .*: pip install {INSTALL[name]}$", why)


def test_ours_learns_with_the_rate_of_the_file(tmp_path):
    losses = []
    for rate in ("0.01", "0.1"):
        text = EVERYTHING.replace("lr=0.01", f"lr={rate}")
        _, step = make_step(OURS, request_of(tmp_path / "net.net", text))
        losses.append([step() for _ in range(2)])
    assert losses[0][0] == losses[1][0]
    assert losses[0][1] != losses[1][1]


def test_a_task_says_what_the_network_is():
    task = task_of(check(EVERYTHING))
    kinds = [piece.kind for piece in task.pieces]
    assert kinds == [
        *("conv", "activation", "batchnorm", "conv", "activation", "maxpool", "avgpool"),
        *("flatten", "dense", "activation", "batchnorm", "activation", "dense"),
    ]
    windows = task.pieces[0].options["windows"]
    # 9 rows by steps of 2 need one row of zeros on each side; 8 columns one on the right.
    assert (windows.stride, windows.edges) == ((2, 2), ((1, 1), (0, 1)))
    # What was flattened is told to the layer that takes it, and to no other.
    images = [piece.options["image"] for piece in task.pieces if piece.kind == "dense"]
    assert images == [(4, 3, 6), None]
    assert set(task.decays) == {"conv/kernel", "conv_1/kernel", "dense/kernel", "dense_1/kernel"}
    assert "batchnorm/moving_mean" not in task.trained


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input 4x3\nlstm 5\ndense 2 softmax\n", r"file\.net:2:1: `lstm` has no counterpart"),
        ("input 4x4x2\nconv 4 3x3 groups=2\ndense 2 softmax\n", r":2:1: `conv` has groups"),
        ("input 4x4x2\nconv 4 3x3 pad=1\ndense 2 softmax\n", ":2:1: `conv` has more than a size"),
        ("input 4\ndense 4 gelu\ndense 2 softmax\n", ":2:1: `dense` has the activation gelu"),
        ("input 4\na = dense 4\nb = dense 4\nadd a\ndense 2 softmax\n", ":4:1: `add` takes"),
        ("input 4\ndense 4 frozen\ndense 2 softmax\n", ":2:1: `dense` is frozen"),
        ("input 4\nbatchnorm noscale\ndense 2 softmax\n", ":2:1: `batchnorm` learns no"),
        ("input 4\ndense 2 sigmoid\n", "loss binary_cross_entropy"),
        ("input 4\ndense 2 softmax\ntrain { optimizer nadam }\n", "optimizer nadam"),
        ("input 4\ndense 2 softmax\ntrain { clip norm=1 }\n", "clipped gradients"),
        ("input 4\ndense 2 softmax\ntrain { regularize l1=0.1 }\n", "an l1 penalty"),
        ("input 4\ndense 2 max_norm=1 softmax\n", "a limit of the weights' norm"),
        ("input 4x4x2\nconv 4 3x3\n", "a result with several axes"),
    ],
)
def test_what_no_library_is_given(text, message):
    with pytest.raises(UnsupportedError, match=message):
        task_of(check(text))


def test_every_library_writes_every_kind_of_piece():
    kinds = {"conv", "maxpool", "avgpool", "dense", "batchnorm", "dropout", "flatten", "gap"}
    for library in Library.__subclasses__():
        assert all(callable(getattr(library, kind)) for kind in {*kinds, "activation"})


def test_ratios_are_of_the_same_round():
    ours, other = Racer("a", rounds=[1.0, 4.0, 3.0]), Racer("b", rounds=[2.0, 4.0, 1.0])
    assert ours.ratios(other) == [0.5, 1.0, 3.0]
    assert ours.ms == 3000.0


def test_a_process_that_fails_is_told_with_its_last_lines(tmp_path):
    missing = Request(str(tmp_path / "none.net"), None, None, [], 4, 1)
    with pytest.raises(RaceError, match=r"(?s)tensorgraph ended with exit code 1:.*none\.net"):
        race(missing, (), 1, 1)


class TestCommand:
    @pytest.fixture(autouse=True)
    def file(self, tg):
        Path("net.net").write_text(EVERYTHING)

    def test_table(self, tg):
        result = tg("bench", "net.net", "--steps", "1", "--rounds", "1", "--against", "")
        assert result.code == 0
        assert re.search(r"everything: a training step, batch 6, \d+ threads", result.out)
        assert re.search(r"tensorgraph +\S+ +\d+\.\d\d", result.out)

    def test_json_and_a_network_that_others_are_not_given(self, tg):
        Path("net.net").write_text("input 4x3\nlstm 5\ndense 2 softmax\n")
        result = tg(
            *("bench", "net.net", "--against", "jax", "--steps", "1", "--rounds", "1"),
            *("--threads", "1", "--json"),
        )
        assert result.code == 0
        found = json.loads(result.out)
        assert [racer["name"] for racer in found["racers"]] == [OURS]
        why = found["left_out"]["jax"]
        assert "`lstm` has no counterpart" in why or "pip install jax" in why

    def test_a_library_that_is_not_known(self, tg):
        result = tg("bench", "net.net", "--against", "caffe")
        assert result.code == 2
        assert "'caffe' is none of tensorflow, pytorch, jax" in result.err
