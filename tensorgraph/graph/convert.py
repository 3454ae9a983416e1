"""From Python values to the tensors that operations take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorgraph.base.constants import constant_array
from tensorgraph.base.dtypes import DType
from tensorgraph.graph.node import Tensor, graph_element
from tensorgraph.graph.opdef import Arg, OpDef

if TYPE_CHECKING:
    from tensorgraph.graph.graph import Graph


def convert(
    graph: Graph, value: Any, dtype: DType | None = None, name: str | None = None
) -> Tensor:
    """Return `value` as a tensor, a new constant of `graph` where it is none yet.

    Parameters
    ----------
    graph : Graph
        Where constants go.
    value : Tensor, Variable, array_like, or a list with tensors among its items
        Python floats become float32 and integers int32; NumPy arrays keep their type.
    dtype : DType, optional
        The element type it must have. Numbers and arrays are converted if nothing is lost but
        precision.
    name : str, optional
        The name of a constant made here; default ``"Const"``.

    Raises
    ------
    TypeError
        If the value cannot have that element type, or is of none that the engine knows.
    ValueError
        If the value cannot be an array, as with ragged lists.
    """
    if not isinstance(value, Tensor) and hasattr(value, "_as_tensor"):
        value = value._as_tensor()
    if isinstance(value, Tensor):
        if dtype is not None and value.dtype is not dtype:
            raise TypeError(
                f"tensor {value.name!r} has dtype {value.dtype.name}, but {dtype.name} is needed;"
                " use tf.cast"
            )
        return value
    if isinstance(value, list | tuple) and _has_tensor(value):
        return graph.apply("Pack", *value, name=name or "stack", axis=0).outputs[0]
    array = constant_array(value, dtype)
    return graph.create_op("Const", (), {"value": array}, name or "Const").outputs[0]


def _has_tensor(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_has_tensor(v) for v in value)
    return isinstance(value, Tensor) or hasattr(value, "_as_tensor")


def convert_inputs(graph: Graph, definition: OpDef, inputs: Sequence[Any]) -> list[Tensor]:
    """Return the inputs of an op as tensors.

    Python numbers and arrays become constants of the element type of the tensors beside them.

    Raises
    ------
    TypeError
        If an input has an element type that the op does not take.
    ValueError
        If there are too few or too many.
    """
    args = definition.args(len(inputs))
    group_dtypes: dict[str, DType] = {}
    for arg, value in zip(args, inputs, strict=True):
        dtype = getattr(value, "dtype", None)
        if arg.group and isinstance(dtype, DType):
            group_dtypes.setdefault(arg.group, dtype)
    tensors: list[Tensor] = []
    for arg, value in zip(args, inputs, strict=True):
        tensor = _convert_input(graph, definition, arg, value, group_dtypes)
        if arg.group:
            group_dtypes.setdefault(arg.group, tensor.dtype)
        tensors.append(tensor)
    return tensors


def _convert_input(
    graph: Graph, definition: OpDef, arg: Arg, value: Any, groups: dict[str, DType]
) -> Tensor:
    if arg.ref:
        variable = graph_element(value)
        if variable is None or not variable.is_ref:
            raise TypeError(f"{definition.type}: input {arg.name!r} must be a variable")
        return variable
    wanted = groups.get(arg.group) if arg.group else None
    if wanted is None and len(arg.dtypes) == 1:
        wanted = arg.dtypes[0]
    if wanted is None and isinstance(value, list | tuple) and not value:
        wanted = arg.dtypes[0]  # an empty list says nothing of its type
    try:
        tensor = convert(graph, value, wanted, arg.name)
    except TypeError as error:
        raise TypeError(f"{definition.type}: input {arg.name!r}: {error}") from None
    if tensor.dtype not in arg.dtypes:
        known = ", ".join(d.name for d in arg.dtypes)
        raise TypeError(
            f"{definition.type}: input {arg.name!r} ({tensor.name}) has dtype"
            f" {tensor.dtype.name}, but must be one of {known}"
        )
    return tensor
