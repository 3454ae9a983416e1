"""Compare networks of the zoo with the Keras applications that they describe.

    python benchmarks/keras_applications.py              # all of them
    python benchmarks/keras_applications.py resnet50     # one of them
    python benchmarks/keras_applications.py --write      # and put the table into docs/zoo.md

Both get the same random weights, the statistics of batch normalisation among them, and the same
random image. What is compared is the result before the softmax, which would hide differences.
Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

HERE = Path(__file__).resolve().parent
# So that the script runs from a checkout, too, in an environment that has the peers only.
sys.path.insert(0, str(HERE.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from report import BenchmarkError, cpu, table, write_into  # noqa: E402

import dsl  # noqa: E402
import tensorgraph as tf  # noqa: E402

ZOO = HERE.parent / "examples" / "zoo"
PAGE = HERE.parent / "docs" / "zoo.md"
TOLERANCE = 1e-4

Array = npt.NDArray[np.float32]

# Kinds of layers: Keras's name and ours.
KINDS = {
    "Conv2D": "conv",
    "DepthwiseConv2D": "depthwise",
    "SeparableConv2D": "separable",
    "BatchNormalization": "batchnorm",
    "Normalization": "standardize",
    "Dense": "dense",
}


def as_listed(names: Sequence[str]) -> list[str]:
    """Return the order of the model's own list."""
    return list(names)


def as_numbered(names: Sequence[str]) -> list[str]:
    """Return the order of the numbers in the names, the shortcut's 0 behind 1, 2 and 3."""

    def key(name: str) -> list[Any]:
        parts = re.split(r"(\d+)", re.sub(r"(block\d+)_0_", r"\1_4_", name))
        return [int(part) if part.isdigit() else part for part in parts]

    return sorted(names, key=key)


@dataclass(frozen=True)
class Application:
    """A network of the zoo in Keras.

    Its name there, the order in which its layers come in ours, and the range of its pixels.
    """

    name: str
    order: Callable[[Sequence[str]], list[str]] = as_listed
    pixels: tuple[int, int] = (-1, 1)


APPLICATIONS = {
    "vgg16": Application("VGG16"),
    "resnet50": Application("ResNet50", as_numbered),
    "mobilenet_v1": Application("MobileNet"),
    "mobilenet_v2": Application("MobileNetV2"),
    "inception_v3": Application("InceptionV3", as_numbered),
    "xception": Application("Xception"),
    "densenet121": Application("DenseNet121"),
    "efficientnet_b0": Application("EfficientNetB0", pixels=(0, 255)),
}


@dataclass(frozen=True)
class Comparison:
    """How far the two results for one image are apart, and how long each took."""

    net: str
    parameters: int
    ours: Array
    theirs: Array
    seconds: tuple[float, float]

    @property
    def largest(self) -> float:
        """The largest result before the softmax."""
        return float(np.abs(self.theirs).max())

    @property
    def difference(self) -> float:
        """The largest difference before the softmax."""
        return float(np.abs(self.ours - self.theirs).max())

    @property
    def of_probabilities(self) -> float:
        """The largest difference after the softmax."""
        return float(np.abs(softmax(self.ours) - softmax(self.theirs)).max())

    @property
    def agrees(self) -> bool:
        """Whether the results are of a size at which the difference says something, and agree."""
        return 1.0 < self.largest < 100.0 and self.difference <= TOLERANCE


def softmax(values: Array) -> Array:
    powers = np.exp(values - values.max())
    result: Array = powers / powers.sum()
    return result


def compare(name: str) -> Comparison:
    """Run a network of the zoo and its Keras application with the same weights."""
    import keras

    keras.utils.clear_session()  # the names of layers are numbered from the start again
    model = getattr(keras.applications, APPLICATIONS[name].name)(
        weights=None, classifier_activation=None
    )
    rng = np.random.default_rng(0)
    low, high = APPLICATIONS[name].pixels

    def images(count: int) -> Array:
        return rng.uniform(low, high, [count, *model.input_shape[1:]]).astype(np.float32)

    randomize(model, images(4), rng)
    net = dsl.load(ZOO / f"{name}.net")
    image = images(1)
    started = time.perf_counter()
    theirs = np.asarray(model(image, training=False))
    between = time.perf_counter()
    ours, seconds = run(net, paired(net, model), image)
    return Comparison(name, model.count_params(), ours, theirs, (seconds, between - started))


def randomize(model: Any, images: Array, rng: np.random.Generator) -> None:
    """Set all weights at random, such that the largest result is about ten.

    The statistics of batch normalisation are random as well, not those of the values: a network
    of random weights that really is normalised makes much of each rounding.
    """
    for layer in model.layers:
        values = []
        for weight in layer.weights:
            shape = tuple(weight.shape)
            if weight.name.endswith("kernel"):
                of_channel = weight.name == "depthwise_kernel" or kind(layer) == "depthwise"
                inputs = np.prod(shape[:2] if of_channel else shape[:-1])
                values.append(rng.normal(0, np.sqrt(2 / inputs), shape))
            elif weight.name in {"gamma", "moving_variance", "variance"}:
                values.append(rng.uniform(0.5, 1.5, shape))
            else:
                values.append(rng.normal(0, 0.1, shape))
        layer.set_weights(values)
        if kind(layer) == "standardize":
            layer.finalize_state()  # now it works with them
    classifier = with_weights(model)[-1]
    largest = np.abs(model(images, training=False)).max()
    classifier.set_weights([10 / largest * value for value in classifier.get_weights()])


def with_weights(model: Any) -> list[Any]:
    return [layer for layer in model.layers if layer.weights]


def kind(layer: Any) -> str | None:
    """Return what we call a layer of Keras."""
    if "_se_" in layer.name:  # squeeze and excitation by 1x1 convolutions of a 1x1 image
        return "dense"
    return KINDS.get(type(layer).__name__)


def paired(net: dsl.Net, model: Any) -> Iterator[tuple[str, Array]]:
    """Yield the name of each of our variables with its value."""
    theirs = with_weights(model)
    by_name = {layer.name: layer for layer in theirs}
    listed: dict[str, list[Any]] = {kind: [] for kind in KINDS.values()}
    for name in APPLICATIONS[net.name].order([layer.name for layer in theirs[:-1]]):
        listed[kind(by_name[name]) or name].append(by_name[name])
    # MobileNet's classifier is a 1x1 convolution of a 1x1 image.
    listed["dense"].append(theirs[-1])
    for layer in net.layers:
        if layer.weights:
            values = listed[layer.kind].pop(0).get_weights()
            for weight, value in zip(layer.weights, values, strict=True):
                if squeezed(weight.shape) != squeezed(value.shape):
                    raise BenchmarkError(f"{layer.name}: {weight.shape} is not {value.shape}")
                yield f"{layer.name}/{weight.name}", value.reshape(weight.shape)
    if left := [layer.name for layers in listed.values() for layer in layers]:
        raise BenchmarkError(f"{net.name} lacks {', '.join(left)}")


def squeezed(shape: Sequence[int]) -> list[int]:
    return [size for size in shape if size != 1]


def run(net: dsl.Net, weights: Iterator[tuple[str, Array]], image: Array) -> tuple[Array, float]:
    """Return the result before the softmax, and how long it took."""
    with tf.Graph().as_default(), tf.Session() as session:
        model = dsl.compile_net(net)
        forward = model.apply()
        for name, value in weights:
            model.variables[name].load(value, session)
        started = time.perf_counter()
        result: Array = session.run(forward.logits, {model.input: image})
        return result, time.perf_counter() - started


def report(comparisons: Sequence[Comparison]) -> str:
    """Return the comparisons as a table, and how they were made."""
    import keras
    import tensorflow

    head = ["net", "parameters", "largest result", "difference", "after softmax"]
    rows = [[*head, "seconds", "of Keras"]]
    for found in comparisons:
        numbers = [
            f"{found.largest:.3g}",
            f"{found.difference:.1e}",
            f"{found.of_probabilities:.1e}",
        ]
        times = [f"{seconds:.2f}" for seconds in found.seconds]
        rows.append([found.net, f"{found.parameters:,}", *numbers, *times])
    return (
        f"{table(rows)}\n{datetime.date.today()}, {cpu()}, Python {platform.python_version()},"
        f" NumPy {np.__version__}, Keras {keras.__version__}, TensorFlow {tensorflow.__version__}."
        " One image; seconds of the first run, with its preparation.\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("nets", nargs="*", metavar="NET", help=f"of {', '.join(APPLICATIONS)}")
    parser.add_argument(
        "--write",
        type=Path,
        nargs="?",
        metavar="PAGE",
        const=PAGE,
        help="put the table into a page, between its two marks (docs/zoo.md)",
    )
    arguments = parser.parse_args()
    names = arguments.nets or list(APPLICATIONS)
    if unknown := set(names) - set(APPLICATIONS):
        parser.error(f"no such network: {', '.join(unknown)}")
    try:
        comparisons = []
        for name in names:
            print(name, file=sys.stderr)
            comparisons.append(compare(name))
        text = report(comparisons)
        print(text)
        if differing := [found.net for found in comparisons if not found.agrees]:
            raise BenchmarkError(f"not as in Keras: {', '.join(differing)}")
        if arguments.write:
            write_into(arguments.write, Path(__file__).name, text)
    except BenchmarkError as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
