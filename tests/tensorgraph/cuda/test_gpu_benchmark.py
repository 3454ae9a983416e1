"""The benchmark for GPUs runs as far as it can without one, and says what it lacks."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tensorgraph.backends.cuda.backend import CupyBackend

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_rehearsal_goes_through_all_parts(tmp_path: Path) -> None:
    kept = tmp_path / "gpu.json"
    few = ("--steps", "6", "--rounds", "2", "--batch", "4")
    done = run("mlp", "--rehearse", *few, "--json", str(kept))
    assert done.returncode == 0, done.stderr
    found = json.loads(kept.read_text(encoding="utf-8"))
    assert len(found["mlp tf32"]["rehearsal"]["ms"]) == 2
    for words in ("| mlp tf32 | ", "| chain | ", "| ApplyAdam | "):
        assert words in done.stdout


def test_without_a_gpu_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    script = importlib.import_module("gpu")
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.setattr(sys, "argv", ["gpu.py", "mlp"])
    assert script.main() == 1
    assert "there is no GPU to measure: " in capsys.readouterr().err


def test_probes_run_on_the_device(cuda: CupyBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    probes: Any = importlib.import_module("gpu_probes")
    assert "| copy | " in probes.bandwidth("cupy", 4096)
    text = probes.profile("mlp", 4, "cupy")
    assert "| MatMul | 5 | " in text
    assert "recorded as one graph" in text


def test_the_large_networks_are_the_published_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    nets: Any = importlib.import_module("gpu_nets")
    layers = nets.LARGE["vgg16"].layers
    assert sum(kind == "conv" for kind, *_ in layers) == 13
    assert [numbers[0] for kind, *numbers in layers if kind == "dense"] == [4096, 4096, 1000]
