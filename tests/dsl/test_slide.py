"""The lectures' table of a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import dsl
from dsl.cli.main import tg
from dsl.slide import HEADERS, slide_rows

TEXTBOOK = Path(__file__).resolve().parents[2] / "examples" / "textbook"

# Layer, volume, memory, weights without biases: the slide as it is shown everywhere.
VGG16 = """
INPUT     224x224x3    150K   0
CONV3-64  224x224x64   3.2M   1,728
CONV3-64  224x224x64   3.2M   36,864
POOL2     112x112x64   800K   0
CONV3-128 112x112x128  1.6M   73,728
CONV3-128 112x112x128  1.6M   147,456
POOL2     56x56x128    400K   0
CONV3-256 56x56x256    800K   294,912
CONV3-256 56x56x256    800K   589,824
CONV3-256 56x56x256    800K   589,824
POOL2     28x28x256    200K   0
CONV3-512 28x28x512    400K   1,179,648
CONV3-512 28x28x512    400K   2,359,296
CONV3-512 28x28x512    400K   2,359,296
POOL2     14x14x512    100K   0
CONV3-512 14x14x512    100K   2,359,296
CONV3-512 14x14x512    100K   2,359,296
CONV3-512 14x14x512    100K   2,359,296
POOL2     7x7x512      25K    0
FC        4096         4096   102,760,448
FC        4096         4096   16,777,216
FC        1000         1000   4,096,000
"""


def rows(text: str) -> list[tuple[str, ...]]:
    return slide_rows(dsl.check(dsl.parse(text, "a.net")))


def test_vgg16_is_the_slide() -> None:
    *table, total = slide_rows(dsl.load(TEXTBOOK / "vgg16.net"))
    assert table == [tuple(line.split()) for line in VGG16.strip().splitlines()]
    assert total == ("TOTAL", "", "15M", "138,344,128")


def test_the_command_prints_it() -> None:
    done = CliRunner().invoke(tg, ["summary", "--table", str(TEXTBOOK / "vgg16.net")])
    assert done.exit_code == 0, done.output
    lines = [line.split() for line in done.output.splitlines()]
    assert " ".join(HEADERS).split() in lines
    for line in VGG16.strip().splitlines():
        assert line.split() in lines


def test_the_table_is_not_also_json() -> None:
    done = CliRunner().invoke(tg, ["summary", "--table", "--json", str(TEXTBOOK / "vgg16.net")])
    assert done.exit_code == 2
    assert "--json" in done.output


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("input 9x9x2; conv 4 1x3", ("CONV1x3-4", "9x7x4", "252", "24")),
        ("input 9x9x2; depthwise 3x3", ("DEPTHWISE3", "7x7x2", "98", "18")),
        ("input 128x9; conv1d 4 3", ("CONV1D3-4", "126x4", "504", "108")),
        ("input 10x10x100; batchnorm", ("BATCHNORM", "10x10x100", "10K", "0")),
        ("input 10x10x99; avgpool 2", ("POOL2", "5x5x99", "2475", "0")),
        ("input 999999; dense 3", ("FC", "3", "3", "2,999,997")),
    ],
)
def test_other_layers(text: str, row: tuple[str, ...]) -> None:
    assert rows(text)[1] == row


@pytest.mark.parametrize(
    ("count", "said"),
    [
        *((9_999, "9999"), (10_000, "10K"), (99_499, "99K"), (99_600, "100K")),
        *((994_000, "990K"), (996_000, "1.0M"), (1_049_000, "1.0M"), (9_960_000, "10M")),
        *((15_237_608, "15M"), (151_000_000, "150M")),
    ],
)
def test_numbers_as_one_says_them(count: int, said: str) -> None:
    assert rows(f"input {count}; act relu")[0][2] == said


def test_what_is_not_known() -> None:
    assert rows("conv 8 3x3; dense 3") == [
        ("INPUT", "?", "?", "0"),
        ("CONV3-8", "?", "?", "?"),
        ("FC", "3", "3", "?"),
        ("TOTAL", "", "?", "?"),
    ]


def test_statistics_of_normalisation_stand_apart() -> None:
    text = "input 4x4x2; conv 3 1x1; batchnorm"
    found = dsl.summarize(dsl.check(dsl.parse(text, "a.net"))).to_json()
    assert (found["parameters"], found["trainable"], found["non_trainable"]) == (9 + 12, 15, 6)
    assert found["layers"][1]["non_trainable"] == 6
    json.dumps(found)
