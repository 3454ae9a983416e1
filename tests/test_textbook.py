"""Each script of `examples/textbook` prints what its docstring says, and the textbooks' numbers.

The numbers of the operations themselves are in ``tensorgraph/test_ops_values.py``.
"""

from __future__ import annotations

import ast
import io
import runpy
import textwrap
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorgraph as tf

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "textbook"
SCRIPTS = sorted(p.stem for p in FOLDER.glob("*.py"))


@cache
def run(name: str) -> tuple[dict[str, Any], str]:
    """Run a script, once, in a graph of its own; return its names and what it prints."""
    with tf.Graph().as_default(), redirect_stdout(io.StringIO()) as printed:
        names = runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
    return names, printed.getvalue()


def promised(text: str) -> str:
    """Return the part of a script's docstring after ``prints``."""
    docstring = ast.get_docstring(ast.parse(text), clean=True)
    assert docstring is not None
    _, _, output = docstring.partition("\nprints\n\n")
    return textwrap.dedent(output)


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_prints_what_its_docstring_says(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert f"\n    python examples/textbook/{name}.py\n" in text
    assert run(name)[1].rstrip() == promised(text)


CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {}


def checks(name: str) -> Callable[[Callable[[dict[str, Any]], None]], None]:
    """Add a check of the names that a script leaves behind; a decorator."""

    def add(check: Callable[[dict[str, Any]], None]) -> None:
        CHECKS[name] = check

    return add


@pytest.mark.parametrize("name", SCRIPTS)
def test_its_numbers_are_those_of_the_textbook(name: str) -> None:
    CHECKS[name](run(name)[0])


def close(found: Any, wanted: Any, atol: float = 1e-6) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)


@checks("convolution")
def _(names: dict[str, Any]) -> None:
    close(names["result"], [[4, 1, 6], [5, 8, 7], [5, 3, 3]])


@checks("strided_convolution")
def _(names: dict[str, Any]) -> None:
    close(names["result"], [[1, 5, 6], [7, 8, 3], [3, 10, 4]])
    close(names["as_same"], names["result"])


@checks("two_kernels")
def _(names: dict[str, Any]) -> None:
    first = [[3, -1, -3, -1], [-3, 1, 0, -3], [-3, -3, 0, 1], [3, -2, -2, -1]]
    second = [[-1, -1, -1, -1], [-1, -1, -2, 1], [-1, -1, -2, 1], [-1, 0, -4, 3]]
    close(names["maps"][0], np.stack([first, second], axis=-1))
    assert names["strided"].shape == (1, 2, 2, 2)


@checks("output_sizes")
def _(names: dict[str, Any]) -> None:
    assert [s.rpartition("x")[0] for s in names["shapes"]] == [
        *("5x5", "3x3", "2x2", "7x7", "28x28", "3x3")
    ]
    assert names["shapes"][-1] == "3x3x2"
    assert names["kept"] == ["9x9x1"] * 3


@checks("parameters")
def _(names: dict[str, Any]) -> None:
    # 41 million with the 1,024 biases.
    assert names["numbers"] == [50, 3_072, 120_000, 1024 * 200 * 200 + 1024, 0, 0]


@checks("x_or_o")
def _(names: dict[str, Any]) -> None:
    found = names["found"]
    close(found, found.T)
    close(found * 9, np.round(found * 9))
    # The textbook cuts after two digits.
    assert [int(n * 100 + 1e-6) for n in found[0]] == [77, -11, 11, 33, 55, -11, 33]
    assert [round(found[i, i], 6) for i in (1, 2, 4, 5)] == [1] * 4
    assert [int(n * 100 + 1e-6) for n in names["best"].ravel()] == [
        *(100, 33, 55, 33), *(33, 100, 33, 55), *(55, 33, 100, 11), *(33, 55, 11, 77),
    ]  # fmt: skip
    close(names["rectified"], np.maximum(found, 0))


@checks("max_pooling")
def _(names: dict[str, Any]) -> None:
    close(names["largest"][0, :, :, 0], [[6, 8], [3, 4]])
    assert names["switches"] == [(1, 1), (1, 3), (2, 0), (3, 3)]
    gradient = names["gradient"][0, :, :, 0]
    assert [gradient[place] for place in names["switches"]] == [10, 20, 30, 40]
    assert gradient.sum() == 100


@checks("total_error")
def _(names: dict[str, Any]) -> None:
    close(names["errors"], [0.55, 0.06])
    close(names["slopes"], [0.2, 0.4, -0.9, 0.3])


@checks("activations")
def _(names: dict[str, Any]) -> None:
    for name, (formula, operation) in names["values"].items():
        np.testing.assert_allclose(formula, operation, rtol=1e-5, atol=1e-6, err_msg=name)
    assert names["values"]["leaky"][1][0] == pytest.approx(-0.2)
    assert sum(names["values"]["softmax"][1]) == pytest.approx(1)
    close([names["sigmoid_slope"], names["tanh_slope"]], [0.25, 1])


@checks("cross_entropy")
def _(names: dict[str, Any]) -> None:
    y = np.exp([2.0, 1.0, 0.1]) / np.exp([2.0, 1.0, 0.1]).sum()
    close(names["losses"], [-np.log(y[1])] * 2)
    close(names["slopes"], y - [0, 1, 0])
    assert np.isnan(names["bad"])
    assert names["good"] == 1000


@checks("weight_penalties")
def _(names: dict[str, Any]) -> None:
    w = np.array([4.0, -1.0, 0.1])
    close(names["stepped"]["L2"], (1 - 0.1 * 0.5) * w - 0.1)
    close(names["stepped"]["L1"], w - 0.1 * (0.5 * np.sign(w) + 1))
    close(names["shrunk"]["L2"], 0.95**20 * w)
    close(names["shrunk"]["L1"], [3, 0, 0])


@checks("dropout")
def _(names: dict[str, Any]) -> None:
    close(np.unique(names["values"]), [0, 1.25])
    # Five standard deviations of the share, and of the means over 200,000 masks.
    assert abs(names["kept"] - 0.8) < 5 * np.sqrt(0.8 * 0.2 / 200_000)
    undivided, scaled, divided, whole = names["means"]
    close([scaled, whole], [3.6, 4.5])
    close([undivided, divided], [3.6, 4.5], atol=5 * np.sqrt(0.2 / 0.8 * 40.25 / 200_000))


@checks("zero_weights")
def _(names: dict[str, Any]) -> None:
    alike, different = names["alike"], names["different"]
    close(alike, np.repeat(alike[:, :1], 3, axis=1))
    assert abs(alike).max() > 1, "they must have learnt something"
    assert np.ptp(different, axis=1).min() > 1


@checks("image_kernels")
def _(names: dict[str, Any]) -> None:
    results = names["results"]
    middle = {name: result[5] for name, result in results.items()}
    close(results["identity"], names["picture"])
    close(results["horizontal"], results["vertical"].T)
    for name in ("edges", "more edges", "corners"):
        assert not results[name][5:7, 5:7].any(), f"{name} leaves nothing of even areas"
    for name in ("sharpen", "box blur", "Gaussian 3", "Gaussian 5", "unsharp"):
        close(results[name][5:7, 5:7], 256)
    close(middle["vertical"][:6], [0, 0, 768, 768, 0, 0])
    close(middle["sharpen"][:6], [0, 0, -256, 512, 256, 256])
    close(middle["box blur"][:6] * 9 / 256, [0, 0, 3, 6, 9, 9])
    close(middle["Gaussian 3"][:6] * 16 / 256, [0, 0, 4, 12, 16, 16])
    close(middle["Gaussian 5"][:6], [0, 16, 80, 176, 240, 256])
    # Twice the picture without what the blur leaves of it: what it takes away is added.
    close(results["unsharp"], 2 * names["picture"] - results["Gaussian 5"])
    assert [name for name, s in names["sums"].items() if abs(s) < 1e-9] == [
        *("corners", "edges", "more edges", "vertical", "horizontal")
    ]


@checks("normalisation")
def _(names: dict[str, Any]) -> None:
    close(names["normal_mean"], [0, 0])
    close(names["normal_variance"], [1, 1])
    close(names["new_mean"], [1, -1])
    close(names["new_variance"], [4, 4])


@checks("alexnet")
def _(names: dict[str, Any]) -> None:
    assert names["volumes"] == [
        *([227, 227, 3], [55, 55, 96], [27, 27, 96], [27, 27, 256], [13, 13, 256]),
        *([13, 13, 384], [13, 13, 384], [13, 13, 256], [6, 6, 256]),
        *([9216], [4096], [4096], [1000]),
    ]


def shortened(number: int) -> str:
    """Return how the textbook writes a number of activations, with two digits: 3.2M, 800K."""
    rounded = float(f"{number:.1e}")
    return f"{rounded / 1e6:.1f}M" if rounded >= 1e6 else f"{rounded / 1e3:.0f}K"


@checks("vgg16")
def _(names: dict[str, Any]) -> None:
    table: Sequence[tuple[int, int]] = names["table"]
    assert [weights for _, weights in table if weights] == [
        *(1_728, 36_864, 73_728, 147_456, 294_912, 589_824, 589_824),
        *(1_179_648, 2_359_296, 2_359_296, 2_359_296, 2_359_296, 2_359_296),
        *(102_760_448, 16_777_216, 4_096_000),
    ]
    assert [shortened(size) for size, _ in table[1:19]] == [
        *("3.2M", "3.2M", "800K", "1.6M", "1.6M", "400K", "800K", "800K", "800K", "200K"),
        *("400K", "400K", "400K", "100K", "100K", "100K", "100K", "25K"),
    ]
