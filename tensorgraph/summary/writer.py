"""`FileWriter`: event files, which TensorBoard reads."""

from __future__ import annotations

import itertools
import os
import time
import warnings
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np

from tensorgraph.base.dtypes import DType
from tensorgraph.base.optional import require
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.graph_def import OUTPUT_SHAPES, GraphDef
from tensorgraph.ops.summary import protocol

_NUMBERS = itertools.count()  # tell the files of one process apart
_TYPES = {"float16": "half", "float32": "float", "float64": "double"}
_LARGEST_TENSOR = 1024  # values of more bytes are not part of the picture of a graph


def _library(module: str) -> Any:
    return require(f"tensorboardX.{module}", "tensorboard", "tf.summary.FileWriter")


class FileWriter:
    """Writes summaries and graphs to a new event file of a folder.

    Parameters
    ----------
    logdir : str
        The folder; it is made where there is none.
    graph : Graph, optional
        A graph to write at once.
    max_queue : int, default 10
        After so many events they are brought to the disk.
    flush_secs : float, default 120
        Also after so many seconds, with the next event.
    graph_def : GraphDef, optional
        A graph to write at once.
    filename_suffix : str, optional
        The end of the file's name.
    session : object
        Accepted for TensorFlow's sake.

    Raises
    ------
    ImportError
        If the extra ``tensorboard`` is not installed.
    OSError
        If the file cannot be written.
    """

    def __init__(
        self,
        logdir: str,
        graph: Graph | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        graph_def: GraphDef | None = None,
        filename_suffix: str | None = None,
        session: Any = None,
    ) -> None:
        del session
        self._logdir = os.fspath(logdir)
        self._suffix = filename_suffix or ""
        self._max_queue, self._flush_secs = max_queue, flush_secs
        self._file: Any = None
        self.reopen()
        if graph is not None or graph_def is not None:
            self.add_graph(graph, graph_def=graph_def)

    def get_logdir(self) -> str:
        """Return the folder."""
        return self._logdir

    def reopen(self) -> None:
        """Begin a new file, if the writer is closed."""
        if self._file is not None:
            return
        os.makedirs(self._logdir, exist_ok=True)
        suffix = f".{os.getpid()}.{next(_NUMBERS)}{self._suffix}"
        prefix = os.path.join(self._logdir, "events")
        self._file = _library("event_file_writer").EventsWriter(prefix, suffix)
        self.flush()

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write a summary.

        Parameters
        ----------
        summary : bytes or Summary
            What running a summary gave.
        global_step : int, optional
            The step that it belongs to.
        """
        if isinstance(summary, bytes):
            summary = protocol().Summary.FromString(summary)
        self._add(global_step, summary=summary)

    def add_graph(
        self,
        graph: Graph | GraphDef | None,
        global_step: Any = None,
        graph_def: GraphDef | None = None,
    ) -> None:
        """Write a graph, with the shapes of its tensors.

        Raises
        ------
        TypeError
            If there is none.
        """
        source = graph_def if graph is None else graph
        if isinstance(source, Graph):
            source = source.as_graph_def(add_shapes=True)
        if not isinstance(source, GraphDef):
            raise TypeError(f"a Graph or GraphDef is needed, not {source!r}")
        self._add(global_step, graph_def=_graph_message(source).SerializeToString())

    def add_event(self, event: Any) -> None:
        """Write an ``Event``, a message of TensorFlow's protocol buffers."""
        if self._file is None:
            warnings.warn(
                "this FileWriter is closed: nothing is written before reopen()", stacklevel=3
            )
            return
        self._file.write_event(event)
        self._pending += 1
        if self._pending >= self._max_queue or time.time() - self._flushed > self._flush_secs:
            self.flush()

    def _add(self, global_step: Any, **content: Any) -> None:
        event = _library("proto.event_pb2").Event(wall_time=time.time(), **content)
        if global_step is not None:
            event.step = int(global_step)
        self.add_event(event)

    def flush(self) -> None:
        """Bring to the disk what was written so far."""
        if self._file is not None:
            self._file.flush()
        self._pending, self._flushed = 0, time.time()

    def close(self) -> None:
        """Bring everything to the disk and end the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _graph_message(graph_def: GraphDef) -> Any:
    """Return a graph as TensorFlow's message of that name."""
    result = _library("proto.graph_pb2").GraphDef()
    for node in graph_def.node:
        message = result.node.add(name=node.name, op=node.op, device=node.device)
        message.input.extend(node.input)
        for key, value in node.attr.items():
            if key == OUTPUT_SHAPES:
                message.attr[key].list.shape.extend([_shape(dims) for dims in value])
            else:
                _set_attribute(message.attr[key], key, value)
    return result


def _shape(dims: Sequence[int | None] | None) -> Any:
    message = _library("proto.tensor_shape_pb2").TensorShapeProto
    if dims is None:
        return message(unknown_rank=True)
    return message(dim=[{"size": -1 if d is None else d} for d in dims])


def _type(dtype: DType) -> str:
    return f"DT_{_TYPES.get(dtype.name, dtype.name).upper()}"


def _set_attribute(message: Any, key: str, value: Any) -> None:
    """Fill an attribute of a node with what TensorBoard can show of a value."""
    if isinstance(value, bool | np.bool_):
        message.b = bool(value)
    elif isinstance(value, int | np.integer):
        message.i = int(value)
    elif isinstance(value, float | np.floating):
        message.f = float(value)
    elif isinstance(value, DType):
        message.type = getattr(_library("proto.types_pb2"), _type(value), 0)
    elif key == "shape":
        message.shape.CopyFrom(_shape(value))
    elif isinstance(value, np.ndarray) and value.nbytes > _LARGEST_TENSOR:
        message.s = f"{value.dtype} of shape {value.shape}".encode()
    else:
        message.s = str(value).encode()
