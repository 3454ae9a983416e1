"""Operations that look at values while the graph runs: printing, checking, calling Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.base.backend import Backend
from tensorgraph.base.dtypes import as_dtype
from tensorgraph.base.errors import InvalidArgumentError
from tensorgraph.graph.defaults import apply, apply_op, convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    Arg,
    Draw,
    Gradients,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    register,
)
from tensorgraph.ops.control_flow import group

ANYTHING = Arg("data", dtypes.ALL, group="")


@register
class Assert(OpDef):
    """Nothing, but an error where the first input does not hold; it shows the others."""

    type = "Assert"
    inputs = (Arg("condition", (dtypes.bool_,), group=""),)
    stateful = True
    differentiable = False

    def args(self, count: int) -> Sequence[Arg]:
        return (*self.inputs, *[ANYTHING] * (count - 1))

    def infer(self, op: Operation) -> Sequence[Spec]:
        return ()

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        condition, *data = inputs
        if not k.xp.all(condition):
            shown = _shown(k.op, k.backend, data)
            raise InvalidArgumentError(f"assertion failed: {' '.join(f'[{s}]' for s in shown)}")
        return ()


def _shown(op: Operation, backend: Backend, data: Sequence[Any]) -> list[str]:
    """Return the texts of an op with its data between them, shortened."""
    values = iter(data)
    summarize = op.attrs["summarize"]
    return [
        item if isinstance(item, str) else _short(backend.to_host(next(values)), summarize)
        for item in op.attrs["texts"]
    ]


def _short(array: np.ndarray[Any, Any], summarize: int) -> str:
    """Return the first elements of an array as text."""
    if not array.ndim:
        return str(array)
    flat = array.ravel()
    rest = "..." if 0 <= summarize < flat.size else ""
    shown = flat if summarize < 0 else flat[:summarize]
    return " ".join(str(v) for v in shown) + rest


def _texts_and_tensors(data: Any) -> tuple[tuple[Any, ...], list[Tensor]]:
    """Return the strings among `data`, with None where a tensor is, and the tensors."""
    texts = tuple(d if isinstance(d, str) else None for d in data)
    return texts, [convert_to_tensor(d) for d in data if not isinstance(d, str)]


def assert_(
    condition: Any, data: Any, summarize: int | None = None, name: str | None = None
) -> Operation:
    """Return an operation that fails where a condition does not hold.

    It checks nothing unless it is run: use it under `control_dependencies`.

    Parameters
    ----------
    condition : Tensor of bool
        What must hold, of all its elements.
    data : list of (Tensor or str)
        What the message shows.
    summarize : int, default 3
        So many elements of each tensor; -1 for all.
    name : str, default "Assert"
        Its name.

    Raises
    ------
    InvalidArgumentError
        When run, if the condition does not hold.
    """
    texts, tensors = _texts_and_tensors(data)
    attrs = {"texts": texts, "summarize": 3 if summarize is None else summarize}
    return apply_op("Assert", convert_to_tensor(condition), *tensors, name=name, **attrs)


@register
class Print(OpDef):
    """The first input itself; the others are printed to the standard error."""

    type = "Print"
    formula = "{input}"
    inputs = (Arg("input", dtypes.ALL, group=""),)
    view = True
    stateful = True

    def args(self, count: int) -> Sequence[Arg]:
        return (*self.inputs, *[ANYTHING] * (count - 1))

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, op.inputs[0].dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        first_n = k.op.attrs["first_n"]
        if first_n < 0 or k.count() < first_n:
            shown = _shown(k.op, k.backend, inputs[1:])
            line = "".join(f"[{s}]" for s in shown)
            print(f"{k.op.attrs['message']}{line}", file=sys.stderr)
        return inputs[0]

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        return (grads[0], *[None] * (len(op.inputs) - 1))


def print_(
    input_: Any,
    data: Any,
    message: str | None = None,
    first_n: int | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return a tensor of the same value, which prints `data` when it is computed.

    Parameters
    ----------
    input_ : Tensor
        The value to hand on.
    data : list of (Tensor or str)
        What to print, to the standard error.
    message : str, optional
        What stands before it.
    first_n : int, optional
        Print only so many times in a session.
    summarize : int, default 3
        So many elements of each tensor; -1 for all.
    name : str, default "Print"
        Its name.
    """
    texts, tensors = _texts_and_tensors(data)
    attrs = {
        "texts": texts,
        "message": message or "",
        "first_n": -1 if first_n is None else first_n,
        "summarize": 3 if summarize is None else summarize,
    }
    return apply("Print", convert_to_tensor(input_), *tensors, name=name, **attrs)


@register
class CheckNumerics(OpDef):
    """The input itself; an error where it has a NaN or an infinity."""

    type = "CheckNumerics"
    formula = "{tensor}"
    inputs = (Arg("tensor"),)
    view = True
    stateful = True

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(op.inputs[0].dtype, op.inputs[0].dims),)

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        x = inputs[0]
        if not k.xp.isfinite(x).all():
            found = [
                word
                for word, test in (("NaN", k.xp.isnan), ("Inf", k.xp.isinf))
                if bool(test(x).any())
            ]
            message = k.op.attrs["message"]
            raise InvalidArgumentError(f"{message} : Tensor had {' and '.join(found)} values")
        return x

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        message = "Not a number (NaN) or infinity (Inf) values detected in gradient."
        return (check_numerics(grads[0], message),)

    def sample(self, draw: Draw) -> Sample:
        return Sample((Input(draw.shape()),), {"message": "checked"})


def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """Return a tensor of the same value, computing which fails if it has NaN or infinity.

    Parameters
    ----------
    tensor : Tensor
        A tensor of floating-point numbers.
    message : str
        What the error begins with.
    name : str, default "CheckNumerics"
        Its name.

    Raises
    ------
    InvalidArgumentError
        When run, if an element is no number or infinite.
    """
    return apply("CheckNumerics", tensor, name=name, message=message)


def add_check_numerics_ops() -> Operation:
    """Return an operation that checks every tensor of the default graph for NaN and infinity.

    Tensors inside of branches and loops are not looked at; what they return is.

    Raises
    ------
    InvalidArgumentError
        When run, naming the first tensor that has one.
    """
    graph = get_default_graph()
    checks: list[Tensor] = []
    for op in graph.get_operations():
        for t in op.outputs:
            if t.dtype.is_floating and not t.is_ref:
                with graph.control_dependencies(checks[-1:]):
                    checks.append(check_numerics(t, t.name))
    return group(*checks)


class _PythonCall(OpDef):
    """What a Python function returns for the values of the inputs."""

    differentiable = False

    def args(self, count: int) -> Sequence[Arg]:
        return [ANYTHING] * count

    def infer(self, op: Operation) -> Sequence[Spec]:
        return [Spec(t, None) for t in op.attrs["types"]]

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        types = k.op.attrs["types"]
        returned = k.op.attrs["function"](*[_plain(k.backend.to_host(x)) for x in inputs])
        values = list(returned) if isinstance(returned, list | tuple) else [returned]
        if returned is None and not types:
            values = []
        if len(values) != len(types):
            raise InvalidArgumentError(
                f"the Python function returned {len(values)} values, but Tout names {len(types)}"
            )
        arrays = [_checked(v, t, i) for i, (v, t) in enumerate(zip(values, types, strict=True))]
        results = tuple(k.backend.from_host(a) for a in arrays)
        return results[0] if len(results) == 1 else results


def _plain(array: np.ndarray[Any, Any]) -> Any:
    return array if array.ndim else array[()]


def _checked(value: Any, dtype: dtypes.DType, index: int) -> np.ndarray[Any, Any]:
    """Return a value that Python gave as an array of its own, of the promised type."""
    array = np.array(value)
    is_number = isinstance(value, bool | int | float | list | tuple)
    if array.dtype == dtype.np_dtype:
        return array
    if is_number and array.dtype.kind == dtype.np_dtype.kind:
        return array.astype(dtype.np_dtype)
    raise InvalidArgumentError(
        f"value {index} of the Python function is of {array.dtype}, but Tout says {dtype.name}"
    )


@register
class PyFunc(_PythonCall):
    """A call of Python that may differ from run to run, or have an effect."""

    type = "PyFunc"
    stateful = True


@register
class PyFuncStateless(_PythonCall):
    """A call of Python that is as good as its result."""

    type = "PyFuncStateless"


def py_func(
    func: Callable[..., Any],
    inp: Any,
    Tout: Any,  # noqa: N803 - TensorFlow's name
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """Return what a Python function gives for the values of tensors, when the graph runs.

    There is no gradient; `custom_gradient` can give it one.

    Parameters
    ----------
    func : callable
        Takes NumPy arrays, and scalars for tensors without axes; returns the same.
    inp : list of Tensor
        Its arguments.
    Tout : DType, or list of DType
        The element types that it returns.
    stateful : bool, default True
        False: the same arguments give the same results, so that calls may be left out.
    name : str, default "PyFunc"
        Its name.

    Returns
    -------
    Tensor or list of Tensor
        As `Tout` is one type or a list; an operation where that is empty. Shapes are not known.

    Raises
    ------
    InvalidArgumentError
        When run, if the function returns other types or another number of values.
    """
    many = isinstance(Tout, list | tuple)
    types = tuple(as_dtype(t) for t in (Tout if many else [Tout]))
    op_type = PyFunc.type if stateful else PyFuncStateless.type
    tensors = [convert_to_tensor(x) for x in inp]
    op = apply_op(op_type, *tensors, name=name, function=func, types=types)
    if not types:
        return op
    return list(op.outputs) if many else op.outputs[0]
