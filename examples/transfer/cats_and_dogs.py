"""Cats against dogs with few pictures: what a network gains from one that knows other things.

Four networks see the same pictures: one from nothing; one that keeps the layers of a base, which
was trained on the other eight kinds of CIFAR-10, and learns a head only; and that one trained
further, with the upper half of the base set free.

    python examples/transfer/cats_and_dogs.py cifar10-jpg.tar.xz --out runs/pets

The pictures are a folder, or an archive of one, with a folder for each kind.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import dsl
from dsl.training.run import RunResult, train
from dsl.training.trainer import with_settings
from dsl.training.transfer import start_from
from tensorgraph import data

HERE = Path(__file__).parent
PETS = ("cat", "dog")
OTHERS = ("airplane", "automobile", "bird", "deer", "frog", "horse", "ship", "truck")


def run(
    name: str,
    examples: data.ExampleSet,
    source: str,
    out: Path,
    start: Path | None = None,
    epochs: int | None = None,
) -> RunResult:
    """Train one of the files beside this one."""
    net = dsl.load(HERE / f"{name}.net", examples.input_shape, examples.classes)
    net = with_settings(net, epochs=epochs)
    if start is not None:
        net = start_from(net, start)
    result = train(net, examples, source, out=out)
    print(f"{out}: test accuracy {result.summary['test_accuracy']:.4f}", flush=True)
    return result


def some_of(examples: data.ExampleSet, count: int) -> data.ExampleSet:
    """Return a set with so many training examples only, equally many of each class."""
    if count >= len(examples.x_train):
        return examples
    parts = data.split_validation(examples, count / len(examples.x_train), seed=0)
    empty = examples.x_val, examples.y_val
    return replace(
        examples, x_train=parts.x_val, y_train=parts.y_val, x_val=empty[0], y_val=empty[1]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", help="the pictures of CIFAR-10")
    parser.add_argument("--out", type=Path, default=Path("runs/pets"), help="a new folder")
    parser.add_argument("--pets", type=int, nargs="+", default=[200, 1000, 10000])
    parser.add_argument("--limit", type=int, help="train the base on so many pictures")
    parser.add_argument("--epochs", type=int, help="train so long, whatever the files say")
    given = parser.parse_args()

    others = data.load(given.data, only=OTHERS)
    if given.limit:
        others = some_of(others, given.limit)
    base = run("base", others, given.data, given.out / "base", epochs=given.epochs)
    pets = data.load(given.data, only=PETS)
    rows = []
    for count in given.pets:
        few = some_of(pets, count)
        folder = given.out / str(count)
        scratch = run("scratch", few, given.data, folder / "scratch", epochs=given.epochs)
        head = run("head", few, given.data, folder / "head", base.folder.path, given.epochs)
        tuned = run("tuned", few, given.data, folder / "tuned", head.folder.path, given.epochs)
        scores = [r.summary["test_accuracy"] for r in (scratch, head, tuned)]
        cells = [str(len(few.x_train)), *(f"{score:.2%}".replace("%", " %") for score in scores)]
        rows.append(f"| {' | '.join(cells)} |")
    print("\n| pictures | from nothing | new head | then tuned |\n| --- | --- | --- | --- |")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
