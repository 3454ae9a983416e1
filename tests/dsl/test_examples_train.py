"""Every example that can be trained is, for one epoch on few examples.

Those that are tasks of arithmetic, and those for photographs, are left out: other tests look at
their numbers.
"""

from __future__ import annotations

import json
import math
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

import dsl

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DEEP = settings().max_examples > 100

Train = Callable[..., float]


def names(nets: Iterable[dsl.Net]) -> list[str]:
    return [str(Path(net.source.name).relative_to(EXAMPLES)) for net in nets]


def data_of(net: dsl.Net) -> str | None:
    return net.train.data.source if net.train.data else None


def is_small(net: dsl.Net) -> bool:
    """Return whether a net without data tells classes apart, and is trained in no time."""
    classes = net[net.outputs[0]].activation.name in ("softmax", "sigmoid")
    small = math.prod(net.input_shape) <= 50_000 and dsl.summarize(net).parameters <= 10**7
    return data_of(net) is None and classes and small


NETS = [dsl.load(file) for file in sorted(EXAMPLES.rglob("*.net"))]
ON = {
    source: names(net for net in NETS if data_of(net) == source)
    for source in ("digits", "mnist", "cifar10")
}


@pytest.fixture
def train(tg: Any) -> Train:
    """Return a function that trains an example, and returns the loss on the test part."""

    def run(name: str, *options: object) -> float:
        few = ("--limit", 64, "--epochs", 1, "--no-report", "--json")
        code, out, err = tg("train", EXAMPLES / name, *few, *options)
        assert code == 0, err
        summary = json.loads(out)
        assert summary["epochs"] == 1
        loss: float = summary["test_loss"]
        return loss

    return run


def test_examples_are_trained_on_known_sets_only() -> None:
    assert {data_of(net) for net in NETS} == {*ON, None}


@pytest.mark.parametrize("name", ON["digits"])
def test_on_the_packaged_data(name: str, train: Train) -> None:
    assert math.isfinite(train(name))


@pytest.mark.parametrize("name", ON["mnist"])
def test_on_mnist(name: str, train: Train, shared_data: Path) -> None:
    assert math.isfinite(train(name, "--data", shared_data / "mnist"))


@pytest.mark.skipif(not DEEP, reason="unpacks all of CIFAR-10: --hypothesis-profile deep")
@pytest.mark.parametrize("name", ON["cifar10"])
def test_on_cifar10(name: str, train: Train, shared_data: Path, tmp_path: Path) -> None:
    with tarfile.open(shared_data / "cifar10" / "cifar10-jpg.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    folder = next(tmp_path.rglob("train")).parent
    assert math.isfinite(train(name, "--data", folder))


@pytest.mark.parametrize("name", names(filter(is_small, NETS)))
def test_on_made_up_examples(name: str, train: Train, tmp_path: Path) -> None:
    net, rng = dsl.load(EXAMPLES / name), np.random.default_rng(0)
    assert net.input_shape is not None
    assert net.output_shape is not None
    shape, words = (80, *net.input_shape), net.inputs[0].vocabulary
    x = rng.random(shape, np.float32) if words is None else rng.integers(0, words, shape)
    y = np.arange(80) % max(2, net.output_shape[-1] or 0)
    np.savez(tmp_path / "made_up.npz", x=x, y=y)
    assert math.isfinite(train(name, "--data", tmp_path / "made_up.npz"))
