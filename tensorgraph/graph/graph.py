"""`Graph`: the static graph itself.

A graph only grows: operations are added and never changed, and an operation's inputs exist before
it does. So the order of creation is always a valid order of execution, and no part of the engine
needs recursion to walk a graph.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tensorgraph.base.devices import canonical_device, merge_devices
from tensorgraph.base.display import Bundle, mimebundle
from tensorgraph.base.errors import InvalidArgumentError
from tensorgraph.graph.convert import convert_inputs
from tensorgraph.graph.graph_def import GraphDef, graph_def_of
from tensorgraph.graph.names import Names
from tensorgraph.graph.node import Operation, Tensor, as_operation, graph_element
from tensorgraph.graph.opdef import Spec, lookup
from tensorgraph.graph.pretty import format_operations
from tensorgraph.graph.stacks import stacks

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

# Seeds the random ops of a graph that sets an op seed but no graph seed, as TensorFlow does.
_DEFAULT_GRAPH_SEED = 87654321


class Graph:
    """A set of operations with names, collections and a seed.

    Attributes
    ----------
    seed : int or None
        The graph-level random seed.
    devices : set of str
        Where operations were asked to run.
    outer : Graph or None
        The graph around it, where it is the body of a branch or a loop; see `BodyGraph`.
    """

    outer: Graph | None = None

    def __init__(self) -> None:
        self.seed: int | None = None
        self._operations: list[Operation] = []
        self._by_name: dict[str, Operation] = {}
        self._names = Names()
        self._collections: dict[Any, list[Any]] = {}
        self._control: list[tuple[Operation, ...]] = []
        self._sources: list[str] = []
        self._devices: list[str | Callable[[Operation], str | None] | None] = []
        self.devices: set[str] = set()
        self._finalized = False

    # Building

    def create_op(
        self,
        op_type: str,
        inputs: Sequence[Tensor],
        attrs: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> Operation:
        """Add an operation on tensors; `apply` takes numbers and arrays as well.

        Parameters
        ----------
        op_type : str
            A registered type.
        inputs : sequence of Tensor
            Tensors of this graph.
        attrs : mapping, optional
            The op's constant settings.
        name : str, optional
            The wish for a name; default is the type.

        Raises
        ------
        RuntimeError
            If the graph is finalized.
        ValueError, TypeError
            If the inputs do not suit the op.
        """
        if self._finalized:
            raise RuntimeError("the graph is finalized and cannot be changed")
        definition = lookup(op_type)
        inputs = [t if t.graph is self else self.capture(t, op_type) for t in inputs]
        full_name = self._names.take(name or op_type)
        if full_name in self._by_name:
            raise ValueError(f"the graph has an operation named {full_name!r} already")
        op = Operation(
            self,
            definition,
            full_name,
            tuple(inputs),
            dict(attrs or {}),
            tuple(dict.fromkeys(op for group in self._control for op in group)),
            self._sources[-1] if self._sources else _user_line(),
        )
        try:
            specs = definition.infer(op)
        except (ValueError, TypeError) as error:
            raise type(error)(
                f"{error}\n  [node {op.name!r}: {op.describe()}, made at {op.source}]"
            ) from None
        self._add(op, specs)
        if self._devices:
            op.device = self._device_of(op)
            self.devices.add(op.device)
        return op

    def apply(self, op_type: str, *inputs: Any, name: str | None = None, **attrs: Any) -> Operation:
        """Convert and check the inputs, and add the operation.

        Parameters
        ----------
        op_type : str
            A registered type.
        *inputs
            Tensors, variables, arrays or numbers.
        name : str, optional
            The wish for a name; default is the type.
        **attrs
            The op's constant settings.

        Raises
        ------
        TypeError
            If an input has an element type that the op does not take.
        ValueError
            If the shapes do not fit.
        """
        graph = self.building()
        definition = lookup(op_type)
        if all(isinstance(value, Tensor) for value in inputs):
            tensors = convert_inputs(graph, definition, inputs)
            return graph.create_op(op_type, tensors, attrs, name)
        # What is made of numbers and arrays stands under the operation's name: `add/y`.
        scope = f"{graph._names.take(name or op_type)}/"
        with graph.name_scope(scope):
            tensors = convert_inputs(graph, definition, inputs)
        return graph.create_op(op_type, tensors, attrs, scope)

    def building(self) -> Graph:
        """Return where new operations on this graph's tensors go.

        That is the graph itself, but inside of a branch or a loop the body that is being built.
        """
        current = stacks.graphs[-1] if stacks.graphs else self
        return self if current.outer is None else current

    @property
    def outermost(self) -> Graph:
        """The graph itself, or the one around all bodies that it is in: variables live there."""
        graph = self
        while graph.outer is not None:
            graph = graph.outer
        return graph

    def capture(self, t: Tensor, taker: str = "operation") -> Tensor:
        """Return what stands in this graph for a tensor of another one.

        Parameters
        ----------
        t : Tensor
            The tensor.
        taker : str
            What takes it, for the message.

        Raises
        ------
        ValueError
            If nothing does: only a body takes tensors, those of the graphs around it.
        """
        hint = "" if t.graph.outer is None else ": the body of a branch or loop must return it"
        raise ValueError(
            f"tensor {t.name!r} is from a different graph than the {taker} that takes it{hint}"
        )

    def copy_op(
        self,
        op: Operation,
        inputs: Sequence[Tensor],
        control_inputs: Iterable[Operation],
        attrs: dict[str, Any] | None = None,
    ) -> Operation:
        """Add a copy of another graph's operation, of the same name and source, with new inputs.

        Shapes are inferred anew, so that a pass that knows more about the inputs passes it on.

        Raises
        ------
        InvalidArgumentError
            If they do not fit.
        """
        copy = Operation(
            self,
            op.definition,
            op.name,
            tuple(inputs),
            op.attrs if attrs is None else attrs,
            tuple(control_inputs),
            op._source,
        )
        copy.device = op.device
        if _nothing_to_learn(op, inputs):
            self._add(copy, [Spec(t.dtype, t.dims, t.is_ref) for t in op.outputs])
        else:
            # What is known now comes from fed values, so it is they that do not fit.
            try:
                self._add(copy, op.definition.infer(copy))
                for t, old in zip(copy.outputs, op.outputs, strict=True):
                    t.set_shape(old.dims)
            except ValueError as error:
                message = f"{error}, in {copy.describe()}"
                raise InvalidArgumentError(message, op.name, op.source) from None
        return copy

    def _add(self, op: Operation, specs: Sequence[Spec]) -> None:
        op.outputs = tuple(Tensor(op, i, spec) for i, spec in enumerate(specs))
        op.index = len(self._operations)
        self._operations.append(op)
        self._by_name[op.name] = op

    # Contexts

    @contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Make this the graph that new operations go to, inside a ``with``."""
        stacks.graphs.append(self)
        try:
            yield self
        finally:
            stacks.graphs.pop()

    @contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Put new operations' names under `name`; yields the scope with a closing slash."""
        before = self._names.scope
        self._names.scope = self._names.enter(name)
        try:
            yield f"{self._names.scope}/" if self._names.scope else ""
        finally:
            self._names.scope = before

    @contextmanager
    def control_dependencies(self, control_inputs: Iterable[Any] | None) -> Iterator[None]:
        """Make new operations run after the given operations and tensors.

        None drops all dependencies of the contexts around this one.
        """
        before = self._control
        if control_inputs is None:
            self._control = []
        else:
            self._control = [*before, tuple(as_operation(c) for c in control_inputs)]
        try:
            yield
        finally:
            self._control = before

    @contextmanager
    def source(self, text: str) -> Iterator[None]:
        """Record `text` (``file:line:column``) as the source of new operations."""
        self._sources.append(text)
        try:
            yield
        finally:
            self._sources.pop()

    @contextmanager
    def device(
        self, device_name_or_function: str | Callable[[Operation], str | None] | None
    ) -> Iterator[None]:
        """Say where new operations are to run, inside a ``with``.

        The name is checked and kept as `Operation.device`; the session's backend decides.

        Parameters
        ----------
        device_name_or_function : str, callable or None
            A name as ``"/gpu:0"``, whose parts replace those of the contexts around; a function
            from an operation to a name; or None to forget the contexts around.

        Raises
        ------
        ValueError
            If it is no name of a device.
        """
        entry = device_name_or_function
        self._devices.append(canonical_device(entry) if isinstance(entry, str) else entry)
        try:
            yield
        finally:
            self._devices.pop()

    def _device_of(self, op: Operation) -> str:
        """Return what the contexts say of an operation, the innermost first."""
        found = ""
        for entry in reversed(self._devices):
            if entry is None:
                break
            name = canonical_device(entry(op) or "") if callable(entry) else entry
            found = merge_devices(name, found)
        return found

    def finalize(self) -> None:
        """Forbid further changes."""
        self._finalized = True

    @property
    def finalized(self) -> bool:
        """Whether the graph can no longer be changed."""
        return self._finalized

    # Looking things up

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """Return the full name that an operation called `name` would get."""
        return self._names.unique(name, mark=mark_as_used)

    def get_name_scope(self) -> str:
        """Return the current name scope without a closing slash."""
        return self._names.scope

    def get_operations(self) -> list[Operation]:
        """Return all operations in the order of creation."""
        return list(self._operations)

    def get_operation_by_name(self, name: str) -> Operation:
        """Return the operation of that name.

        Raises
        ------
        KeyError
            If there is none.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise KeyError(f"the graph has no operation named {name!r}") from None

    def has_operation(self, name: str) -> bool:
        """Return whether there is an operation of that name."""
        return name in self._by_name

    def get_tensor_by_name(self, name: str) -> Tensor:
        """Return the tensor of a name like ``"dense/MatMul:0"``.

        Raises
        ------
        ValueError
            If the name is not of the form ``op:index``.
        KeyError
            If there is no such tensor.
        """
        op_name, colon, index = name.rpartition(":")
        if not colon or not index.isdigit():
            raise ValueError(f"{name!r} names no tensor: write the operation, a colon, the index")
        outputs = self.get_operation_by_name(op_name).outputs
        if int(index) >= len(outputs):
            raise KeyError(f"operation {op_name!r} has {len(outputs)} outputs, no output {index}")
        return outputs[int(index)]

    def as_graph_element(self, obj: Any) -> Tensor | Operation:
        """Return the tensor or operation that an object or name stands for.

        Raises
        ------
        TypeError
            If the object stands for neither.
        ValueError
            If it belongs to another graph, or the name does not exist.
        """
        if isinstance(obj, str):
            try:
                return (
                    self.get_tensor_by_name(obj) if ":" in obj else self.get_operation_by_name(obj)
                )
            except KeyError as error:
                raise ValueError(error.args[0]) from None
        element = obj if isinstance(obj, Operation) else graph_element(obj)
        if element is None:
            raise TypeError(f"{obj!r} is no tensor, operation, variable or name of one")
        if element.graph is not self:
            raise ValueError(f"{obj!r} is not an element of this graph")
        return element

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> GraphDef:
        """Return the graph as data, which can be written to a file and imported.

        Parameters
        ----------
        from_version : int, optional
            Accepted for TensorFlow's sake; the whole graph is returned.
        add_shapes : bool, default False
            Write down what is known of each output's shape.
        """
        del from_version
        return graph_def_of(self, add_shapes)

    # Collections and seeds

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Append `value` to a collection."""
        self._collections.setdefault(name, []).append(value)

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """Return a copy of a collection, or those of its members whose name begins with `scope`.

        `scope` is a regular expression, as in TensorFlow.
        """
        members = self._collections.get(name, [])
        if not scope:
            return list(members)
        begins = re.compile(scope).match
        return [m for m in members if hasattr(m, "name") and begins(m.name)]

    def get_all_collection_keys(self) -> list[Any]:
        """Return the names of the collections that have members."""
        return [key for key, members in self._collections.items() if members]

    def clear_collection(self, name: Any) -> None:
        """Remove all members of a collection."""
        self._collections.pop(name, None)

    def get_collection_ref(self, name: Any) -> list[Any]:
        """Return a collection itself, to be changed in place."""
        return self._collections.setdefault(name, [])

    def get_seeds(self, op_seed: int | None) -> tuple[int, int] | None:
        """Return the two seeds of a new random operation, or None for a random one.

        With a graph seed alone, operations differ by their place in the graph.
        """
        if self.seed is not None:
            return self.seed, len(self._operations) if op_seed is None else op_seed
        return None if op_seed is None else (_DEFAULT_GRAPH_SEED, op_seed)

    def pretty(self) -> str:
        """Return the graph as typed lines, one an operation; `tf.print_graph` prints a part."""
        return format_operations(self._operations)

    def __repr__(self) -> str:
        return f"<tf.Graph of {len(self._operations)} operations>"

    def _repr_mimebundle_(self, **_: Any) -> Bundle:
        """Return what Jupyter shows: a picture of the graph."""
        return mimebundle(self)


def _nothing_to_learn(op: Operation, inputs: Sequence[Tensor]) -> bool:
    """Return whether new inputs cannot tell more of an operation's outputs than is known."""
    for t in op.outputs:
        if t.dims is None or None in t.dims:
            return False
    for t, old in zip(inputs, op.inputs, strict=True):
        # What is known now may contradict the outputs.
        if t.dims != old.dims or t.dims is None or None in t.dims:
            return False
    return True


def _user_line() -> tuple[str, int]:
    """Return file and line of the nearest frame outside this package."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
