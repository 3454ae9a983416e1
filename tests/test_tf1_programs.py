"""Programs of `examples/tf1` that give the same numbers on tensorgraph and on TensorFlow."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "tf1"
OURS = "import tensorgraph as tf\n"
THEIRS = "import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()\n"

# Programs, whether they take a folder, and some of what they return.
PROGRAMS = {
    "linear_regression": (False, {0: (3, 0.05), 1: (2, 0.05), 2: (0.01, 0.005)}),
    "save_restore": (True, {}),
    "logistic_regression": (False, {1: (0.97, 0.05), 2: (0.97, 0.05)}),
    "mlp": (False, {5: (0.96, 0.02)}),
    "autoencoder": (False, {7: (2.1, 0.2), 8: (4.74, 0.01)}),
    "vae": (False, {0: (27, 1), 10: (22.4, 1)}),
    "gan": (False, {12: (3, 0.1), 13: (0.5, 0.1)}),
    "word2vec": (False, {0: (36, 0)}),
    "while_loop": (False, {0: (1.7, 0.03)}),
    "transfer": (False, {1: (0.97, 0.03)}),
    "data_pipeline": (False, {4: (0.9, 0.05), 5: (3, 0), 6: (5, 0), 7: (2, 0), 8: (4, 0)}),
    "tensorboard": (True, {1: (0.9, 0.06)}),
    "convnet_layers": (False, {5: (0.24, 0.02), 6: (0.95, 0.02)}),
    "batch_norm": (False, {9: (0.083, 0.01), 10: (0.97, 0.02), 11: (0.84, 0.03)}),
    "lstm_digits": (False, {0: (1.24, 0.02), 8: (0.92, 0.03)}),
}

# Winograd's kernels make a little noise of gradients that are exactly zero, as those of the dark
# corners of an image, and Adam makes whole steps of it: the numbers drift apart, as they do between
# any two such kernels. Number for number, programs are compared with the plain ones.
PLAIN = (
    "import tensorgraph as tf\n"
    "from tensorgraph.ops.convolution import winograd\n"
    "winograd.suits = lambda *case: False\n"
)

# How far apart the numbers may be in relation, where it is more than rounding. Max-pooling hands a
# gradient to one pixel: where two are equal but for their last bit, as in the dark parts of digits,
# the order in which a convolution adds up decides which. From gradients that differ by 2e-7 at the
# first step, the losses of the sixth epoch are half a percent apart.
DRIFT = {"convnet_layers": 1e-2}

# TensorFlow's own tf.layers and tf.nn.rnn_cell lie in a package apart.
NEEDS_TF_KERAS = {"convnet_layers", "batch_norm", "lstm_digits"}


def run(text: str, folder: Path, takes_folder: bool, *flags: str) -> list[float]:
    """Run a program in a folder of its own; return what its ``main`` returns."""
    script = folder / "program.py"
    shown = text.replace("    main()\n", "    print(main())\n")
    shown = shown.replace("    main(sys.argv[1:])\n", "    print(main(sys.argv[1:]))\n")
    assert shown != text
    script.write_text(shown, encoding="utf-8")
    arguments = [str(folder / "out")] if takes_folder else []
    done = subprocess.run(
        [sys.executable, *flags, str(script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    result: list[float] = ast.literal_eval(done.stdout.splitlines()[-1])
    return result


def program(name: str) -> str:
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    assert text.count(OURS) == 1
    return text


def needs(name: str) -> None:
    if name == "tensorboard":
        pytest.importorskip("tensorboardX", reason="needs pip install '.[tensorboard]'")


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs(name: str, tmp_path: Path) -> None:
    needs(name)
    takes_folder, expected = PROGRAMS[name]
    result = run(program(name), tmp_path, takes_folder, "-W", "error")
    for place, (value, tolerance) in expected.items():
        assert result[place] == pytest.approx(value, abs=tolerance)
    if name == "save_restore":
        np.testing.assert_array_equal(result[:3], result[3:6])
    if name == "transfer":
        assert result[2] > result[0] + 0.1, "learnt features must be better than random ones"
        assert result[3] == result[4], "the copy was to stay as it is"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_the_numbers_that_tensorflow_gives(name: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("needs TensorFlow: pip install tensorflow-cpu")
    if name in NEEDS_TF_KERAS and importlib.util.find_spec("tf_keras") is None:
        pytest.skip("needs TensorFlow's tf.layers: pip install tf_keras")
    needs(name)
    folders = [tmp_path / "ours", tmp_path / "theirs"]
    for folder in folders:
        folder.mkdir()
    text, takes_folder = program(name), PROGRAMS[name][0]
    mine = run(text.replace(OURS, PLAIN), folders[0], takes_folder)
    theirs = run(text.replace(OURS, THEIRS), folders[1], takes_folder)
    np.testing.assert_allclose(mine, theirs, rtol=DRIFT.get(name, 2e-4), atol=1e-5)
    if name == "tensorboard":
        for part in ("train", "test"):
            assert_same_curves(*(written(f / "out" / part) for f in folders))


def written(folder: Path) -> tuple[list[str], list[tuple[int, str, Any]]]:
    """Return the names of the nodes in the graph of an event file, and all values."""
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_file_loader",
        reason="needs TensorBoard: pip install tensorboard",
    )
    graph_pb2 = importlib.import_module("tensorboard.compat.proto.graph_pb2")
    tensor_util = importlib.import_module("tensorboard.util.tensor_util")
    nodes: list[str] = []
    values = []
    (file,) = folder.iterdir()
    for event in reader.EventFileLoader(str(file)).Load():
        for value in event.summary.value:
            array = tensor_util.make_ndarray(value.tensor)
            if value.tag == "__run_graph__":
                nodes = [n.name for n in graph_pb2.GraphDef.FromString(array.item()).node]
            else:
                values.append((event.step, value.tag, array))
    return nodes, values


def assert_same_curves(mine: Any, theirs: Any) -> None:
    for name in (
        "images",
        "labels",
        "softmax/w",
        "softmax/logits",
        "Momentum",
        "Merge/MergeSummary",
    ):
        assert name in mine[0]
        assert name in theirs[0]
    assert [v[:2] for v in mine[1]] == [v[:2] for v in theirs[1]]
    for (_, tag, a), (_, _, b) in zip(mine[1], theirs[1], strict=True):
        if a.dtype.kind == "f" and a.ndim == 0:
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=tag)
        elif a.dtype.kind == "f":  # a histogram: the counts add up to the same
            assert a[:, 2].sum() == b[:, 2].sum()
        else:  # a picture: width, height, content
            assert a[:2].tolist() == b[:2].tolist()
