"""Train the example networks on real data, and write down what came out.

    python benchmarks/figures.py --data ../shared/data
    python benchmarks/figures.py --data ../shared/data --only lenet --write

Each training is `tg train FILE`, in a process of its own, with the file's settings and seed 0. What
came out is kept in ``benchmarks/figures.json``, so that the table can be made in several sittings.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
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


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes
    ----------
    name : str
        What ``--only`` calls it.
    what : str
        What is trained.
    file : str
        The network.
    data : str
        The folder of the data.
    target : float
        The accuracy on the test part that it is to reach.
    options : tuple of str
        What else `tg train` is told.
    """

    name: str
    what: str
    file: str
    data: str
    target: float
    options: tuple[str, ...] = ()


FIGURES = (
    Figure("softmax", "softmax regression", "examples/textbook/mnist_softmax.net", "mnist", 0.92),
    Figure("dense", "MLP with dropout", "examples/textbook/mnist_dense.net", "mnist", 0.982),
    Figure("lenet", "LeNet-5", "examples/lenet5.net", "mnist", 0.990),
    Figure("lab", "the lab network", "examples/textbook/mnist_lab.net", "mnist", 0.992),
    Figure(
        "batchnorm",
        "batch norm and augmentation",
        "examples/mnist/batchnorm.net",
        "mnist",
        0.995,
    ),
    Figure("ensemble", "five networks", "examples/mnist/ensemble.net", "mnist", 0.99),
    Figure("resnet", "a small ResNet", "examples/cifar10/resnet.net", "cifar10", 0.75),
)


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Holds mnist, cifar10."
)
@click.option("--only", multiple=True, type=click.Choice([f.name for f in FIGURES]))
@click.option("--write", is_flag=True, help="Write the table into docs/figures.md.")
@click.option("--threads", default=os.cpu_count() or 1, help="Threads of the matrix products.")
def main(data: Path, only: tuple[str, ...], write: bool, threads: int) -> None:
    """Train, keep the results, and print the table."""
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for figure in FIGURES:
        if figure.name in only or (not only and figure.name not in results):
            results[figure.name] = train(figure, data, threads)
            write_atomically(RESULTS, (json.dumps(results, indent=2) + "\n").encode())
    text = show(results)
    click.echo(text)
    if write:
        write_into(PAGE, "figures.py", text)


def train(figure: Figure, data: Path, threads: int) -> dict[str, Any]:
    """Train one network and return what the table shows of it."""
    with tempfile.TemporaryDirectory() as scratch:
        source = data / figure.data
        for archive in source.glob("*.tar.xz"):
            with tarfile.open(archive) as packed:
                packed.extractall(scratch, filter="data")
            source = next(path for path in Path(scratch).rglob("train")).parent
        command = [str(Path(sys.executable).with_name("tg")), "train", str(ROOT / figure.file)]
        command += ["--data", str(source), "--seed", "0", "--out", f"{scratch}/run"]
        click.echo(f"{figure.what}: {figure.file}", err=True)
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
        subprocess.run([*command, *figure.options], check=True, env=environment)
        summary = json.loads(Path(scratch, "run", "summary.json").read_text())
    kept = ("epochs", "steps", "seconds", "parameters", "test_accuracy", "members", "seed")
    return {key: summary[key] for key in kept if key in summary} | {
        "date": str(date.today()),
        "threads": threads,
        "cpu": cpu(),
        "version": summary["versions"]["tensorgraph"],
    }


def show(results: dict[str, Any]) -> str:
    """Return the results as a table."""
    rows = [["network", "parameters", "epochs", "minutes", "test accuracy", "to reach", "date"]]
    for figure in FIGURES:
        result = results.get(figure.name)
        if result is None:
            continue
        rows.append(
            [
                f"[{figure.what}](../{figure.file})",
                f"{result['parameters']:,}",
                str(result["epochs"]),
                f"{result['seconds'] / 60:.1f}",
                f"{result['test_accuracy']:.2%}{best_member(result)}",
                f"{figure.target:.1%}",
                result["date"],
            ]
        )
    machines = sorted({f"{r['cpu']}, {r['threads']} threads" for r in results.values()})
    return f"{table(rows)}\nSeed 0; {'; '.join(machines)}.\n"


def best_member(result: dict[str, Any]) -> str:
    """Return what the best model of an ensemble reaches alone; nothing for a single model."""
    members = [member["test_accuracy"] for member in result.get("members", ())]
    return f" (its best member {max(members):.2%})" if members else ""


if __name__ == "__main__":
    main()
