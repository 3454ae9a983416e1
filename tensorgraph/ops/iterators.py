"""Iterators over data sets: where a session stands in each, and the operation that goes on.

The data sets themselves are Python objects, which operations hold as attributes. A handle is a
string scalar: the name under which the session keeps an iterator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.base.errors import FailedPreconditionError, OutOfRangeError
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import Arg, KernelContext, OpDef, Spec, register

Element = Sequence[np.ndarray[Any, Any]]


class Source(Protocol):
    """What gives the elements of a data set, each as the arrays of its components."""

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors of the graph that the elements depend on."""

    def start(self, values: Mapping[Tensor, np.ndarray[Any, Any]]) -> Iterator[Element]:
        """Begin, with the values of the `inputs`."""


_HANDLE = Arg("handle", (dtypes.string,), group="")


def _key(handle: Any) -> str:
    """Return the name under which a session keeps an iterator."""
    return f"iterator {handle[()].decode()}"


def _handle(name: str) -> np.ndarray[Any, Any]:
    handle = np.empty((), np.object_)
    handle[()] = name.encode()
    return handle


class _IteratorOp(OpDef):
    stateful = True
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        return (Spec(dtypes.string, ()),)


@register
class IteratorHandle(_IteratorOp):
    """The handle of an iterator that `MakeIterator` begins."""

    type = "IteratorV2"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        return _handle(k.op.name)


@register
class OneShotIterator(_IteratorOp):
    """The handle of an iterator that begins by itself, once."""

    type = "OneShotIterator"

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        handle = _handle(k.op.name)
        if _key(handle) not in k.resources:
            k.resources[_key(handle)] = k.op.attrs["dataset"].start({})
        return handle


@register
class MakeIterator(_IteratorOp):
    """Begin an iterator, again or for the first time.

    Inputs are the handle and the values of what the data set depends on.
    """

    type = "MakeIterator"
    inputs = (_HANDLE, Arg("value", (*dtypes.ALL, dtypes.string), group=""))
    variadic = True

    def args(self, count: int) -> Sequence[Arg]:
        return (self.inputs[0], *[self.inputs[1]] * (count - 1))

    def infer(self, op: Operation) -> Sequence[Spec]:
        return ()

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        handle, *values = inputs
        source: Source = k.op.attrs["dataset"]
        # Copies, for the iterator outlives this run.
        arrays = [k.backend.to_host(v) for v in values]
        k.resources[_key(handle)] = source.start(dict(zip(source.inputs, arrays, strict=True)))
        return ()


@register
class IteratorGetNext(_IteratorOp):
    """The components of the next element."""

    type = "IteratorGetNext"
    inputs = (_HANDLE,)

    def infer(self, op: Operation) -> Sequence[Spec]:
        types, shapes = op.attrs["output_types"], op.attrs["output_shapes"]
        return [Spec(t, s) for t, s in zip(types, shapes, strict=True)]

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        iterator = k.resources.get(_key(inputs[0]))
        if iterator is None:
            raise FailedPreconditionError(
                f"the iterator {inputs[0][()].decode()!r} has not begun: run its initializer first"
            )
        element = next(iterator, None)
        if element is None:
            raise OutOfRangeError("the iterator has come to the end of its data set")
        arrays = [k.backend.from_host(a) for a in element]
        return arrays[0] if len(arrays) == 1 else tuple(arrays)
