"""The networks of `examples/textbook` give the numbers that courses work out by hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import dsl
import tensorgraph as tf

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "textbook"

PICTURE = np.full([9, 9], -1.0)
for i in range(1, 8):
    PICTURE[i, i] = PICTURE[i, 8 - i] = 1.0


@cache
def load(name: str) -> dsl.Net:
    return dsl.load(FOLDER / f"{name}.net")


def parameters(name: str) -> int | None:
    return dsl.summarize(load(name)).parameters


def volumes(name: str) -> list[str]:
    return ["x".join(map(str, layer.output_shape or ())) for layer in load(name).layers]


def results(name: str, image: object) -> list[np.ndarray]:
    """Return a network's results for one image of one channel: the channels first."""
    with tf.Graph().as_default(), tf.Session() as session:
        model = dsl.compile_net(load(name))
        forward = model.apply()
        session.run(tf.global_variables_initializer())
        x = np.asarray(image, np.float32)[np.newaxis, :, :, np.newaxis]
        found = session.run(list(forward.outputs), {model.input: x})
    return [np.moveaxis(value[0], -1, 0) for value in found]


def close(found: np.ndarray, wanted: object, atol: float = 1e-5) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)


def rows(text: str) -> list[list[int]]:
    return [[int(n) for n in line.split()] for line in text.split("/")]


def test_convolution() -> None:
    image = rows("5 2 3 4 / 6 7 8 5 / 4 5 4 5 / 1 0 2 3")
    close(results("convolution", image)[0][0], rows("4 1 6 / 5 8 7 / 5 3 3"))


def test_strided_convolution() -> None:
    image = rows("2 2 3 3 3 / 0 1 3 0 3 / 2 3 0 1 3 / 3 3 2 1 2 / 3 3 0 2 3")
    close(results("strided_convolution", image)[0][0], rows("1 5 6 / 7 8 3 / 3 10 4"))


def test_two_kernels() -> None:
    lines = ["100001", "010010", "001100", "100010", "010010", "001010"]
    first, second = results("two_kernels", [[int(n) for n in line] for line in lines])[0]
    close(first, rows("3 -1 -3 -1 / -3 1 0 -3 / -3 -3 0 1 / 3 -2 -2 -1"))
    close(second, rows("-1 -1 -1 -1 / -1 -1 -2 1 / -1 -1 -2 1 / -1 0 -4 3"))


def test_two_kernels_at_stride_two_miss_the_end() -> None:
    text = (FOLDER / "two_kernels.net").read_text(encoding="utf-8").replace("3x3", "3x3 stride=2")
    net = dsl.check(dsl.parse(text, "two_kernels.net"))
    assert net.output_shape == (2, 2, 2)
    assert [warning.code for warning in net.warnings] == ["TG204"]


def test_max_pooling() -> None:
    image = rows("1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4")
    close(results("max_pooling", image)[0][0], rows("6 8 / 3 4"))


def test_x_or_o() -> None:
    found, best, positive = (value[0] for value in results("x_or_o", PICTURE))
    close(found, found.T)
    # The textbook cuts after two digits.
    assert [int(n * 100 + 1e-4) for n in found[0]] == [77, -11, 11, 33, 55, -11, 33]
    close(np.array([found[i, i] for i in (1, 2, 4, 5)]), np.ones(4))
    assert int(found[3, 3] * 100) == 55
    hundredths = "100 33 55 33 / 33 100 33 55 / 55 33 100 11 / 33 55 11 77"
    close(np.trunc(best * 100 + 1e-3), rows(hundredths))
    close(positive, np.maximum(found, 0))


def test_the_toy_says_x_or_o_with_probabilities() -> None:
    assert volumes("x_or_o_toy") == ["7x7x1", "4x4x1", "2x2x1", "1x1x1", "1", "2"]
    assert results("x_or_o_toy", PICTURE)[0].sum() == pytest.approx(1)


def test_volumes_of_alexnet() -> None:
    assert volumes("alexnet") == [
        *("55x55x96", "27x27x96", "27x27x96", "27x27x256", "13x13x256", "13x13x256"),
        *("13x13x384", "13x13x384", "13x13x256", "6x6x256", "4096", "4096", "1000"),
    ]
    assert parameters("alexnet") == 62_378_344


def test_output_sizes() -> None:
    assert volumes("output_sizes") == [
        *("28x28x6", "28x28x6", "28x28x6", "14x14x6", "6x6x6", "5x5x6", "3x3x2"),
    ]


@pytest.mark.parametrize(
    ("layer", "shape", "warned"),
    [
        ("conv 1 3x3", (5, 5, 1), []),
        ("conv 1 3x3 stride=2", (3, 3, 1), []),
        ("conv 1 3x3 stride=3", (2, 2, 1), ["TG204"]),
        ("conv 1 3x3 pad=1", (7, 7, 1), []),
        ("conv 1 5x5 pad=2", (7, 7, 1), []),
        ("conv 1 7x7 pad=3", (7, 7, 1), []),
    ],
)
def test_sizes_over_a_7x7_image(layer: str, shape: tuple[int, ...], warned: list[str]) -> None:
    net = dsl.check(dsl.parse(f"input 7x7x1; {layer}", "a.net"))
    assert net.output_shape == shape
    assert [warning.code for warning in net.warnings] == warned


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("five_kernels", 50),
        ("one_neuron", 120_000),
        # About 41 million, as one says.
        ("hidden_units", 1024 * 40_000 + 1024),
        ("vgg16", 138_357_544),
        ("mnist_softmax", 7_850),
        ("mnist_dense", 669_706),
        ("mnist_lab", 1_199_882),
        ("mnist_deep", 3_274_634),
    ],
)
def test_parameters(name: str, count: int) -> None:
    assert parameters(name) == count


@pytest.mark.parametrize("name", [p.stem for p in FOLDER.glob("*.net")])
def test_each_has_a_comment_and_its_name(name: str) -> None:
    assert load(name).name == name
    assert (FOLDER / f"{name}.net").read_text(encoding="utf-8").startswith("# ")
