"""`tf.summary`: what the strings say, and that TensorBoard reads the files."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgraph as tf
from tensorgraph.base.png import encode_png
from tensorgraph.ops.summary import bucket_limits

pytest.importorskip("tensorboardX", reason="needs pip install '.[tensorboard]'")


def values(t: Any, make: Callable[[Any], Any]) -> list[Any]:
    """Return the values of a summary, made and run in either engine."""
    with t.Graph().as_default(), t.Session() as session:
        string = session.run(make(t))
        assert isinstance(string, bytes)
        return list(tf.summary.Summary.FromString(string).value)


def pixels_of(png: bytes) -> npt.NDArray[np.uint8]:
    """Return the pixels of a PNG file."""
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(png)))


NUMBERS = np.array([0.0, 1.0, -3.0, 2.0, 2.0, 1e-13], np.float32)
PICTURES = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)
SUMMARIES: dict[str, Callable[[Any], Any]] = {
    "scalar": lambda t: t.summary.scalar("loss", 2.5),
    "scalar, int": lambda t: t.summary.scalar("loss", t.constant(3)),
    "scalar, odd name": lambda t: t.summary.scalar("/my loss: 1", 2.5),
    "scalar, family": lambda t: t.summary.scalar("loss", 2.5, family="a family"),
    "histogram": lambda t: t.summary.histogram("h", NUMBERS),
    "histogram of one": lambda t: t.summary.histogram("h", 3),
    "histogram of nothing": lambda t: t.summary.histogram("h", NUMBERS[:0]),
    "histogram of large": lambda t: t.summary.histogram("h", np.array([1e30, -1e30, 1e20])),
    "images": lambda t: t.summary.image("i", PICTURES),
    "images, one": lambda t: t.summary.image("i", PICTURES, max_outputs=1),
    "images, negative": lambda t: t.summary.image("i", PICTURES - 5),
    "images, black": lambda t: t.summary.image("i", PICTURES * 0),
    "images, bytes": lambda t: t.summary.image("i", PICTURES.astype(np.uint8)),
    "images, bad": lambda t: t.summary.image("i", np.where(PICTURES == 4, np.nan, PICTURES)),
    "images, grey": lambda t: t.summary.image("i", PICTURES[..., :1]),
    "images, four channels": lambda t: t.summary.image("i", PICTURES.reshape(3, 2, 1, 4)),
    "text": lambda t: t.summary.text("t", t.constant(["a", "*b*"])),
    "text, one": lambda t: t.summary.text("t", t.constant("ä")),
    "merged": lambda t: t.summary.merge(
        [t.summary.scalar("a", 1.0), t.summary.histogram("b", NUMBERS)]
    ),
}


@pytest.mark.parametrize("name", SUMMARIES)
def test_summaries_are_tensorflows(name: str, tf1: Any) -> None:
    mine, theirs = values(tf, SUMMARIES[name]), values(tf1, SUMMARIES[name])
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        for part in (a, b):
            if part.HasField("image"):  # one picture can be packed in several ways
                part.image.encoded_image_string = pixels_of(
                    part.image.encoded_image_string
                ).tobytes()
        assert a == b


def test_a_scalar() -> None:
    with tf.Graph().as_default(), tf.name_scope("train"):
        a, b = tf.summary.scalar("my loss", 2.5), tf.summary.scalar("my loss", 1.5)
        c = tf.summary.scalar("c", 1.0, family="f")
        assert [t.name for t in (a, b, c)] == [
            "train/my_loss:0", "train/my_loss_1:0", "train/f/c:0",
        ]  # fmt: skip
        assert (a.dtype, a.shape.as_list(), a.op.type) == (tf.string, [], "ScalarSummary")
        with tf.Session() as session:
            found = [tf.summary.Summary.FromString(s).value[0] for s in session.run([a, b, c])]
    assert [(v.tag, v.simple_value) for v in found] == [
        ("train/my_loss", 2.5), ("train/my_loss_1", 1.5), ("f/train/f/c", 1.0),
    ]  # fmt: skip


@given(hnp.arrays(np.float64, st.integers(0, 30), elements=st.floats(-1e25, 1e25)))
def test_a_histogram_counts_every_value(numbers: npt.NDArray[np.float64]) -> None:
    (value,) = values(tf, lambda t: t.summary.histogram("h", numbers))
    found = value.histo
    assert sum(found.bucket) == found.num == numbers.size
    if numbers.size:
        assert (found.min, found.max) == (numbers.min(), numbers.max())
    np.testing.assert_allclose(found.sum, numbers.sum(), rtol=1e-9, atol=1e-9)
    # Each bucket by counting.
    below = -np.inf
    for limit, count in zip(found.bucket_limit, found.bucket, strict=True):
        assert count == np.sum((numbers >= below) & (numbers < limit))
        below = limit
    assert set(found.bucket_limit) <= set(bucket_limits())


def test_pictures() -> None:
    found = values(tf, lambda t: t.summary.image("i", PICTURES, max_outputs=5))
    assert [v.tag for v in found] == ["i/image/0", "i/image/1"]
    for value, picture in zip(found, PICTURES, strict=True):
        image = value.image
        assert (image.height, image.width, image.colorspace) == (2, 2, 3)
        scaled = picture * (255 / picture.max())
        np.testing.assert_allclose(pixels_of(image.encoded_image_string), scaled, atol=1)


@given(
    hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 5), st.integers(1, 5), st.sampled_from([1, 3, 4])),
    )
)
def test_pngs_are_read_back(pixels: npt.NDArray[np.uint8]) -> None:
    found = pixels_of(encode_png(pixels))
    np.testing.assert_array_equal(found.reshape(pixels.shape), pixels)


def test_all_are_merged() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        assert tf.summary.merge_all() is None
        with tf.name_scope("a"):
            tf.summary.scalar("x", 1.0)
        tf.summary.scalar("b", 2.0)
        tf.summary.scalar("c", 3.0, collections=["other"])

        def tags(merged: Any) -> list[str]:
            return [v.tag for v in tf.summary.Summary.FromString(session.run(merged)).value]

        merged = tf.summary.merge_all()
        assert merged is not None
        assert (merged.name, tags(merged)) == ("Merge/MergeSummary:0", ["a/x", "b"])
        assert tags(tf.summary.merge_all(scope="a/")) == ["a/x"]
        assert tags(tf.summary.merge_all("other")) == ["c"]


def test_summaries_that_make_no_sense() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        with pytest.raises(ValueError, match=r"needs a scalar, not shape \(2,\)"):
            tf.summary.scalar("s", [1.0, 2.0])
        with pytest.raises(ValueError, match=r"not \(2,\)"):
            tf.summary.image("i", [1.0, 2.0])
        with pytest.raises(ValueError, match="3 or 4 channels"):
            tf.summary.image("i", np.zeros((1, 2, 2, 2), np.float32))
        with pytest.raises(TypeError, match="must be one of string"):
            tf.summary.text("t", 3.0)
        with pytest.raises(ValueError, match="at least 1 input"):
            tf.summary.merge([])
        for bad in (np.nan, np.inf):
            with pytest.raises(tf.errors.InvalidArgumentError, match="NaN or infinity in the hist"):
                session.run(tf.summary.histogram("h", [bad]))
        same = tf.summary.scalar("s", 1.0)
        with pytest.raises(tf.errors.InvalidArgumentError, match="two summaries have the tag"):
            session.run(tf.summary.merge([same, same]))
        with pytest.raises(AttributeError, match="sound file of its own"):
            _ = tf.summary.audio


# Files


def events(folder: Path) -> list[Any]:
    """Return the events of a folder's files, in order, checked against TFRecord's format."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = []
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        while content:
            length = int.from_bytes(content[:8], "little")
            found.append(event_pb2.Event.FromString(content[12 : 12 + length]))
            content = content[16 + length :]
    return found


def test_what_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    config = tf.ConfigProto(allow_soft_placement=True)
    with tf.Graph().as_default() as graph, tf.Session(config=config) as session:
        x = tf.placeholder(tf.float32, [None, 3], name="x")
        with tf.device("/gpu:0"):
            tf.reduce_sum(x, name="sum")
        loss = tf.summary.scalar("loss", 2.5)
        with tf.summary.FileWriter(str(folder), graph) as writer:
            assert writer.get_logdir() == str(folder)
            writer.add_summary(session.run(loss), 3)
            byhand = tf.summary.Summary()
            byhand.value.add(tag="by hand", simple_value=4.0)
            writer.add_summary(byhand, np.int64(5))
            writer.add_summary(byhand)
    version, drawn, *rest = events(folder)
    assert version.file_version == "brain.Event:2"
    assert [(e.step, e.summary.value[0].tag) for e in rest] == [
        (3, "loss"), (5, "by hand"), (0, "by hand"),
    ]  # fmt: skip
    graph_pb2 = pytest.importorskip("tensorboardX.proto.graph_pb2")
    nodes = {n.name: n for n in graph_pb2.GraphDef.FromString(drawn.graph_def).node}
    assert list(nodes) == [op.name for op in graph.get_operations()]
    assert list(nodes["sum"].input) == ["x"]
    assert nodes["sum"].device == "/device:GPU:0"
    shape = nodes["x"].attr["_output_shapes"].list.shape[0]
    assert [d.size for d in shape.dim] == [-1, 3]
    assert [d.size for d in nodes["x"].attr["shape"].shape.dim] == [-1, 3]


def test_every_op_has_a_place_in_the_picture(tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.string, name="anything")
        tf.identity(x)
        w = tf.Variable(tf.zeros([100, 100]))
        tf.train.AdamOptimizer().minimize(tf.reduce_sum(tf.square(w)))
        tf.data.Dataset.range(3).make_one_shot_iterator().get_next()
        tf.constant(np.zeros((300, 300)))
        tf.summary.FileWriter(str(tmp_path), graph_def=graph.as_graph_def()).close()
    _, drawn = events(tmp_path)
    assert len(drawn.graph_def) < 20_000  # large constants are not part of it


def test_files_of_one_second_are_two_files(tmp_path: Path) -> None:
    writers = [tf.summary.FileWriter(str(tmp_path), filename_suffix=".x") for _ in range(2)]
    for writer in writers:
        writer.close()
    names = [f.name for f in tmp_path.iterdir()]
    assert len(names) == 2
    assert all("tfevents" in n and n.endswith(".x") for n in names)


def test_flush_and_close_and_reopen(tmp_path: Path) -> None:
    summary = tf.summary.Summary()
    summary.value.add(tag="a", simple_value=1.0)
    writer = tf.summary.FileWriter(str(tmp_path), max_queue=3)
    writer.add_summary(summary)
    assert len(events(tmp_path)) == 1
    writer.flush()
    assert len(events(tmp_path)) == 2
    for _ in range(3):
        writer.add_summary(summary)
    assert len(events(tmp_path)) == 5
    writer.close()
    writer.close()
    with pytest.warns(UserWarning, match="closed"):
        writer.add_summary(summary)
    writer.reopen()
    writer.add_summary(summary)
    writer.close()
    assert len(events(tmp_path)) == 7
    with pytest.raises(TypeError, match="a Graph or GraphDef is needed"):
        writer.add_graph(None)


def test_tensorboard_reads_it(tmp_path: Path) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="needs TensorBoard: pip install tensorboard",
    )
    with tf.Graph().as_default() as graph, tf.Session() as session:
        x = tf.placeholder(tf.float32, [None], name="x")
        tf.summary.scalar("average", tf.reduce_mean(x))
        tf.summary.histogram("x", x)
        tf.summary.image("picture", PICTURES)
        tf.summary.text("text", tf.constant("a *note*"))
        merged = tf.summary.merge_all()
        with tf.summary.FileWriter(str(tmp_path), graph) as writer:
            for step in range(3):
                writer.add_summary(session.run(merged, {x: [step, step + 1.0]}), step)
    board = reader.EventAccumulator(
        str(tmp_path), size_guidance=dict.fromkeys(["images", "histograms", "tensors"], 0)
    )
    board.Reload()
    assert [(e.step, e.value) for e in board.Scalars("average")] == [(0, 0.5), (1, 1.5), (2, 2.5)]
    assert [h.histogram_value.num for h in board.Histograms("x_1")] == [2.0] * 3
    assert board.Tags()["images"] == ["picture/image/0", "picture/image/1"]
    assert board.Images("picture/image/0")[0].width == 2
    assert board.Tensors("text")[0].tensor_proto.string_val == [b"a *note*"]
    drawn = {n.name: n for n in board.Graph().node}
    assert drawn["x"].attr["_output_shapes"].list.shape[0].dim[0].size == -1
    assert drawn["average"].op == "ScalarSummary"


def test_without_the_library_the_error_says_how_to_install_it() -> None:
    program = (
        "import sys; sys.modules['tensorboardX'] = None\n"
        "import tensorgraph as tf\n"
        "for f in (lambda: tf.summary.scalar('a', 1.0), lambda: tf.summary.FileWriter('.')):\n"
        "    try: f()\n"
        "    except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.stdout.count("pip install 'tensorgraph-engine[tensorboard]'") == 2


def test_the_checksums_are_what_readers_expect() -> None:
    # PNG's own, by an independent way: over kind and data of the first chunk.
    png = encode_png(np.zeros((1, 1, 1), np.uint8))
    assert zlib.crc32(png[12:29]).to_bytes(4, "big") == png[29:33]
