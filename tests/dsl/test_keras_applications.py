"""Networks of the zoo give what the Keras applications give that they describe.

Needs the extra `peers` and a minute, and so runs only where it is asked for: ``pytest -m keras``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "keras_applications.py"


@pytest.mark.keras
@pytest.mark.parametrize(
    "net",
    [
        *("vgg16", "resnet50", "mobilenet_v1", "mobilenet_v2"),
        *("inception_v3", "xception", "densenet121", "efficientnet_b0"),
    ],
)
def test_the_same_weights_give_the_same_result(net: str) -> None:
    pytest.importorskip("keras", reason="needs Keras: pip install '.[peers]'")
    command = [sys.executable, str(SCRIPT), net]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"| {net} |" in done.stdout


def test_an_unknown_network_is_refused() -> None:
    command = [sys.executable, str(SCRIPT), "vgg13"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such network: vgg13" in done.stderr
