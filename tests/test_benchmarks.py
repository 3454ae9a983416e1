"""The benchmark runs, refuses what does not learn, and writes its table where it belongs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

STEP = Path(__file__).resolve().parents[1] / "benchmarks" / "step.py"

PAGE = """\
# Before
<!-- step.py writes from here -->
old numbers
<!-- to here -->
after
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(STEP), "--libraries", "tensorgraph", "--rounds", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_network_is_timed_and_the_table_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    done = run("mlp", "--write", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Before\n")
    assert text.endswith("<!-- to here -->\nafter\n")
    assert "\n| mlp | " in text
    assert "old numbers" not in text


def test_a_loss_that_does_not_fall_is_an_error() -> None:
    done = run("mlp", "--steps", "1")
    assert done.returncode == 1
    assert "tensorgraph does not learn mlp: the loss went from" in done.stderr


def test_an_unknown_network_is_refused() -> None:
    done = run("vgg")
    assert done.returncode == 2
    assert "no such network: vgg" in done.stderr


def test_a_chain_is_built_differentiated_and_run() -> None:
    command = [sys.executable, str(STEP.with_name("chain.py")), "3000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, *stages = done.stdout.splitlines()
    assert first == "a chain of 3,000 additions"
    assert [line.split("  ")[0] for line in stages] == [
        *("build", "differentiate", "first run, with the plan", "each further run")
    ]


def test_ways_to_convolve_are_timed_and_the_table_written(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace("step.py", "convolution.py"), encoding="utf-8")
    script = str(STEP.with_name("convolution.py"))
    command = [sys.executable, script, "lenet 2", "--runs", "1", "--write", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert "\n| lenet 2 | 64x14x14x6 → 16, 5x5 valid | " in text
    assert "old numbers" not in text
    missing = subprocess.run(
        [sys.executable, script, "vgg"], capture_output=True, text=True, check=False
    )
    assert missing.returncode == 2
    assert "no such shape: vgg" in missing.stderr
