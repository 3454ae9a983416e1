"""Graphs with their collections as data: what the ``.meta`` file beside a checkpoint holds.

It is JSON: ``graph_def`` as in `tensorgraph.graph.graph_def`; ``collection_def``, where a member of
a collection is ``{"node": name}``, ``{"variable": {…names of its nodes…}}`` or a plain value; and
``saver_def``, what the `Saver` was made with.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tensorgraph.base.errors import DataLossError
from tensorgraph.base.files import write_atomically
from tensorgraph.graph.defaults import get_default_graph
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.graph_def import GraphDef
from tensorgraph.graph.importer import import_graph_def
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.variables import Variable

_FORMAT, _VERSION = "tensorgraph meta graph", 1


@dataclass
class MetaGraphDef:
    """A graph with its collections as data.

    Attributes
    ----------
    graph_def : GraphDef
        The graph.
    collection_def : dict of str to list
        The collections.
    saver_def : dict or None
        What the saver was made with.
    """

    graph_def: GraphDef = field(default_factory=GraphDef)
    collection_def: dict[str, list[Any]] = field(default_factory=dict)
    saver_def: dict[str, Any] | None = None

    def SerializeToString(self) -> bytes:  # noqa: N802 - the name that users know
        """Return it as JSON, in UTF-8."""
        return json.dumps(
            {
                "format": _FORMAT,
                "version": _VERSION,
                "saver_def": self.saver_def,
                "collection_def": self.collection_def,
                "graph_def": self.graph_def.to_dict(),
            },
            indent=1,
        ).encode()

    def ParseFromString(self, serialized: bytes) -> None:  # noqa: N802
        """Become what some JSON describes.

        Raises
        ------
        ValueError
            If it is not of the kind that `SerializeToString` gives.
        """
        try:
            data = json.loads(serialized)
            if (data["format"], data["version"]) != (_FORMAT, _VERSION):
                raise ValueError(f"unknown format {data['format']!r}, version {data['version']!r}")
            self.graph_def = GraphDef.from_dict(data["graph_def"])
            self.collection_def = {str(k): list(v) for k, v in data["collection_def"].items()}
            self.saver_def = data["saver_def"]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"this is no meta graph in tensorgraph's JSON: {error!r}") from error


def export_meta_graph(
    filename: str | None = None,
    *,
    saver_def: Mapping[str, Any] | None = None,
    collection_list: Sequence[str] | None = None,
    as_text: bool = False,
    graph: Graph | None = None,
    clear_devices: bool = False,
) -> MetaGraphDef:
    """Return a graph with its collections as data, and write it to a file.

    Parameters
    ----------
    filename : str, optional
        The file.
    saver_def : mapping, optional
        What the saver was made with.
    collection_list : sequence of str, optional
        Which collections; default is all. One that has members of other kinds than variables,
        tensors, operations, numbers and strings is left out with a warning in the log.
    as_text : bool
        Accepted for TensorFlow's sake: the file always is text.
    graph : Graph, optional
        The graph; default is the default graph.
    clear_devices : bool, default False
        Leave out where operations were asked to run.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    del as_text
    source = graph or get_default_graph()
    graph_def = source.as_graph_def(add_shapes=True)
    if clear_devices:
        for node in graph_def.node:
            node.device = ""
    # Names that are no strings are the engine's own, as for variable scopes.
    string_keys = [key for key in source.get_all_collection_keys() if isinstance(key, str)]
    keys = string_keys if collection_list is None else collection_list
    collections = {}
    for key in keys:
        try:
            collections[str(key)] = [_encode_member(m) for m in source.get_collection(key)]
        except TypeError as error:
            logging.getLogger("tensorgraph").warning(
                "collection %r is not exported: %s", key, error
            )
    result = MetaGraphDef(graph_def, collections, None if saver_def is None else dict(saver_def))
    if filename:
        write_atomically(filename, result.SerializeToString())
    return result


def _encode_member(member: Any) -> Any:
    if isinstance(member, Variable):
        return {"variable": member.to_proto()}
    if isinstance(member, Tensor | Operation):
        return {"node": member.name}
    if member is None or isinstance(member, str | bool | int | float):
        return member
    raise TypeError(f"a {type(member).__name__} cannot be written")


def read_meta_graph(path: str | os.PathLike[str]) -> MetaGraphDef:
    """Return what a ``.meta`` file holds.

    Raises
    ------
    OSError
        If it cannot be read.
    DataLossError
        If it is truncated or damaged.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from error
    result = MetaGraphDef()
    try:
        result.ParseFromString(content)
    except ValueError as error:
        raise DataLossError(f"{os.fspath(path)} is truncated or damaged: {error}") from error
    return result


def import_graph_and_collections(
    meta_graph: MetaGraphDef,
    clear_devices: bool = False,
    import_scope: str | None = None,
    input_map: Mapping[str, Any] | None = None,
) -> str:
    """Add a graph and its collections to the default graph.

    Parameters
    ----------
    meta_graph : MetaGraphDef
        What to add.
    clear_devices : bool, default False
        Forget where operations were asked to run.
    import_scope : str, optional
        Scope of the operations; default is none.
    input_map : mapping of str to Tensor, optional
        As for `import_graph_def`.

    Returns
    -------
    str
        What stands before the names now.

    Raises
    ------
    ValueError
        As for `import_graph_def`.
    """
    graph = get_default_graph()
    graph_def = meta_graph.graph_def
    if clear_devices:
        for node in graph_def.node:
            node.device = ""
    if import_scope:
        with graph.name_scope(import_scope) as scope:
            prefix = scope
    else:
        prefix = ""
    import_graph_def(graph_def, input_map, name=prefix)
    variables: dict[str, Variable] = {}
    for key, members in meta_graph.collection_def.items():
        for member in members:
            graph.add_to_collection(key, _decode_member(graph, member, prefix, variables))
    return prefix


def _decode_member(graph: Graph, member: Any, prefix: str, variables: dict[str, Variable]) -> Any:
    if not isinstance(member, dict):
        return member
    if "node" in member:
        return graph.as_graph_element(prefix + member["node"])
    names = member["variable"]
    # One object, in however many collections it stands.
    key = names["variable_name"]
    if key not in variables:
        variables[key] = Variable.from_proto(names, prefix)
    return variables[key]


def write_graph(
    graph_or_graph_def: Graph | GraphDef, logdir: str, name: str, as_text: bool = True
) -> str:
    """Write a graph to a file as JSON, and return the file's path.

    Parameters
    ----------
    graph_or_graph_def : Graph or GraphDef
        The graph.
    logdir : str
        The folder; it is made where it does not exist.
    name : str
        The file's name.
    as_text : bool
        Accepted for TensorFlow's sake: the file always is text.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    del as_text
    source = graph_or_graph_def
    graph_def = source.as_graph_def() if isinstance(source, Graph) else source
    os.makedirs(logdir, exist_ok=True)
    path = os.path.join(logdir, name)
    write_atomically(path, graph_def.SerializeToString())
    return path
