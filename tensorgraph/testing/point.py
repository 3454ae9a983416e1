"""`Point`: where a graph is differentiated, and everything else held still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.graph.node import Tensor
from tensorgraph.runtime.session import Session
from tensorgraph.testing.differences import Array


class Point:
    """The values of some xs, and what else a graph is fed.

    Random numbers that the targets depend on (dropout) are drawn once and then held.

    Parameters
    ----------
    session : Session
        Holds the variables.
    xs : sequence of Tensor
        What can be moved.
    feed_dict : mapping
        What else is fed, and those `xs` that are placeholders.
    targets : sequence of Tensor
        What will be computed.

    Attributes
    ----------
    xs : dict of Tensor to array
        The values of the xs.
    """

    def __init__(
        self,
        session: Session,
        xs: Sequence[Tensor],
        feed_dict: Mapping[Any, Any],
        targets: Sequence[Tensor],
    ) -> None:
        self.session = session
        self._feeds = dict(feed_dict)
        graph = targets[0].graph
        needed = session.program(list(targets), self._feeds, optimized=False).graph
        # All random ops keep their seeds among their attributes.
        random = [
            graph.get_operation_by_name(op.name).outputs[0]
            for op in needed.get_operations()
            if "seeds" in op.attrs
        ]
        fed = {graph.as_graph_element(key) for key in self._feeds}
        drawn = [t for t in random if t not in fed]
        values = session.run([*drawn, *xs], self._feeds)
        self._feeds.update(zip(drawn, values, strict=False))
        self.xs = {x: np.asarray(v) for x, v in zip(xs, values[len(drawn) :], strict=True)}

    def feeds(self, moved: Mapping[Tensor, Array] | None = None) -> dict[Any, Any]:
        """Return what to feed, with some of the xs moved."""
        return {**self._feeds, **(moved or {})}

    def values(self, fetches: Sequence[Tensor], moved: Mapping[Tensor, Array] | None = None) -> Any:
        """Return what the fetches are, with some of the xs moved."""
        return self.session.run(list(fetches), self.feeds(moved))
