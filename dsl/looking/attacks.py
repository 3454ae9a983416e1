"""How easily a network is led astray: changes that no one sees, made by its own gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tensorgraph as tf
from dsl.looking.probe import Array, Probe
from dsl.training.adversarial import keep_near, step_up
from dsl.training.errors import RunError

METHODS = ("fgsm", "pgd")
"""The attacks there are."""


@dataclass(frozen=True)
class Attacked:
    """Examples that were attacked.

    Attributes
    ----------
    x : array of shape (examples, ...)
        As they became.
    chosen : array of shape (examples,)
        The class that the network takes each for.
    accuracy : float
        The share that it takes for what it is.
    """

    x: Array
    chosen: Array
    accuracy: float


class Attacker:
    """Changes examples so that a network errs.

    Parameters
    ----------
    probe : Probe
        The network, which tells classes apart.

    Raises
    ------
    RunError
        If it predicts numbers.
    """

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        if len(probe.names) < 2:
            raise RunError(f"{probe.net.name} tells no classes apart, so that an attack has no aim")
        with probe.trainer.model.graph.as_default(), tf.name_scope("attack"):
            self._start = tf.placeholder(tf.float32, probe.examples.shape, name="start")
            self._size = tf.placeholder(tf.float32, [], name="size")
            self._epsilon = tf.placeholder(tf.float32, [], name="epsilon")
            loss = _loss(probe)
            self._step = step_up(probe.examples, self._start, loss, self._size, self._epsilon)
            self._kept = keep_near(probe.examples, self._start, self._epsilon)

    def fgsm(self, x: Array, y: Array, epsilon: float) -> Array:
        """Return examples after one step by the sign of the gradient (arXiv:1412.6572).

        Parameters
        ----------
        x : array of shape (examples, ...)
            The examples.
        y : array of shape (examples,)
            Their classes.
        epsilon : float
            By how much each value may change. Images keep to values from 0 to 1.
        """
        return self._run(self._step, x, x, y, epsilon, epsilon)

    def pgd(self, x: Array, y: Array, epsilon: float, *, steps: int = 10, seed: int = 0) -> Array:
        """Return examples after several small steps from a random place near by.

        Madry et al. 2018 (arXiv:1706.06083).

        Parameters
        ----------
        x, y, epsilon
            As for `fgsm`.
        steps : int, default 10
            How many; each changes a value by 2.5 · epsilon / steps.
        seed : int, default 0
            Decides where each example starts.
        """
        noise = np.asarray(np.random.default_rng(seed).uniform(-1, 1, x.shape), np.float32)
        changed = self._run(self._kept, x + np.float32(epsilon) * noise, x, y, 0.0, epsilon)
        for _ in range(steps):
            changed = self._run(self._step, changed, x, y, 2.5 * epsilon / steps, epsilon)
        return changed

    def attack(
        self, method: str, x: Array, y: Array, epsilon: float, *, steps: int = 10
    ) -> Attacked:
        """Return examples after an attack, and what the network takes them for.

        Parameters
        ----------
        method : str
            One of METHODS.
        x, y, epsilon, steps
            As for `fgsm` and `pgd`; an `epsilon` of 0 changes nothing.
        """
        changed = x
        if epsilon:
            by_gradient = method == "fgsm"
            changed = (
                self.fgsm(x, y, epsilon) if by_gradient else self.pgd(x, y, epsilon, steps=steps)
            )
        chosen = self._probe.outcomes(changed).argmax(axis=1)
        return Attacked(changed, chosen, float(np.mean(chosen == y)))

    def _run(
        self, fetch: tf.Tensor, x: Array, start: Array, y: Array, size: float, epsilon: float
    ) -> Array:
        probe = self._probe
        parts = [
            probe.trainer.session.run(
                fetch,
                {
                    probe.examples: x[i : i + probe.batch],
                    self._start: start[i : i + probe.batch],
                    probe.classes: y[i : i + probe.batch],
                    self._size: size,
                    self._epsilon: epsilon,
                },
            )
            for i in range(0, len(x), probe.batch)
        ]
        return np.concatenate(parts)


def _loss(probe: Probe) -> tf.Tensor:
    """Return what an attack makes grow: the cross-entropy of the right class, for each example."""
    if probe.tells_two:
        # The score is the class's own: log(1 + exp(-score)).
        return tf.nn.softplus(-probe.score)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=probe.classes, logits=probe.logits)


@dataclass(frozen=True)
class Attack:
    """What attacks of growing strength do to the accuracy of a network.

    Attributes
    ----------
    epsilons : tuple of float
        By how much values may change.
    accuracies : mapping of str to list of float
        The accuracy under each method, for each of them.
    examples : int
        How many examples were attacked.
    """

    epsilons: tuple[float, ...]
    examples: int
    accuracies: dict[str, list[float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it as a dictionary of numbers and lists."""
        return {
            "examples": self.examples,
            "epsilon": list(self.epsilons),
            **{f"{method}_accuracy": values for method, values in self.accuracies.items()},
        }


def measure(
    probe: Probe,
    x: Array,
    y: Array,
    epsilons: Sequence[float],
    *,
    methods: Sequence[str] = METHODS,
    steps: int = 10,
) -> Attack:
    """Return the accuracy under attacks of growing strength.

    Parameters
    ----------
    probe : Probe
        The network.
    x, y : array
        Examples and their classes.
    epsilons : sequence of float
        By how much values may change; 0 is no attack.
    methods : sequence of str, default all
        Some of METHODS.
    steps : int, default 10
        How many steps PGD makes.
    """
    attacker = Attacker(probe)
    found = Attack(tuple(epsilons), len(x), {method: [] for method in methods})
    for epsilon in epsilons:
        for method in methods:
            done = attacker.attack(method, x, y, epsilon, steps=steps)
            found.accuracies[method].append(done.accuracy)
    return found
