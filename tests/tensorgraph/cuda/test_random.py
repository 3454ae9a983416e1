"""Random numbers of the device: the generator's own, their distributions, and their state."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf
from tensorgraph.backends.cuda.backend import CupyBackend
from tensorgraph.backends.cuda.random import PhiloxStream
from tensorgraph.backends.numpy_backend import NumpyBackend

# Of the authors' kat_vectors: counter, key, numbers.
KNOWN = [
    ("00000000" * 4, "00000000" * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff" * 4, "ffffffff" * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        "243f6a8885a308d313198a2e03707344",
        "a4093822299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def words(text: str) -> list[int]:
    text = text.replace(" ", "")
    return [int(text[i : i + 8], 16) for i in range(0, len(text), 8)]


@pytest.mark.parametrize(("counter", "key", "numbers"), KNOWN)
def test_known_answers(cuda: CupyBackend, counter: str, key: str, numbers: str) -> None:
    stream = cuda.random_stream((0, 0))
    low0, low1, high0, high1 = words(counter)
    block = low0 | low1 << 32
    stream.restore(
        {"generator": "Philox4x32-10", "seed": [*words(key), high0, high1], "block": block}
    )
    with cuda.running():
        drawn = stream.bits((4,), np.dtype(np.uint32))
        assert cuda.to_host(drawn).tolist() == words(numbers)
    assert stream.state()["block"] == (block + 1) % 2**64


def drawn(cuda: CupyBackend, method: str, *arguments: Any, seed: Any = (1, 2)) -> Any:
    with cuda.running():
        return cuda.to_host(getattr(cuda.random_stream(seed), method)(*arguments))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_uniform(cuda: CupyBackend, dtype: Any) -> None:
    numbers = drawn(cuda, "uniform", (200, 99), np.dtype(dtype))
    assert numbers.dtype == dtype
    assert numbers.shape == (200, 99)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts, _ = np.histogram(numbers.astype(np.float64), 10, (0, 1))
    assert abs(counts - 1980).max() < 5 * math.sqrt(1980)
    assert abs(np.corrcoef(numbers[:-1].ravel(), numbers[1:].ravel())[0, 1]) < 0.04


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_normal(cuda: CupyBackend, dtype: Any) -> None:
    numbers = drawn(cuda, "normal", (30_001,), np.dtype(dtype)).astype(np.float64)
    assert abs(numbers.mean()) < 0.03
    assert abs(numbers.var() - 1) < 0.05
    assert abs((numbers**4).mean() - 3) < 0.3
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.03


def test_truncated_normal(cuda: CupyBackend) -> None:
    numbers = drawn(cuda, "truncated_normal", (30_000,), np.dtype(np.float32))
    assert abs(numbers).max() <= 2
    assert abs(numbers.mean()) < 0.03
    assert abs(numbers.std() - 0.8796) < 0.02


@pytest.mark.parametrize("alpha", [0.3, 1.0, 7.5])
def test_gamma(cuda: CupyBackend, alpha: float) -> None:
    numbers = drawn(cuda, "gamma", cuda.from_host(np.full(20_000, alpha)))
    assert numbers.min() > 0
    assert abs(numbers.mean() - alpha) < 5 * math.sqrt(alpha / 20_000)
    assert abs(numbers.var() / alpha - 1) < 0.15


@pytest.mark.parametrize(("low", "high"), [(-3, 4), (0, 1), (-(2**63), 2**63 - 1)])
def test_integers(cuda: CupyBackend, low: int, high: int) -> None:
    numbers = drawn(cuda, "integers", low, high, (7, 1001), np.dtype(np.int64))
    assert numbers.min() >= low
    assert numbers.max() < high
    assert abs(numbers.astype(np.float64).mean() - (low + high - 1) / 2) < 0.03 * (high - low)


def test_no_integers(cuda: CupyBackend) -> None:
    with pytest.raises(ValueError, match=r"no integer in \[2, 2\)"):
        cuda.random_stream((0, 0)).integers(2, 2, (3,), np.dtype(np.int32))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint64])
@pytest.mark.parametrize("shape", [(), (0,), (1001,), (3, 5)])
def test_bits(cuda: CupyBackend, dtype: Any, shape: tuple[int, ...]) -> None:
    numbers = drawn(cuda, "bits", shape, np.dtype(dtype))
    assert numbers.shape == shape
    assert numbers.dtype == dtype
    if numbers.size > 1000:
        ones = np.unpackbits(numbers.view(np.uint8)).mean()
        assert abs(ones - 0.5) < 0.02


def test_the_state_goes_on_where_it_was(cuda: CupyBackend) -> None:
    def some(stream: PhiloxStream) -> list[Any]:
        with cuda.running():
            normal = stream.normal((3,), np.dtype(np.float32))
            integers = stream.integers(0, 100, (5,), np.dtype(np.int32))
            return [cuda.to_host(a).tolist() for a in (normal, integers)]

    stream, other = cuda.random_stream((3, 4)), cuda.random_stream(None)
    some(stream)
    state = json.loads(json.dumps(stream.state()))
    following = some(stream)
    other.restore(state)
    assert some(other) == following
    stream.restore(state)
    assert some(stream) == following


def test_seeds_tell_streams_apart(cuda: CupyBackend) -> None:
    kinds = [
        drawn(cuda, "bits", (4,), np.dtype(np.uint64), seed=seed).tolist()
        for seed in [(1, 2), (2, 1), (1, 2**40), None, None]
    ]
    assert len(set(map(tuple, kinds))) == 5
    assert kinds[0] == drawn(cuda, "bits", (4,), np.dtype(np.uint64)).tolist()


def test_the_state_of_another_backend_is_refused(cuda: CupyBackend) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.random_normal((2,), seed=1))
        (state,) = session.random_state().values()
    with pytest.raises(tf.errors.InvalidArgumentError, match="another backend"):
        cuda.random_stream((0, 0)).restore(state)
    with pytest.raises(tf.errors.InvalidArgumentError, match="another backend"):
        NumpyBackend().random_stream((0, 0)).restore(cuda.random_stream((0, 0)).state())


def test_replayed_launches_draw_new_numbers(cuda: CupyBackend) -> None:
    stream = cuda.random_stream((5, 6))
    with cuda.running():
        stream.normal((5,), np.dtype(np.float32))
        before = stream.state()
        cuda.stream.begin_capture()
        numbers = stream.normal((5,), np.dtype(np.float32))
        graph = cuda.stream.end_capture()
        seen = []
        for _ in range(3):
            graph.launch()
            seen.append(cuda.to_host(numbers).tolist())
    again = cuda.random_stream(None)
    again.restore(before)
    with cuda.running():
        wanted = [cuda.to_host(again.normal((5,), np.dtype(np.float32))).tolist() for _ in seen]
    assert seen == wanted
