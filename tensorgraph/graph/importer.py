"""`import_graph_def`: the operations of a `GraphDef`, added to the default graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from tensorgraph.graph.defaults import convert_to_tensor, get_default_graph
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.graph_def import OUTPUT_SHAPES, GraphDef, NodeDef, Opaque
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import lookup


def import_graph_def(
    graph_def: GraphDef,
    input_map: Mapping[str, Any] | None = None,
    return_elements: Sequence[str] | None = None,
    name: str | None = None,
    op_dict: Any = None,
    producer_op_list: Any = None,
) -> list[Tensor | Operation] | None:
    """Add the operations of a graph to the default graph.

    Parameters
    ----------
    graph_def : GraphDef
        What `Graph.as_graph_def` gave, or what was read from a file.
    input_map : mapping of str to Tensor, optional
        Tensors of the default graph to use in place of those of these names.
    return_elements : sequence of str, optional
        Names of operations and tensors to return.
    name : str, default "import"
        Scope of the operations; ``""`` keeps their names as they are.
    op_dict, producer_op_list : object
        Accepted for TensorFlow's sake.

    Returns
    -------
    list of (Tensor or Operation), or None
        What `return_elements` names.

    Raises
    ------
    TypeError
        If `graph_def` is no `GraphDef`.
    ValueError
        If the nodes do not hold together, a name is taken, a tensor of `input_map` has another
        element type, or a name of `input_map` or `return_elements` does not exist.
    """
    del op_dict, producer_op_list
    if not isinstance(graph_def, GraphDef):
        raise TypeError(f"graph_def must be a GraphDef, not {graph_def!r}")
    graph = get_default_graph()
    wanted = None if return_elements is None else list(return_elements)
    mapping = {
        _normalized(key): convert_to_tensor(value) for key, value in (input_map or {}).items()
    }
    with graph.name_scope("import" if name is None else name) as scope:
        importer = _Importer(graph, scope, mapping)
        for node in _in_order(graph_def):
            importer.add(node)
    unused = sorted(set(mapping) - importer.tensors.keys())
    if unused:
        raise ValueError(f"input_map names tensors that the graph does not have: {unused}")
    return None if wanted is None else [importer.element(w) for w in wanted]


def _normalized(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def _before(node: NodeDef) -> list[str]:
    """Return the names of the nodes that a node needs."""
    return [i.removeprefix("^").partition(":")[0] for i in node.input]


def _in_order(graph_def: GraphDef) -> list[NodeDef]:
    """Return the nodes so that each comes after those it needs."""
    by_name = {node.name: node for node in graph_def.node}
    if len(by_name) < len(graph_def.node):
        raise ValueError("the graph has two nodes of one name")
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for node in graph_def.node:
        sorter.add(node.name, *_before(node))
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        raise ValueError(f"the nodes need each other: {' → '.join(error.args[1])}") from None
    unknown = [n for n in order if n not in by_name]
    if unknown:
        users = [n.name for n in graph_def.node if unknown[0] in _before(n)]
        raise ValueError(f"node {users[0]!r} takes {unknown[0]!r}, which the graph does not have")
    # An order that holds already is kept: it is that of creation.
    place = {name: i for i, name in enumerate(order)}
    given = [node.name for node in graph_def.node]
    done: set[str] = set()
    for node in graph_def.node:
        if any(b not in done for b in _before(node)):
            given.sort(key=place.__getitem__)
            break
        done.add(node.name)
    return [by_name[n] for n in given]


class _Importer:
    """The operations imported so far, by the names they had."""

    def __init__(self, graph: Graph, scope: str, mapping: Mapping[str, Tensor]) -> None:
        self._graph = graph
        self._scope = scope
        self._mapping = mapping
        self._operations: dict[str, Operation] = {}
        self.tensors: dict[str, Tensor] = {}

    def add(self, node: NodeDef) -> None:
        """Add one operation."""
        for key, value in node.attr.items():
            if isinstance(value, Opaque):
                raise ValueError(
                    f"node {node.name!r} ({node.op}) cannot be imported: its {key!r} could not be"
                    f" written to the file ({value.description})"
                )
        try:
            lookup(node.op)
        except LookupError as error:
            raise ValueError(f"node {node.name!r}: {error}") from None
        attrs = {k: v for k, v in node.attr.items() if k != OUTPUT_SHAPES}
        inputs = [self._input(i, node) for i in node.input if not i.startswith("^")]
        controls = [self._operations[i[1:]] for i in node.input if i.startswith("^")]
        graph = self._graph
        with (
            graph.control_dependencies(None),
            graph.control_dependencies(controls),
            graph.device(node.device),
            graph.name_scope(None),
        ):
            full_name = f"{self._scope}{node.name}"
            if graph.unique_name(full_name) != full_name:
                raise ValueError(f"the graph has an operation named {full_name!r} already")
            op = graph.create_op(node.op, inputs, attrs, f"{full_name}/")
        for t, dims in zip(op.outputs, node.attr.get(OUTPUT_SHAPES, ()), strict=False):
            t.set_shape(dims)
        self._operations[node.name] = op
        for t in op.outputs:
            self.tensors[f"{node.name}:{t.value_index}"] = t

    def _input(self, name: str, node: NodeDef) -> Tensor:
        key = _normalized(name)
        if key not in self.tensors:
            raise ValueError(f"node {node.name!r} takes {name!r}, which the graph does not have")
        found, given = self.tensors[key], self._mapping.get(key)
        if given is not None and given.dtype is not found.dtype:
            raise ValueError(
                f"input_map gives {given.name!r} of {given.dtype.name} for {name!r},"
                f" which is {found.dtype.name}"
            )
        return found if given is None else given

    def element(self, name: str) -> Tensor | Operation:
        """Return the operation or tensor of a name that it had."""
        element: Tensor | Operation | None = self._operations.get(name)
        if ":" in name:
            element = self._mapping.get(name, self.tensors.get(name))
        if element is None:
            raise ValueError(f"return_elements: the graph has no {name!r}")
        return element
