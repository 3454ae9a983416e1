"""Finding out where a loss became NaN or infinite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tensorgraph as tf
from dsl.training.step import TrainingStep
from tensorgraph import viz

if TYPE_CHECKING:
    from dsl.training.trainer import Trainer


@dataclass(frozen=True)
class Blame:
    """The first node with NaN or infinity; all empty where none was found.

    Attributes
    ----------
    node : str
        Its name.
    layer : str
        The layer it belongs to; of the loss the last one.
    text : str
        A sentence about both.
    """

    node: str = ""
    layer: str = ""
    text: str = ""


def explain(
    trainer: Trainer, feeds: Iterator[Mapping[Any, Any]], step: TrainingStep, count: int
) -> Blame:
    """Make some steps again, and look closely at the last two.

    The loss of a step shows what the update of the step before has spoilt, so that both are run
    in a session that looks at every result. It is slow, and the steps before need no look.

    Parameters
    ----------
    trainer : Trainer
        The network, in the state before the first of the steps; it is left in another one.
    feeds : iterator of mapping
        What was fed to each step.
    step : TrainingStep
        What was run.
    count : int
        How many steps were made, the one whose loss is no number among them.
    """
    fetches = [step.measures.means, step.op]
    for _ in range(count - 2):
        trainer.session.run(fetches, next(feeds))
    graph = trainer.model.graph
    config = tf.ConfigProto(check_numerics=True)
    with tf.Session(graph=graph, config=config) as watching:
        trainer.load_values(trainer.values(), watching)
        watching.restore_random_state(trainer.session.random_state())
        try:
            for _ in range(min(count, 2)):
                watching.run(fetches, next(feeds))
        except tf.errors.InvalidArgumentError as error:
            return _blame(trainer, error)
    return Blame()


def draw_blame(trainer: Trainer, node: str) -> bytes | None:
    """Return a picture of the network with the node to blame in red, as SVG.

    None where the graph has no such node, or nothing can draw it.

    Parameters
    ----------
    trainer : Trainer
        The network.
    node : str
        The node's name.
    """
    try:
        bad = trainer.model.graph.get_operation_by_name(node)
        title = f"the first NaN or infinity is in {node}"
        fetches = [bad, *_first_scalar(bad)]
        picture = viz.render(fetches, title=title, updates=False, highlight=bad)
    except (KeyError, ValueError, viz.DrawingError):
        return None
    return picture.content


def _first_scalar(op: tf.Operation) -> list[tf.Operation]:
    """Return the first scalar that is computed from an operation, which is the loss mostly."""
    after = {op}
    for other in op.graph.get_operations()[op.index :]:
        if any(t.op in after for t in other.inputs):
            after.add(other)
            if any(t.dims == () and t.dtype.is_floating for t in other.outputs):
                return [other]
    return []


def _blame(trainer: Trainer, error: tf.errors.InvalidArgumentError) -> Blame:
    node, source = error.node or "", error.source or ""
    for layer in trainer.net.layers:
        if source == layer.span.location or f"/{layer.name}/" in f"/{node}/":
            where = f"of the layer `{layer.name}` ({layer.span.location})"
            return Blame(node, layer.name, f"{node}, {where}: {error.message}")
    last = trainer.net.outputs[0]
    return Blame(node, last, f"{node}, behind the layer `{last}`: {error.message}")
