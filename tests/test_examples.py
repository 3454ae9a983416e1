"""Every example runs, as a user would run it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dsl.loading import load
from dsl.summary import summarize

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
# pygal's import hook is of an old kind, which Python 3.11 says at the next import.
PYGAL = ("-W", "ignore:PluginImportFixer:ImportWarning")
NETS = sorted(EXAMPLES.rglob("*.net"))


def run(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", *PYGAL, str(EXAMPLES / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("file", NETS, ids=lambda p: str(p.relative_to(EXAMPLES)))
def test_every_net_is_valid_without_a_warning(file):
    assert load(file).warnings == ()


def test_lenet5_has_the_published_number_of_parameters():
    assert summarize(load(EXAMPLES / "lenet5.net")).parameters == 61706


def accuracy(output: str) -> float:
    match = re.search(r"test accuracy (0\.\d+)", output)
    assert match is not None
    return float(match[1])


def test_softmax_regression_on_the_packaged_digits(monkeypatch, tmp_path):
    # Where no MNIST is installed, the example says so and takes the packaged digits.
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("TENSORGRAPH_DATA", raising=False)
    assert accuracy(run("mnist_softmax.py")) > 0.93


def test_softmax_regression_on_mnist(shared_data):
    assert accuracy(run("mnist_softmax.py", str(shared_data / "mnist"))) > 0.91


def test_cats_and_dogs(tmp_path):
    image = pytest.importorskip("PIL.Image")
    others = ("airplane", "automobile", "bird", "deer", "frog", "horse", "ship", "truck")
    for shade, kind in enumerate(("cat", "dog", *others)):
        (tmp_path / "cifar" / kind).mkdir(parents=True)
        for number in range(10):
            colour = (25 * shade, 255 - 25 * shade, 20 * number)
            image.new("RGB", (32, 32), colour).save(tmp_path / "cifar" / kind / f"{number}.png")
    out = tmp_path / "out"
    options = ("--out", str(out), "--pets", "8", "99", "--epochs", "1")
    output = run("transfer/cats_and_dogs.py", str(tmp_path / "cifar"), *options)
    assert re.search(r"^\| 8 \|( \d+\.\d\d % \|){3}$", output, re.MULTILINE)
    assert re.search(r"^\| 16 \|", output, re.MULTILINE)  # a fifth of the twenty tests
    assert (out / "8" / "tuned" / "model.safetensors").exists()
