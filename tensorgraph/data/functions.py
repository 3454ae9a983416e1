"""Users' functions on elements: traced into a graph once, which then runs for every element."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.base.constants import string_array
from tensorgraph.base.dtypes import string
from tensorgraph.data.elements import Array, Component, Components, ElementSpec, split
from tensorgraph.graph.body import BodyGraph
from tensorgraph.graph.defaults import convert_to_tensor, get_default_graph
from tensorgraph.graph.node import Tensor
from tensorgraph.runtime.session import Session


class ElementFunction:
    """A function on elements as a graph.

    Parameters
    ----------
    function : callable
        From the components of an element to a nested structure of tensors; an element that is a
        tuple is unpacked into arguments.
    spec : ElementSpec
        The elements that it takes.
    scope : str
        Name scope of its nodes.
    finish : callable, optional
        From what the function returned to the tensors that are wanted of it; it is called while
        the function is traced. Default makes a tensor of every leaf, in the attribute `spec`.

    Attributes
    ----------
    inputs : tuple of Tensor
        The tensors of the graph around that the function uses.
    spec : ElementSpec
        What it returns.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        spec: ElementSpec,
        scope: str,
        finish: Callable[[Any], Sequence[Tensor]] | None = None,
    ) -> None:
        graph = get_default_graph()
        self._body = BodyGraph(graph)
        self.spec = spec

        def traced() -> Sequence[Tensor]:
            arguments = [self._body.add_argument(c.dtype, c.shape, "args") for c in spec.components]
            element = spec.pack(arguments)
            result = function(*element) if isinstance(element, tuple) else function(element)
            return (finish or self._tensors)(result)

        with graph.name_scope(scope), graph.control_dependencies(None):
            self._body.build(traced)
        refs = [t.name for t in self._body.captured if t.is_ref]
        if refs:
            raise ValueError(
                f"a function on elements cannot change or watch variables, only read their values:"
                f" {', '.join(refs)}"
            )
        self.inputs = tuple(self._body.captured)

    def _tensors(self, result: Any) -> Sequence[Tensor]:
        # A list is what operations with several results return: these are components.
        structure, leaves = split(tuple(result) if isinstance(result, list) else result)
        tensors = [convert_to_tensor(leaf) for leaf in leaves]
        components = tuple(Component(t.dtype, t.dims) for t in tensors)
        self.spec = ElementSpec(structure, components)
        return tensors

    @property
    def outputs(self) -> list[Tensor]:
        """The tensors that it returns, of its own graph."""
        return self._body.outputs

    def start(self, values: Mapping[Tensor, Array]) -> Callable[[Components], Components]:
        """Return the function on arrays.

        Parameters
        ----------
        values : mapping of Tensor to array
            The values of the `inputs`.
        """
        # A session of its own: random operations begin anew with every iterator.
        session = Session(graph=self._body)
        fixed = {self._body.captured[t]: values[t] for t in self.inputs}
        arguments, outputs = self._body.arguments, self._body.outputs

        def call(element: Components) -> Components:
            feeds = {**fixed, **dict(zip(arguments, element, strict=True))}
            results = zip(outputs, session.run(outputs, feeds), strict=True)
            return tuple(
                string_array(v) if t.dtype is string else np.asarray(v) for t, v in results
            )

        return call
