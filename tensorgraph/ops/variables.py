"""`Variable`: what users make of the ops on state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import DType
from tensorgraph.base.shapes import TensorShape
from tensorgraph.graph.defaults import convert_to_tensor, get_collection, get_default_graph
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.operators import Operators
from tensorgraph.ops.control_flow import group
from tensorgraph.ops.initial_values import guarded, initialized
from tensorgraph.ops.state import (
    Assign,
    AssignAdd,
    AssignSub,
    IsVariableInitialized,
    ScatterAdd,
    ScatterSub,
    ScatterUpdate,
    UninitializedNames,
    VariableOp,
)


class Variable(Operators):
    """A tensor that keeps its value from run to run.

    It has no value until its `initializer` has run, usually through
    `global_variables_initializer`.

    Parameters
    ----------
    initial_value : Tensor, array_like, or callable
        The first value, and with it the shape; a callable is called without arguments. Where it
        is computed from other variables, these may be initialised in the same run.
    trainable : bool, default True
        Optimizers train it: it goes to the collection ``TRAINABLE_VARIABLES``.
    collections : list of str, optional
        The collections it goes to; default is ``GLOBAL_VARIABLES``.
    validate_shape : bool, default True
        Every value must have the shape of the first.
    caching_device : object
        Accepted for TensorFlow's sake.
    name : str, default "Variable"
        Its name, made unique.
    dtype : DType, optional
        The element type to convert the initial value to.
    constraint : callable, optional
        From its value to the one that it is set to after each step of an optimizer.

    Attributes
    ----------
    initializer : Operation
        The operation that sets the first value.
    initial_value : Tensor
        The tensor it comes from.
    trainable : bool
        The parameter.
    constraint : callable or None
        The parameter.

    Raises
    ------
    ValueError
        If the shape of the initial value is not known, or `collections` is no list.

    Examples
    --------
    >>> w = tf.Variable(tf.zeros([784, 10]), name="W")
    """

    __slots__ = ("_ref", "_snapshot", "constraint", "initial_value", "initializer", "trainable")

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool = True,
        collections: Sequence[str] | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        *,
        dtype: Any = None,
        constraint: Callable[[Any], Any] | None = None,
    ) -> None:
        del caching_device
        if initial_value is None:
            raise ValueError("a variable needs an initial value")
        if collections is not None and not isinstance(collections, list | tuple | set):
            raise ValueError(f"collections must be a list of names, not {collections!r}")
        # A variable belongs to no step of the program: contexts around it do not delay it, and it
        # is no part of a branch or loop.
        graph = get_default_graph().outermost
        with (
            graph.as_default(),
            graph.control_dependencies(None),
            graph.name_scope(name or "Variable") as scope,
        ):
            value = _initial_tensor(graph, initial_value, dtype)
            if validate_shape and not shapes.is_full(value.dims):
                raise ValueError(
                    f"the initial value of variable {scope[:-1]!r} has shape {value.shape}:"
                    " every size must be known (or pass validate_shape=False)"
                )
            attrs = {"dtype": value.dtype, "shape": value.dims if validate_shape else None}
            self._ref: Tensor = graph.create_op(VariableOp.type, (), attrs, scope).outputs[0]
            self.initial_value = value
            self.initializer: Operation = graph.apply(
                Assign.type,
                self._ref,
                guarded(value, scope[:-1]),
                name="Assign",
                validate_shape=validate_shape,
            )
            self._snapshot: Tensor = graph.apply("Identity", self._ref, name="read").outputs[0]
        self.trainable = trainable
        self.constraint = constraint
        keys = [GraphKeys.GLOBAL_VARIABLES] if collections is None else list(collections)
        if trainable and GraphKeys.TRAINABLE_VARIABLES not in keys:
            keys.append(GraphKeys.TRAINABLE_VARIABLES)
        for key in keys:
            graph.add_to_collection(key, self)

    @property
    def name(self) -> str:
        """Its name with ``:0``."""
        return self._ref.name

    @property
    def op(self) -> Operation:
        """The node that is the variable."""
        return self._ref.op

    @property
    def graph(self) -> Graph:
        """The graph it belongs to."""
        return self._ref.graph

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._ref.dtype

    @property
    def shape(self) -> TensorShape:
        """The shape."""
        return self._ref.shape

    def get_shape(self) -> TensorShape:
        """Return the shape."""
        return self._ref.shape

    @property
    def device(self) -> str:
        """Where it was asked to live; the session's backend decides."""
        return self._ref.op.device

    def value(self) -> Tensor:
        """Return the tensor that reads it."""
        return self._snapshot

    def read_value(self) -> Tensor:
        """Return a new tensor that reads it, after whatever the context depends on."""
        return self.graph.apply("Identity", self._ref, name="read").outputs[0]

    def initialized_value(self) -> Tensor:
        """Return the value, or the initial value before there is one: to make another variable."""
        return initialized(self._ref, self.initial_value)

    def eval(self, session: Any = None) -> Any:
        """Return the value in `session` or the default one."""
        return self._snapshot.eval(session=session)

    def load(self, value: Any, session: Any = None) -> None:
        """Set the value in `session` or the default one, without making nodes."""
        self.initializer.run({self.initial_value: value}, session)

    def assign(
        self,
        value: Any,
        use_locking: bool = False,
        name: str | None = None,
        read_value: bool = True,
    ) -> Tensor:
        """Return a node that sets the variable when run, and then is its value.

        Parameters
        ----------
        value : Tensor or array_like
            The new value.
        use_locking, read_value : bool
            Accepted for TensorFlow's sake.
        name : str, default "Assign"
            Its name.

        Raises
        ------
        ValueError
            If the shape differs.
        """
        del use_locking, read_value
        return assign(self, value, name=name)

    def assign_add(self, delta: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Return a node that adds `delta` when run, and then is the value."""
        del use_locking
        return assign_add(self, delta, name=name)

    def assign_sub(self, delta: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
        """Return a node that subtracts `delta` when run, and then is the value."""
        del use_locking
        return assign_sub(self, delta, name=name)

    def to_proto(self, export_scope: str | None = None) -> dict[str, Any]:
        """Return the names of its nodes, for a file with the graph; see `from_proto`."""
        del export_scope
        return {
            "variable_name": self._ref.name,
            "snapshot_name": self._snapshot.name,
            "initial_value_name": self.initial_value.name,
            "initializer_name": self.initializer.name,
            "trainable": self.trainable,
        }

    @staticmethod
    def from_proto(variable_def: Mapping[str, Any], import_scope: str = "") -> Variable:
        """Return the variable that nodes of the default graph are.

        Parameters
        ----------
        variable_def : mapping
            What `to_proto` returned.
        import_scope : str, default ""
            What stands before the names now.
        """
        graph = get_default_graph()
        variable = Variable.__new__(Variable)

        def tensor(key: str) -> Tensor:
            return graph.get_tensor_by_name(import_scope + variable_def[key])

        variable._ref = tensor("variable_name")
        variable._snapshot = tensor("snapshot_name")
        variable.initial_value = tensor("initial_value_name")
        variable.initializer = graph.get_operation_by_name(
            import_scope + variable_def["initializer_name"]
        )
        variable.trainable = variable_def["trainable"]
        variable.constraint = None
        return variable

    def _as_tensor(self) -> Tensor:
        return self._snapshot

    def _as_graph_element(self) -> Tensor:
        return self._ref

    def _apply(self, op_type: str, name: str, *inputs: Any, **attrs: Any) -> Tensor:
        return self.graph.apply(op_type, *inputs, name=name, **attrs).outputs[0]

    def __repr__(self) -> str:
        return f"<tf.Variable {self.name!r} shape={self.shape} dtype={self.dtype.name}>"


def _initial_tensor(graph: Graph, initial_value: Any, dtype: Any) -> Tensor:
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if not callable(initial_value):
        return convert_to_tensor(initial_value, wanted, "initial_value")
    with graph.name_scope("Initializer"):
        return convert_to_tensor(initial_value(), wanted, "initial_value")


def assign(
    ref: Variable,
    value: Any,
    validate_shape: bool = True,
    use_locking: bool = True,
    name: str | None = None,
) -> Tensor:
    """Return a node that sets a variable when run, and then is its value.

    Parameters
    ----------
    ref : Variable
        The variable.
    value : Tensor or array_like
        Its new value.
    validate_shape : bool, default True
        The shapes must agree.
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str, default "Assign"
        Its name.

    Raises
    ------
    ValueError
        If the shape differs.
    """
    del use_locking
    tensor = convert_to_tensor(value, ref.dtype)
    attrs = {"validate_shape": validate_shape}
    return ref.graph.apply(Assign.type, ref, tensor, name=name, **attrs).outputs[0]


def assign_add(
    ref: Variable, value: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Return a node that adds to a variable when run, and then is its value."""
    del use_locking
    return _update(AssignAdd.type, ref, value, name)


def assign_sub(
    ref: Variable, value: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Return a node that subtracts from a variable when run, and then is its value."""
    del use_locking
    return _update(AssignSub.type, ref, value, name)


def scatter_update(
    ref: Variable, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Tensor:
    """Return a node that sets rows of a variable when run, and then is its value.

    Parameters
    ----------
    ref : Variable
        The variable.
    indices : Tensor of int32 or int64
        Which rows, in any shape.
    updates : Tensor of shape ``indices.shape + ref.shape[1:]``, or scalar
        What they are set to. Where a row is named twice, the last one stays.
    use_locking : bool
        Accepted for TensorFlow's sake.
    name : str, optional
        Its name.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    InvalidArgumentError
        When run, if there is no such row.
    """
    del use_locking
    return _update(ScatterUpdate.type, ref, updates, name, indices)


def scatter_add(
    ref: Variable, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Do as `scatter_update`, but add to the rows; one that is named twice is changed twice."""
    del use_locking
    return _update(ScatterAdd.type, ref, updates, name, indices)


def scatter_sub(
    ref: Variable, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Tensor:
    """Do as `scatter_update`, but subtract from the rows; likewise."""
    del use_locking
    return _update(ScatterSub.type, ref, updates, name, indices)


def _update(op_type: str, ref: Variable, value: Any, name: str | None, *indices: Any) -> Tensor:
    tensor = convert_to_tensor(value, ref.dtype)
    return ref.graph.apply(op_type, ref, *indices, tensor, name=name).outputs[0]


def global_variables(scope: str | None = None) -> list[Variable]:
    """Return all variables of the default graph but the local ones.

    Parameters
    ----------
    scope : str, optional
        Only those whose name begins with this, a regular expression.
    """
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Variable]:
    """Return the variables that optimizers train; `scope` as in `global_variables`."""
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Variable]:
    """Return the local variables, as those of metrics; `scope` as in `global_variables`."""
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Variable]:
    """Return the variables of ``MODEL_VARIABLES``; `scope` as in `global_variables`."""
    return get_collection(GraphKeys.MODEL_VARIABLES, scope)


def variables_initializer(var_list: Sequence[Variable], name: str = "init") -> Operation:
    """Return an operation that sets the variables to their initial values."""
    return group(*[v.initializer for v in var_list], name=name)


def global_variables_initializer() -> Operation:
    """Return an operation that sets all global variables to their initial values."""
    return variables_initializer(global_variables(), name="init")


def local_variables_initializer() -> Operation:
    """Return an operation that sets all local variables to their initial values."""
    return variables_initializer(local_variables(), name="init_local")


def is_variable_initialized(variable: Variable) -> Tensor:
    """Return a bool scalar: whether the variable has a value."""
    return variable.graph.apply(IsVariableInitialized.type, variable).outputs[0]


def report_uninitialized_variables(
    var_list: Sequence[Variable] | None = None, name: str = "report_uninitialized_variables"
) -> Tensor:
    """Return the names of the variables that have no value yet, as a vector of byte strings.

    Parameters
    ----------
    var_list : sequence of Variable, optional
        Which variables; default is all global and local ones.
    name : str, default "report_uninitialized_variables"
        Its name.
    """
    variables = global_variables() + local_variables() if var_list is None else var_list
    if not variables:
        return convert_to_tensor(np.array([], dtypes.string.np_dtype), name=name)
    graph = variables[0].graph
    return graph.apply(UninitializedNames.type, *variables, name=name).outputs[0]
