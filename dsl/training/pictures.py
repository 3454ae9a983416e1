"""The picture of a network's graph, in a file."""

from __future__ import annotations

from pathlib import Path

import tensorgraph as tf
from dsl.compiler import build_loss, compile_net
from dsl.network import Net
from tensorgraph.base.errors import DataError
from tensorgraph.base.files import write_atomically
from tensorgraph.viz import FORMATS, GraphvizMissingError, Picture, render


def draw_net(net: Net, format: str = "svg", *, gradients: bool = False) -> Picture:
    """Return a picture of a network.

    Parameters
    ----------
    net : Net
        The network; the shape of its input is known.
    format : str, default "svg"
        One of `tensorgraph.viz.FORMATS`.
    gradients : bool, default False
        Draw loss, gradients and updates too.

    Raises
    ------
    GraphvizMissingError
        If nothing on this machine can draw it; the error holds the DOT text.
    """
    with tf.Graph().as_default():
        model = compile_net(net)
        forward = model.apply(training=gradients)
        if not gradients:
            return render(list(forward.outputs), format=format, title=net.name)
        labels = tf.placeholder(tf.int64, [None], name="labels")
        loss = build_loss(model, forward, labels)
        update = net.train.optimizer.build().minimize(loss)
        return render([loss, update], format=format, gradients=True, title=net.name)


def write_picture(path: Path, net: Net, *, gradients: bool = False) -> tuple[Path, str]:
    """Draw a network into a file, whose ending says the format.

    Parameters
    ----------
    path : Path
        The file.
    net, gradients
        As for `draw_net`.

    Returns
    -------
    path : Path
        What was written: `path`, or DOT text beside it where nothing can draw.
    note : str
        What to install then; else empty.

    Raises
    ------
    DataError
        If the ending is of no known format, or the file cannot be written.
    """
    format = path.suffix.removeprefix(".").lower()
    if format not in FORMATS:
        raise DataError(f"{path}: the ending must be one of {', '.join('.' + f for f in FORMATS)}")
    try:
        try:
            content, note = draw_net(net, format, gradients=gradients).content, ""
        except GraphvizMissingError as error:
            path, note = path.with_suffix(".dot"), str(error)
            content = error.dot.encode()
        write_atomically(path, content)
    except OSError as error:
        raise DataError(f"cannot write {path}: {error}") from None
    return path, note
