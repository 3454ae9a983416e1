"""`Variable`: what users make of the ops on state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import DType
from tensorgraph.base.shapes import TensorShape
from tensorgraph.graph.defaults import convert_to_tensor, get_collection, get_default_graph
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.operators import Operators
from tensorgraph.ops.control_flow import group
from tensorgraph.ops.state import (
    Assign,
    AssignAdd,
    AssignSub,
    IsVariableInitialized,
    VariableOp,
)


class Variable(Operators):
    """A tensor that keeps its value from run to run.

    It has no value until its `initializer` has run, usually through
    `global_variables_initializer`.

    Parameters
    ----------
    initial_value : Tensor, array_like, or callable
        The first value, and with it the shape; a callable is called without arguments.
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

    Attributes
    ----------
    initializer : Operation
        The operation that sets the first value.
    initial_value : Tensor
        The tensor it comes from.

    Raises
    ------
    ValueError
        If the shape of the initial value is not known.

    Examples
    --------
    >>> w = tf.Variable(tf.zeros([784, 10]), name="W")
    """

    __slots__ = ("_ref", "_snapshot", "initial_value", "initializer", "trainable")

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
    ) -> None:
        del caching_device
        if initial_value is None:
            raise ValueError("a variable needs an initial value")
        graph = get_default_graph()
        # A variable belongs to no step of the program: contexts around it do not delay it.
        with graph.control_dependencies(None), graph.name_scope(name or "Variable") as scope:
            value = _initial_tensor(initial_value, dtype)
            if validate_shape and not shapes.is_full(value.dims):
                raise ValueError(
                    f"the initial value of variable {scope[:-1]!r} has shape {value.shape}:"
                    " every size must be known (or pass validate_shape=False)"
                )
            attrs = {"dtype": value.dtype, "shape": value.dims if validate_shape else None}
            self._ref: Tensor = graph.create_op(VariableOp.type, (), attrs, scope).outputs[0]
            self.initial_value = value
            self.initializer: Operation = graph.apply(
                Assign.type, self._ref, value, name="Assign", validate_shape=validate_shape
            )
            self._snapshot: Tensor = graph.apply("Identity", self._ref, name="read").outputs[0]
        self.trainable = trainable
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
        """Where it lives; the session's backend decides."""
        return ""

    def value(self) -> Tensor:
        """Return the tensor that reads it."""
        return self._snapshot

    def read_value(self) -> Tensor:
        """Return a new tensor that reads it, after whatever the context depends on."""
        return self.graph.apply("Identity", self._ref, name="read").outputs[0]

    def initialized_value(self) -> Tensor:
        """Return the initial value, for making another variable of it."""
        return self.initial_value

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

    def _as_tensor(self) -> Tensor:
        return self._snapshot

    def _as_graph_element(self) -> Tensor:
        return self._ref

    def _apply(self, op_type: str, name: str, *inputs: Any, **attrs: Any) -> Tensor:
        return self.graph.apply(op_type, *inputs, name=name, **attrs).outputs[0]

    def __repr__(self) -> str:
        return f"<tf.Variable {self.name!r} shape={self.shape} dtype={self.dtype.name}>"


def _initial_tensor(initial_value: Any, dtype: Any) -> Tensor:
    value = initial_value() if callable(initial_value) else initial_value
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    return convert_to_tensor(value, wanted, "initial_value")


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


def _update(op_type: str, ref: Variable, value: Any, name: str | None) -> Tensor:
    tensor = convert_to_tensor(value, ref.dtype)
    return ref.graph.apply(op_type, ref, tensor, name=name).outputs[0]


def global_variables(scope: str | None = None) -> list[Variable]:
    """Return all variables of the default graph but the local ones."""
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Variable]:
    """Return the variables that optimizers train."""
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Variable]:
    """Return the local variables."""
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


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
