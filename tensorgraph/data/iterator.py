"""`tf.data.Iterator`: where a session stands in a dataset, and the next element as tensors."""

from __future__ import annotations

from typing import Any

from tensorgraph.base import shapes
from tensorgraph.data.elements import ElementSpec, spec_of_types
from tensorgraph.data.sources import Source
from tensorgraph.graph.defaults import apply, apply_op, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.iterators import (
    IteratorGetNext,
    IteratorHandle,
    MakeIterator,
    OneShotIterator,
)


class Iterator:
    """Goes through a dataset: each run of `get_next` gives the next element.

    Iterators come from `Dataset.make_one_shot_iterator`, `Dataset.make_initializable_iterator`,
    `from_structure` and `from_string_handle`. Every session stands in a place of its own.

    Parameters
    ----------
    handle : Tensor
        A string scalar, the name of the iterator.
    spec : ElementSpec
        What its elements are.
    initializer : Operation, optional
        What begins it.
    """

    def __init__(
        self, handle: Tensor, spec: ElementSpec, initializer: Operation | None = None
    ) -> None:
        self._handle = handle
        self._spec = spec
        self._initializer = initializer

    @staticmethod
    def one_shot(source: Source) -> Iterator:
        """Return an iterator that begins by itself; see `Dataset.make_one_shot_iterator`."""
        if source.inputs:
            names = ", ".join(t.name for t in source.inputs)
            raise ValueError(
                f"a one-shot iterator cannot depend on values of the graph ({names}): use"
                " make_initializable_iterator() and run its initializer"
            )
        return Iterator(apply(OneShotIterator.type, dataset=source), source.spec)

    @staticmethod
    def initializable(source: Source, shared_name: str | None = None) -> Iterator:
        """Return an iterator with an initializer; see `Dataset.make_initializable_iterator`."""
        handle = apply(IteratorHandle.type, name=shared_name)
        return Iterator(handle, source.spec, _make_iterator(handle, source, None))

    @staticmethod
    def from_structure(
        output_types: Any,
        output_shapes: Any = None,
        shared_name: str | None = None,
        output_classes: Any = None,
    ) -> Iterator:
        """Return an iterator that can go through several datasets, one at a time.

        Parameters
        ----------
        output_types : nested structure of DType
            The types of the elements' components.
        output_shapes : nested structure of shapes, optional
            Their static shapes; default is unknown.
        shared_name : str, optional
            Its name.
        output_classes : object
            Accepted for TensorFlow's sake.
        """
        del output_classes
        handle = apply(IteratorHandle.type, name=shared_name)
        return Iterator(handle, spec_of_types(output_types, output_shapes))

    @staticmethod
    def from_string_handle(
        string_handle: Any,
        output_types: Any,
        output_shapes: Any = None,
        output_classes: Any = None,
    ) -> Iterator:
        """Return whichever iterator a string tensor names, as a placeholder that is fed.

        Parameters
        ----------
        string_handle : Tensor
            What `string_handle` of an iterator gave, when it was run.
        output_types, output_shapes, output_classes
            As for `from_structure`.
        """
        del output_classes
        return Iterator(
            convert_to_tensor(string_handle), spec_of_types(output_types, output_shapes)
        )

    @property
    def initializer(self) -> Operation:
        """The operation that begins the iterator, or begins it again.

        Raises
        ------
        ValueError
            If there is none: a one-shot iterator begins by itself, others by `make_initializer`.
        """
        if self._initializer is None:
            raise ValueError(
                "this iterator has no initializer: a one-shot iterator begins by itself, for the"
                " others use make_initializer(dataset)"
            )
        return self._initializer

    def make_initializer(self, dataset: Any, name: str | None = None) -> Operation:
        """Return an operation that begins to go through a dataset.

        Parameters
        ----------
        dataset : Dataset
            Its elements are of the iterator's types and shapes.
        name : str, optional
            Name of the operation.

        Raises
        ------
        TypeError
            If its types are others.
        ValueError
            If its shapes do not suit.
        """
        source: Source = dataset._source
        own, given = self._spec, source.spec
        if str(own.types) != str(given.types):
            raise TypeError(
                f"the iterator gives elements of types {own.types}, the dataset has {given.types}"
            )
        for a, b in zip(own.components, given.components, strict=True):
            if not shapes.compatible(a.shape, b.shape):
                raise ValueError(
                    f"the iterator gives elements of shapes {own.shapes}, the dataset has"
                    f" {given.shapes}"
                )
        return _make_iterator(self._handle, source, name)

    def get_next(self, name: str | None = None) -> Any:
        """Return the next element as a nested structure of tensors.

        In one run all of them are of one element. After the last element `run` raises
        `tf.errors.OutOfRangeError`.
        """
        attrs = {
            "output_types": tuple(c.dtype for c in self._spec.components),
            "output_shapes": tuple(c.shape for c in self._spec.components),
        }
        op = apply_op(IteratorGetNext.type, self._handle, name=name, **attrs)
        return self._spec.pack(op.outputs)

    def string_handle(self, name: str | None = None) -> Tensor:
        """Return a string scalar that names the iterator; see `from_string_handle`."""
        return apply("Identity", self._handle, name=name or "IteratorToStringHandle")

    @property
    def output_types(self) -> Any:
        """The types of an element's components, nested like it."""
        return self._spec.types

    @property
    def output_shapes(self) -> Any:
        """The static shapes of an element's components, nested like it."""
        return self._spec.shapes

    @property
    def output_classes(self) -> Any:
        """The class of an element's components, `tf.Tensor`, nested like it."""
        return self._spec.pack([Tensor] * len(self._spec.components))


def _make_iterator(handle: Tensor, source: Source, name: str | None) -> Operation:
    return apply_op(MakeIterator.type, handle, *source.inputs, name=name, dataset=source)
