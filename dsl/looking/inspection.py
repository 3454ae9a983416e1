"""Everything that can be seen of one decision of a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dsl.looking.activation_maps import ActivationMap, map_activations
from dsl.looking.attribution import Integrated, integrated_gradients, occlusion, saliency
from dsl.looking.probe import Array, Probe
from dsl.looking.receptive_field import Box, Unit, receptive_field
from dsl.training.errors import RunError

STEPS = 64
"""How many steps the integral begins with."""
_MOST_STEPS = 512
_GOOD = 0.01
"""An integral that misses no more than this share of the gain needs no more steps."""


@dataclass(frozen=True)
class Field:
    """What a unit of the network sees of an image.

    Attributes
    ----------
    unit : Unit
        The unit.
    box : Box
        The part that it can see.
    influence : array of shape (height, width)
        How much it reacts to each pixel of this image: the magnitude of the gradient.
    """

    unit: Unit
    box: Box
    influence: Array


@dataclass(frozen=True)
class Inspection:
    """What a network makes of an image, and why.

    Attributes
    ----------
    name : str
        The image's name.
    image : array of shape (height, width, channels)
        The image as the data has it.
    outcomes : array of shape (names,)
        What the network says of each name.
    of : int
        The number of the class that is explained.
    gradient : array of the shape of the image
        Saliency.
    integrated : Integrated
        Integrated gradients from a black image, and how complete they are.
    steps : int
        How many steps these took.
    hidden : array of shape (height, width)
        By how much the score of the class falls where the image is covered.
    square : int
        The edge of the square that covers it.
    activation : ActivationMap or None
        Where the network sees the class.
    reason : str
        Why there is none.
    field : Field or None
        What a unit sees, if one was chosen.
    """

    name: str
    image: Array
    outcomes: Array
    of: int
    gradient: Array
    integrated: Integrated
    steps: int
    hidden: Array
    square: int
    activation: ActivationMap | None
    reason: str
    field: Field | None

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Return its numbers as a dictionary.

        Parameters
        ----------
        names : sequence of str
            The classes.
        """
        return {
            "image": self.name,
            "explained": names[self.of],
            "outcomes": dict(zip(names, map(float, self.outcomes), strict=True)),
            "integrated_gradients": {
                "gain": self.integrated.gain,
                "sum": self.integrated.gain + self.integrated.error,
                "error": self.integrated.error,
                "steps": self.steps,
            },
            "activation_map": self.activation and self.activation.method,
            "receptive_field": self.field and [list(side) for side in self.field.box],
        }


def inspect(
    probe: Probe, name: str, x: Array, of: int | None = None, unit: Unit | None = None
) -> Inspection:
    """Return all that can be seen of what a network makes of an image.

    Parameters
    ----------
    probe : Probe
        The network.
    name : str
        The image's name.
    x : array of shape (height, width, channels)
        The image as the data has it.
    of : int, optional
        The number of the class to explain; by default that which the network chooses.
    unit : Unit, optional
        A unit whose part of the input is shown.

    Raises
    ------
    RunError
        If the unit does not see the image.
    """
    outcomes = probe.outcomes(x[np.newaxis])[0]
    chosen = int(outcomes.argmax()) if of is None else of
    integrated, steps = _integrate(probe, x, chosen)
    square, stride = _square(x.shape)
    activation, reason = None, ""
    try:
        activation = map_activations(probe, x, chosen)
    except RunError as error:
        reason = str(error)
    return Inspection(
        name,
        x,
        outcomes,
        chosen,
        saliency(probe, x, chosen),
        integrated,
        steps,
        occlusion(probe, x, chosen, size=square, stride=stride),
        square,
        activation,
        reason,
        None if unit is None else _look(probe, x, unit),
    )


def _integrate(probe: Probe, x: Array, of: int) -> tuple[Integrated, int]:
    """Return integrated gradients, with twice the steps until they are nearly complete."""
    steps = STEPS
    while True:
        found = integrated_gradients(probe, x, of, steps=steps)
        if abs(found.error) <= _GOOD * abs(found.gain) or steps >= _MOST_STEPS:
            return found, steps
        steps *= 2


def _square(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return edge and step of the square that covers an image, so that it has not too many places.

    A large image is large for the network too, and gets fewer.
    """
    edge = max(shape[:2])
    size = min(max(2, edge // 7), *shape[:2])
    places = 26 if edge <= 64 else 14
    return size, max(1, -(-(edge - size) // places))


def _look(probe: Probe, x: Array, unit: Unit) -> Field:
    box = receptive_field(probe.net, unit)
    if box is None or len(box) != 2:
        raise RunError(f"{unit} does not look at a part of an image that can be framed")
    image = probe.net.input_shape
    if image is None or tuple(image) != x.shape:
        raise RunError(
            f"{probe.net.name} takes images of another shape than {x.shape}, so that places in it"
            " are not those of the image"
        )
    influence = np.abs(probe.run(probe.influence(unit.layer, unit.place, unit.channel), x[None])[0])
    return Field(unit, box, influence.max(axis=-1))
