"""The benchmarks run, refuse what does not learn, and write tables and pictures where they belong.

Each runs in its smallest form, on this library alone.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import dsl
import tensorgraph as tf

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
ALONE = ("--libraries", "tensorgraph", "--rounds", "1", "--threads", "1")

PAGE = """\
# Before
<!-- {} writes from here -->
old numbers
<!-- to here -->
after
"""


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def written(script: str, page: Path, *arguments: str) -> str:
    """Return what a script writes into a page of an otherwise empty checkout."""
    root = page.parents[1]
    for folder in (root / "benchmarks", root / "docs"):
        folder.mkdir(exist_ok=True)
    page.write_text(PAGE.format(script), encoding="utf-8")
    done = run(script, *arguments, "--write", str(root))
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Before\n")
    assert text.endswith("<!-- to here -->\nafter\n")
    assert "old numbers" not in text
    return text


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    return tmp_path / "benchmarks" / "README.md"


def test_a_network_is_timed_and_what_was_kept_before_stays_in_the_table(readme: Path) -> None:
    assert "\n| mlp | " in written("step.py", readme, "mlp", *ALONE)
    text = written(
        "step.py", readme, "card", "--mode", "forward", "--batch", "1", "--strict", *ALONE
    )
    assert "### A training step, batch 64\n\n| ms | tensorgraph" in text
    assert "### A forward run, batch 1\n\n| ms | tensorgraph" in text
    assert "| tensorgraph strict" in text
    assert "\n| mlp | " in text
    assert "\n| card | " in text
    results = json.loads(readme.with_name("results.json").read_text(encoding="utf-8"))
    assert set(results["step"]) == {"mlp train 64", "card forward 1"}
    assert written("step.py", readme, "--rounds", "0") == text


def test_ratios_compare_numbers_of_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    rounds = importlib.import_module("rounds")
    # The second round met other work; the fastest peer is another one in each.
    mine, strict, theirs, others = (
        [1.0, 30.0, 1.0],
        [2.0, 60.0, 2.0],
        [2.0, 90.0, 4.0],
        [9.0, 40.0, 9.0],
    )
    ms = {"tensorgraph": mine, "tensorgraph strict": strict, "TensorFlow": theirs, "JAX": others}
    entry = {"ms": ms, "versions": dict.fromkeys(ms, "1.0")}
    assert rounds.ratios(entry) == [0.5, 0.75, 0.25]
    assert rounds.ratios(entry, "tensorgraph strict") == [1.0, 1.5, 0.5]
    worse = {"ms": {"tensorgraph": [8.0], "TensorFlow": [1.0]}, "versions": entry["versions"]}
    _, _, *rows = rounds.compared({"a": entry, "b": worse}, "ms", summary=True).splitlines()
    assert rows == [
        "| a | 1.00 | 2.00 | 4.00 | 9.00 | 0.50 (0.25-0.75) | 1.00 (0.50-1.50) |",
        "| b | 8.00 |  | 1.00 |  | 8.00 (8.00-8.00) |  |",
        "| geometric mean |  |  |  |  | 2.00 | 1.00 |",
        "| worst |  |  |  |  | 8.00 | 1.00 |",
    ]


def test_bars_start_from_one_and_the_axis_is_logarithmic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    drawing = importlib.import_module("drawing")
    picture = ElementTree.fromstring(
        drawing.draw_bars("a < b", {"slower": [("mlp", 2.0)], "faster": [("mlp", 0.5)]})
    )
    assert picture.findtext("{*}title") == "a < b"
    (base,) = (
        float(x.get("y1", "")) for x in picture.findall("{*}line") if x.get("class") == "base"
    )
    # The first one is the page.
    slower, faster = (
        (float(bar.get("y", "")), float(bar.get("height", "")))
        for bar in picture.findall("{*}rect")[1:]
    )
    assert sum(slower) == pytest.approx(base)
    assert faster[0] == pytest.approx(base)
    assert slower[1] == pytest.approx(faster[1], abs=0.2)


def test_a_loss_that_does_not_fall_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    rounds, report = importlib.import_module("rounds"), importlib.import_module("report")
    rounds.check_learning("JAX", "mlp", [2.3, 2.1, 1.9, 1.2])
    losses = [2.3, 2.4] * 20

    def body(options: object) -> None:
        rounds.check_learning("JAX", "mlp", losses)

    assert report.run(body, None) == 1
    said = "JAX does not learn mlp: the loss went from 2.350 to 2.350"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("step", "no such network: vgg"),
        ("memory", "no such network: vgg"),
        ("compile_time", "no such file: vgg"),
        ("growth", "nothing grows so: vgg"),
    ],
)
def test_an_unknown_network_is_refused(
    script: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setattr(sys, "argv", [f"{script}.py", "vgg"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(script).main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("net", "parameters"),
    [
        ("lenet", 61_706),
        ("lab", 1_199_882),
        ("lstm", (28 + 128 + 1) * 4 * 128 + 1_290),
        ("mobilenet", 4_253_864),
        # Of the published 25,636,712 without the biases before batch norm.
        ("resnet50", 25_636_712 - 26_560),
    ],
)
def test_networks_have_the_published_numbers_of_parameters(
    net: str, parameters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    found, builder = (
        importlib.import_module("workload").NETS[net],
        importlib.import_module("with_tf1"),
    )
    with tf.Graph().as_default():
        images = tf.placeholder(tf.float32, [None, *found.shape])
        logits = builder.Builder(tf, training=False).build(found.layers, images)
        assert logits.shape.as_list() == [None, found.classes]
        assert sum(v.shape.num_elements() for v in tf.global_variables()) == parameters


def test_both_ways_to_call_are_timed(readme: Path) -> None:
    text = written("calls.py", readme, "--calls", "20", *ALONE)
    assert "\n| `Session.run` | " in text
    assert "\n| `Session.make_callable` | " in text


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux only")
def test_memory_is_measured_and_the_plan_has_a_part_of_it(readme: Path) -> None:
    written("memory.py", readme, "mlp", "--steps", "2", *ALONE)
    results = json.loads(readme.with_name("results.json").read_text(encoding="utf-8"))
    found = results["memory"]["mlp"]
    before, grown = found["bytes"]["tensorgraph"]
    assert before > grown > 0
    assert found["planned"] > 0


def test_the_stages_up_to_the_first_step_are_timed(readme: Path) -> None:
    text = written("compile_time.py", readme, "lab", "--runs", "1")
    assert "\n| lab | 64 | " in text


def test_growth_is_timed_and_drawn(readme: Path) -> None:
    page = readme.parents[1] / "docs" / "performance.md"
    text = written("growth.py", page, "width", "--largest", "16", "--limit", "0.1", *ALONE)
    assert "\n| width | 4 | 8 | 16 |\n" in text
    picture = ElementTree.parse(page.with_name("growth_width.svg"))
    curves = picture.findall("{*}polyline")
    # One dense network is narrow enough, and three of convolutions.
    assert [len((curve.get("points") or "").split()) for curve in curves] == [1, 3]


def test_a_chain_is_built_differentiated_and_run() -> None:
    done = run("chain.py", "3000")
    assert done.returncode == 0, done.stderr
    first, *stages = done.stdout.splitlines()
    assert first == "a chain of 3,000 additions"
    assert [line.split("  ")[0] for line in stages] == [
        *("build", "differentiate", "first run, with the plan", "each further run")
    ]


def test_ways_to_convolve_are_timed_and_the_table_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.format("convolution.py"), encoding="utf-8")
    done = run("convolution.py", "lenet 2", "--runs", "1", "--write", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert "\n| lenet 2 | 64x14x14x6 → 16, 5x5 valid | " in text
    assert "old numbers" not in text
    missing = run("convolution.py", "vgg")
    assert missing.returncode == 2
    assert "no such shape: vgg" in missing.stderr


def test_ablations_are_nets_and_the_table_says_what_was_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    ablations = importlib.import_module("ablations")
    for ablation in ablations.ABLATIONS:
        without, using = (
            dsl.check(dsl.parse(ablation.file(settings)))
            for settings in (ablation.without, ablation.using)
        )
        assert without.train != using.train
        assert without.output_shape == using.output_shape == (10,)
    kept = json.loads((BENCHMARKS / "ablations.json").read_text(encoding="utf-8"))
    page = (BENCHMARKS.parent / "docs" / "figures.md").read_text(encoding="utf-8")
    assert ablations.show(kept) in page
