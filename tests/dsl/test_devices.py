"""`tg devices`, and the option ``--backend``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import emulator
import pytest
import standin

import tensorgraph as tf

NET = """net tiny
input 8x8x1
flatten
dense 10 softmax
train {
  data digits
  epochs 1
  batch 256
}
"""


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> standin.Traffic:
    """Put the stand-in in CuPy's place."""
    if (reason := emulator.missing_compiler()) is not None:
        pytest.skip(reason)
    return standin.install(monkeypatch)


class TestDevices:
    def test_a_gpu(self, tg: Callable[..., Any], card: Any) -> None:
        result = tg("devices")
        assert result.code == 0
        assert "/cpu:0" in result.out
        assert "/gpu:0" in result.out
        assert "Stand-in" in result.out
        assert "1024.0 GiB" in result.out
        assert "CuPy 14.2.0, CUDA 13.2, driver for CUDA 13.0" in result.out
        assert "TENSORGRAPH_BACKEND is not set: numpy" in result.out

    def test_no_library(self, tg: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "cupy", None)
        monkeypatch.setenv("TENSORGRAPH_BACKEND", "numpy")
        result = tg("devices")
        assert result.code == 0
        assert "no GPU to compute with" in result.out
        assert "pip install 'tensorgraph-engine[gpu]'" in result.out
        assert "TENSORGRAPH_BACKEND=numpy" in result.out

    def test_json(self, tg: Callable[..., Any], card: Any) -> None:
        found = json.loads(tg("devices", "--json").out)
        assert found["processor"]["cores"] >= 1
        assert found["devices"][0]["name"] == "Stand-in"
        assert found["missing"] == ""


class TestBackend:
    def test_it_is_of_the_command_alone(
        self, tg: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TENSORGRAPH_BACKEND", "other")
        seen = []
        monkeypatch.setattr(
            "dsl.cli.lr_find.load_with_data",
            lambda *args: seen.append(os.environ["TENSORGRAPH_BACKEND"]) or sys.exit(3),
        )
        assert tg("lr-find", "x.net", "--backend", "cupy").code == 3
        assert seen == ["cupy"]
        assert os.environ["TENSORGRAPH_BACKEND"] == "other"

    def test_none_of_that_name(self, tg: Callable[..., Any]) -> None:
        result = tg("train", "x.net", "--backend", "cuda")
        assert result.code == 2
        assert "'numpy', 'cupy'" in result.err

    def test_no_library(
        self, tg: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
    ) -> None:
        monkeypatch.setitem(sys.modules, "cupy", None)
        (tmp_path / "tiny.net").write_text(NET)
        result = tg("train", tmp_path / "tiny.net", "--backend", "cupy", "--out", tmp_path / "run")
        assert result.code == 1
        assert "tensorgraph-engine[gpu]" in result.err

    def test_a_training_on_either(
        self, tg: Callable[..., Any], card: standin.Traffic, tmp_path: Any
    ) -> None:
        (tmp_path / "tiny.net").write_text(NET)
        scores = []
        for backend in ("numpy", "cupy"):
            folder = tmp_path / backend
            arguments = ("--seed", "1", "--quiet", "--out", folder, "--backend", backend)
            result = tg("train", tmp_path / "tiny.net", *arguments)
            assert result.code == 0, result.err
            found = json.loads(tg("eval", folder, "--backend", backend, "--json").out)
            scores.append(found["test_loss"])
        assert card.to_host > 0
        # The initial weights are random, and drawn by another generator.
        assert scores[1] == pytest.approx(scores[0], rel=0.5)


def test_the_option_says_what_the_configuration_says() -> None:
    assert "backend" in (tf.ConfigProto.__doc__ or "")
