"""The page of `tg attack`: accuracy against epsilon, and examples that fool the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsl.looking.attacks import Attack, Attacker
from dsl.looking.drawing import is_image, paint_signs
from dsl.looking.probe import Array, Probe
from dsl.pages import image_uri, inline_svg, render_page
from dsl.pages.pixels import paint_image
from dsl.training.plots import BLUE, VERMILLION, draw_points

MAX_EXAMPLES = 12
TITLES = {"fgsm": "FGSM", "pgd": "PGD"}
_COLOURS = {"fgsm": BLUE, "pgd": VERMILLION}


@dataclass(frozen=True)
class Fooled:
    """An example that the network knew, and no longer knows after an attack.

    Attributes
    ----------
    number : int
        Its number in the test part.
    before, after : str
        What the network takes it for.
    sure_before, sure_after : float
        What it says of these.
    images : tuple of str
        The addresses of the original, the difference, and the attacked example.
    """

    number: int
    before: str
    after: str
    sure_before: float
    sure_after: float
    images: tuple[str, str, str]


@dataclass(frozen=True)
class Examples:
    """Some examples that one attack has changed.

    Attributes
    ----------
    method : str
        The attack.
    epsilon : float
        By how much values may change.
    magnified : float
        What differences are multiplied by in the pictures.
    fooled : tuple of Fooled
        The examples.
    """

    method: str
    epsilon: float
    magnified: float
    fooled: tuple[Fooled, ...]


def typical_epsilon(attack: Attack) -> float:
    """Return the least strength that halves the accuracy, the largest if none does."""
    curves = list(attack.accuracies.values())
    for place, epsilon in enumerate(attack.epsilons):
        if epsilon and min(curve[place] for curve in curves) < 0.5:
            return epsilon
    return max(attack.epsilons)


def find_examples(
    probe: Probe, x: Array, y: Array, numbers: Array, method: str, epsilon: float, steps: int
) -> Examples | None:
    """Return images that an attack turns into something else for the network, None for no images.

    Parameters
    ----------
    probe : Probe
        The network.
    x, y : array
        Test examples and their classes.
    numbers : array of int
        The number of each in the test part.
    method : str
        One of `METHODS`.
    epsilon : float
        By how much values may change.
    steps : int
        How many steps PGD makes.
    """
    if not is_image(x.shape[1:]) or not epsilon:
        return None
    before = probe.outcomes(x)
    attacked = Attacker(probe).attack(method, x, y, epsilon, steps=steps)
    after = probe.outcomes(attacked.x)
    turned = np.flatnonzero((before.argmax(axis=1) == y) & (attacked.chosen != y))
    fooled = []
    for i in _one_of_each(turned, y):
        first, second = int(y[i]), int(attacked.chosen[i])
        difference = (attacked.x[i] - x[i]).mean(axis=-1)
        pictures = (
            paint_image(x[i]),
            paint_signs(difference, epsilon),
            paint_image(attacked.x[i]),
        )
        fooled.append(
            Fooled(
                int(numbers[i]),
                probe.names[first],
                probe.names[second],
                float(before[i, first]),
                float(after[i, second]),
                (image_uri(pictures[0]), image_uri(pictures[1]), image_uri(pictures[2])),
            )
        )
    return Examples(method, epsilon, 1 / epsilon, tuple(fooled))


def _one_of_each(turned: Array, y: Array) -> list[int]:
    """Return some of the examples, of as many classes as there are."""
    rank = np.zeros(len(turned), int)
    for label in np.unique(y[turned]):
        same = y[turned] == label
        rank[same] = np.arange(same.sum())
    order = np.lexsort((y[turned], rank))
    return [int(i) for i in turned[order][:MAX_EXAMPLES]]


def draw_accuracy(attack: Attack, title: str) -> bytes:
    """Return the accuracy against epsilon as SVG."""
    series = {
        TITLES[method]: list(zip(attack.epsilons, values, strict=True))
        for method, values in attack.accuracies.items()
    }
    colours = [_COLOURS[method] for method in attack.accuracies]
    return draw_points(title, "epsilon", "accuracy", series, colours=colours)


def make_page(
    probe: Probe,
    attack: Attack,
    examples: Sequence[Examples],
    data: str,
    run: str,
    note: str = "",
) -> str:
    """Return the page.

    Parameters
    ----------
    probe : Probe
        The network.
    attack : Attack
        The accuracies.
    examples : sequence of Examples
        Images that fool it, for each method.
    data : str
        What was attacked.
    run : str
        The run folder.
    note : str, optional
        What else must be said.
    """
    curve = draw_accuracy(attack, f"{probe.net.name} on {data} under attack")
    return render_page(
        "attack.html",
        net=probe.net.name,
        run=run,
        note=note,
        data=data,
        count=attack.examples,
        titles=TITLES,
        methods=list(attack.accuracies),
        rows=list(zip(attack.epsilons, *attack.accuracies.values(), strict=True)),
        plot=inline_svg(curve, f"Accuracy of {probe.net.name} against epsilon"),
        examples=examples,
        shares=probe.gives_shares,
    )
