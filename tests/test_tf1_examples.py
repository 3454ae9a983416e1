"""The programs of `examples/tf1` run on tensorgraph, and unchanged on TensorFlow."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "tf1"

OURS = "import tensorgraph as tf\n"
THEIRS = "import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()\n"

# What each of them reaches on the digits that it was not trained on, whatever the random numbers.
LEAST_ACCURACY = {
    "batch_norm": 0.95,
    "convnet_layers": 0.93,
    "lstm_digits": 0.85,
}


def accuracy(text: str, folder: Path, *flags: str) -> float:
    """Run a program that ends in a ``main`` which returns its accuracy."""
    script = folder / "program.py"
    script.write_text(text.replace("    main()\n", "    print(main())\n"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, *flags, str(script)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", LEAST_ACCURACY)
def test_on_tensorgraph(name: str, tmp_path: Path) -> None:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert accuracy(text, tmp_path, "-W", "error") > LEAST_ACCURACY[name]


@pytest.mark.parametrize("name", LEAST_ACCURACY)
def test_on_tensorflow(name: str, tmp_path: Path) -> None:
    for package in ("tensorflow", "tf_keras"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs TensorFlow and its tf.layers: {package} is not installed")
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert text.count(OURS) == 1
    assert accuracy(text.replace(OURS, THEIRS), tmp_path) > LEAST_ACCURACY[name]
