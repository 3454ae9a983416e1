"""What single techniques are worth: small trainings with and without each, on MNIST.

    python benchmarks/ablations.py --data ../shared/data/mnist
    python benchmarks/ablations.py --data ../shared/data/mnist --only pca --write

Each training is `tg train`, in a process of its own. What came out is kept in
``benchmarks/ablations.json``, so that the table can be made in several sittings.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import click
from report import cpu, table, write_into

from tensorgraph.base.files import write_atomically

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_suffix(".json")
PAGE = ROOT / "docs" / "figures.md"

SEEDS = (0, 1, 2)

DENSE = "dense 100 relu; dense 10 softmax"
WIDE = "dense 512 relu; dense 512 relu; dense 10 softmax"
CONVOLUTIONS = "conv 16 5x5 relu; maxpool 2; conv 32 5x5 relu; maxpool 2; dense 10 softmax"


@dataclass(frozen=True)
class Ablation:
    """One line of the table.

    Attributes
    ----------
    name : str
        What ``--only`` calls it.
    what : str
        The technique.
    net : str
        The layers.
    without, using : str
        The settings, without the technique and with it.
    limit : int
        How many examples there are to train and to test with.
    """

    name: str
    what: str
    net: str
    without: str
    using: str
    limit: int = 60_000

    def file(self, settings: str) -> str:
        """Return a ``.net`` file with some settings."""
        return f"{self.net}\ntrain {{ {settings} }}\n"


_STOPPED = "validation=0.2; epochs 60; optimizer adam lr=0.001"

ABLATIONS = (
    Ablation(
        "standardize",
        "each pixel with mean 0 and spread 1",
        DENSE,
        "data mnist; epochs 3",
        "data mnist; epochs 3; preprocess { standardize }",
    ),
    Ablation(
        "pca",
        "50 principal components in place of 784 pixels",
        DENSE,
        "data mnist; epochs 3",
        "data mnist; epochs 3; preprocess { pca 50 }",
    ),
    Ablation(
        "whiten",
        "the same components, whitened",
        DENSE,
        "data mnist; epochs 3; preprocess { pca 50 }",
        "data mnist; epochs 3; preprocess { pca 50; whiten }",
    ),
    Ablation(
        "stop",
        "early stopping, and the best epoch's weights",
        WIDE,
        f"data mnist {_STOPPED}",
        f"data mnist {_STOPPED}; stop patience=5 on=val_loss; checkpoint best=val_loss",
        2000,
    ),
    Ablation(
        "augment",
        "images moved by up to 2 pixels and turned by up to 10 degrees",
        CONVOLUTIONS,
        "data mnist; epochs 30",
        "data mnist; epochs 30; augment { shift 2; rotate 10 }",
        2000,
    ),
)


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="The files of MNIST.")
@click.option("--only", multiple=True, type=click.Choice([a.name for a in ABLATIONS]))
@click.option("--write", is_flag=True, help="Write the table into docs/figures.md.")
@click.option("--threads", default=os.cpu_count() or 1, help="Threads of the matrix products.")
def main(data: Path, only: tuple[str, ...], write: bool, threads: int) -> None:
    """Train, keep the results, and print the table."""
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for ablation in ABLATIONS:
        if ablation.name in only or (not only and ablation.name not in results):
            results[ablation.name] = {
                "without": [train(ablation, ablation.without, data, s, threads) for s in SEEDS],
                "with": [train(ablation, ablation.using, data, s, threads) for s in SEEDS],
                "conditions": f"{date.today()}, {cpu()}, threads: {threads}",
            }
            write_atomically(RESULTS, (json.dumps(results, indent=2) + "\n").encode())
    text = show(results)
    click.echo(text)
    if write:
        write_into(PAGE, "ablations.py", text)


def train(
    ablation: Ablation, settings: str, data: Path, seed: int, threads: int
) -> dict[str, float]:
    """Train once; return what the table shows of it."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, f"{ablation.name}.net")
        file.write_text(ablation.file(settings), encoding="utf-8")
        command = [str(Path(sys.executable).with_name("tg")), "train", str(file), "--quiet"]
        command += ["--data", str(data.resolve()), "--seed", str(seed), "--out", f"{scratch}/run"]
        command += ["--limit", str(ablation.limit), "--no-report"]
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
        subprocess.run(command, check=True, env=environment)
        summary = json.loads(Path(scratch, "run", "summary.json").read_text())
    return {key: summary[key] for key in ("test_accuracy", "epochs", "seconds")}


def show(results: dict[str, Any]) -> str:
    """Return the results as a table."""
    rows = [["technique", "network", "examples", "without", "with"]]
    for ablation in ABLATIONS:
        if result := results.get(ablation.name):
            without, using = (reached(result[key]) for key in ("without", "with"))
            rows.append([ablation.what, f"`{ablation.net}`", f"{ablation.limit:,}", without, using])
    sittings = sorted({result["conditions"] for result in results.values()})
    seeds = ", ".join(map(str, SEEDS))
    return (
        f"{table(rows)}\nTest accuracy, the mean and the spread of seeds {seeds}; in parentheses"
        f" epochs and seconds of one training. {'; '.join(sittings)}.\n"
    )


def reached(runs: list[dict[str, float]]) -> str:
    """Return what several trainings came to."""
    accuracies = [run["test_accuracy"] for run in runs]
    epochs, seconds = (statistics.mean(run[key] for run in runs) for key in ("epochs", "seconds"))
    mean, spread = statistics.mean(accuracies), statistics.stdev(accuracies)
    return f"{mean:.2%} ± {100 * spread:.2f} ({epochs:.0f}, {seconds:.0f} s)"


if __name__ == "__main__":
    main()
