"""`GraphDef`: a graph as data, which can be written to a file and imported into another graph.

In a file it is JSON::

    {"format": "tensorgraph graph", "version": 1,
     "node": [{"name": "x", "op": "Placeholder", "input": [],
               "attr": {"dtype": {"dtype": "float32"}, "shape": {"tuple": [null, 3]}}},
              {"name": "y", "op": "Square", "input": ["x"]}]}

``input`` names tensors: ``"x"`` is output 0 of node x, ``"x:1"`` is output 1, ``"^x"`` says that x
must run before. ``device`` stands there where one was asked for. The values of ``attr`` are JSON's
own where it has them; others are objects of one key:

========== =====================================================================================
key        value
========== =====================================================================================
``dtype``  the name of an element type
``tuple``  a list of values
``dict``   a list of pairs of key and value
``float``  ``"nan"``, ``"inf"`` or ``"-inf"``
``tensor`` an array: its ``dtype``, its ``shape``, and its elements in row-major order as
           ``values`` (finite numbers, bools), ``strings`` (each in base64) or ``bytes`` (all
           together, little-endian, in base64)
``opaque`` what cannot be written, as a Python function, in words; such a node cannot be imported
========== =====================================================================================
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tensorgraph.base.dtypes import DType, as_dtype

if TYPE_CHECKING:
    from tensorgraph.graph.graph import Graph
    from tensorgraph.graph.node import Operation, Tensor

_FORMAT, _VERSION = "tensorgraph graph", 1
_LISTED = 16  # larger arrays are written as bytes

# The attribute that holds what is known of the outputs' shapes, where that is written.
OUTPUT_SHAPES = "_output_shapes"


@dataclass(frozen=True)
class Opaque:
    """Stands for an attribute that could not be written."""

    description: str


@dataclass
class NodeDef:
    """One operation as data.

    Attributes
    ----------
    name, op : str
        Its name and its type.
    input : list of str
        The tensors it takes, then the operations it waits for with a ``^`` before their name.
    device : str
        Where it was asked to run.
    attr : dict
        Its constant settings.
    """

    name: str = ""
    op: str = ""
    input: list[str] = field(default_factory=list)
    device: str = ""
    attr: dict[str, Any] = field(default_factory=dict)


@dataclass
class GraphDef:
    """A graph as data.

    Attributes
    ----------
    node : list of NodeDef
        The operations.
    """

    node: list[NodeDef] = field(default_factory=list)

    def SerializeToString(self) -> bytes:  # noqa: N802 - the name that users know
        """Return it as JSON, in UTF-8."""
        return json.dumps(self.to_dict(), indent=1).encode()

    def ParseFromString(self, serialized: bytes) -> None:  # noqa: N802
        """Become the graph of some JSON.

        Raises
        ------
        ValueError
            If it is not of the kind that `SerializeToString` gives.
        """
        try:
            self.node = GraphDef.from_dict(json.loads(serialized)).node
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"this is no graph in tensorgraph's JSON: {error!r}") from error

    @classmethod
    def FromString(cls, serialized: bytes) -> GraphDef:  # noqa: N802
        """Return the graph of some JSON; see `ParseFromString`."""
        result = cls()
        result.ParseFromString(serialized)
        return result

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON's own types."""
        nodes = []
        for n in self.node:
            entry: dict[str, Any] = {"name": n.name, "op": n.op, "input": n.input}
            if n.device:
                entry["device"] = n.device
            if n.attr:
                entry["attr"] = {key: encode(value) for key, value in n.attr.items()}
            nodes.append(entry)
        return {"format": _FORMAT, "version": _VERSION, "node": nodes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GraphDef:
        """Return the graph that `to_dict` gave.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is of another kind.
        """
        if (data["format"], data["version"]) != (_FORMAT, _VERSION):
            raise ValueError(f"unknown format {data['format']!r}, version {data['version']!r}")
        return cls(
            [
                NodeDef(
                    n["name"],
                    n["op"],
                    list(n["input"]),
                    n.get("device", ""),
                    {key: decode(value) for key, value in n.get("attr", {}).items()},
                )
                for n in data["node"]
            ]
        )


def graph_def_of(graph: Graph, add_shapes: bool = False) -> GraphDef:
    """Return a graph as data; see `Graph.as_graph_def`."""
    return GraphDef([_node_def(op, add_shapes) for op in graph.get_operations()])


def _node_def(op: Operation, add_shapes: bool) -> NodeDef:
    inputs = [short_name(t) for t in op.inputs] + [f"^{c.name}" for c in op.control_inputs]
    attrs = dict(op.attrs)
    if add_shapes:
        attrs[OUTPUT_SHAPES] = [t.dims for t in op.outputs]
    return NodeDef(op.name, op.type, inputs, op.device, attrs)


def short_name(t: Tensor) -> str:
    """Return a tensor's name as inputs spell it: without ``:0``."""
    return t.op.name if t.value_index == 0 else t.name


def encode(value: Any) -> Any:
    """Return an attribute as JSON's own types; see the head of this module."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, DType):
        return {"dtype": value.name}
    if isinstance(value, np.ndarray):
        return {"tensor": _encode_array(value)}
    if isinstance(value, np.generic):
        return encode(value.item())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, tuple):
        return {"tuple": [encode(v) for v in value]}
    if isinstance(value, list):
        return [encode(v) for v in value]
    if isinstance(value, Mapping):
        return {"dict": [[encode(k), encode(v)] for k, v in value.items()]}
    return {"opaque": value.description if isinstance(value, Opaque) else repr(value)}


def decode(value: Any) -> Any:
    """Return an attribute from JSON's own types.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it is not of the kind that `encode` gives.
    """
    if isinstance(value, list):
        return [decode(v) for v in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dtype":
        return as_dtype(content)
    if kind == "tuple":
        return tuple(decode(v) for v in content)
    if kind == "dict":
        return {decode(k): decode(v) for k, v in content}
    if kind == "float":
        return float(content)
    if kind == "tensor":
        return _decode_array(content)
    if kind == "opaque":
        return Opaque(content)
    raise ValueError(f"unknown kind of attribute {kind!r}")


def _encode_array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    result = {"dtype": as_dtype(array.dtype).name, "shape": list(array.shape)}
    if array.dtype.kind == "O":
        result["strings"] = [base64.b64encode(s).decode() for s in array.ravel()]
        return result
    values: Sequence[Any] = array.ravel().tolist() if array.size <= _LISTED else ()
    if len(values) == array.size and all(map(math.isfinite, values)):
        result["values"] = values
    else:
        little = array.astype(array.dtype.newbyteorder("<"))
        result["bytes"] = base64.b64encode(little.tobytes()).decode()
    return result


def _decode_array(content: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    dtype = as_dtype(content["dtype"]).np_dtype
    if "strings" in content:
        array = np.empty(len(content["strings"]), dtype)
        array[:] = [base64.b64decode(s) for s in content["strings"]]
    elif "values" in content:
        array = np.array(content["values"], dtype)
    else:
        raw = bytearray(base64.b64decode(content["bytes"]))
        array = np.ndarray(len(raw) // dtype.itemsize, dtype.newbyteorder("<"), raw).astype(dtype)
    array = array.reshape(content["shape"])
    array.flags.writeable = False
    return array
