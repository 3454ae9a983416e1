"""Training with many classes: losses on the true class and on a few sampled ones.

Noise-contrastive estimation (Gutmann and Hyvärinen, AISTATS 2010; Mnih and Teh, arXiv:1206.6426)
and the sampled softmax (Jean et al., arXiv:1412.2007).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tensorgraph.base import dtypes
from tensorgraph.graph.defaults import apply_op, convert_to_tensor
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.opdef import (
    Arg,
    Draw,
    Input,
    KernelContext,
    OpDef,
    Sample,
    Spec,
    register,
)
from tensorgraph.ops.array import expand_dims, reshape, shape
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.gather import draw_integers
from tensorgraph.ops.linalg import matmul
from tensorgraph.ops.lookup import embedding_lookup
from tensorgraph.ops.math import cast, equal, log, where
from tensorgraph.ops.nn import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
)
from tensorgraph.ops.reduction import reduce_any, reduce_sum
from tensorgraph.ops.sources import ones_like, stop_gradient, zeros_like


class _Sampler(OpDef):
    """Class numbers of a distribution, and how often each class is expected among them."""

    inputs = (Arg("true_classes", (dtypes.int64,)),)
    stateful = True
    differentiable = False

    def infer(self, op: Operation) -> Sequence[Spec]:
        classes, attrs = op.inputs[0], op.attrs
        if classes.dims is not None and len(classes.dims) != 2:
            raise ValueError(f"true_classes must be a matrix, not of shape {classes.shape}")
        if attrs["unique"] and attrs["num_sampled"] > attrs["range_max"]:
            raise ValueError(
                f"{attrs['num_sampled']} different classes cannot be drawn of {attrs['range_max']}"
            )
        drawn = (attrs["num_sampled"],)
        return (
            Spec(dtypes.int64, drawn),
            Spec(dtypes.float32, classes.dims),
            Spec(dtypes.float32, drawn),
        )

    def classes(self, xp: Any, u: Any, count: int) -> Any:
        """Return classes for uniform numbers of [0, 1)."""
        raise NotImplementedError

    def probabilities(self, xp: Any, classes: Any, count: int) -> Any:
        """Return how probable each class is."""
        raise NotImplementedError

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        xp, attrs = k.xp, k.op.attrs
        wanted, count = attrs["num_sampled"], attrs["range_max"]
        drawn: dict[int, None] | list[int] = {} if attrs["unique"] else []
        tries = 0
        while len(drawn) < wanted:
            u = k.stream().uniform((wanted,), np.dtype(np.float64))
            for c in self.classes(xp, u, count).tolist():
                if len(drawn) == wanted:
                    break
                tries += 1
                if isinstance(drawn, dict):
                    drawn[c] = None
                else:
                    drawn.append(c)
        sampled = xp.asarray(list(drawn), np.int64)

        def expected(classes: Any) -> Any:
            p = self.probabilities(xp, classes, count)
            # Drawn until all differ, a class is among them if any of the tries was it.
            often = -xp.expm1(tries * xp.log1p(-p)) if attrs["unique"] else p * wanted
            return often.astype(np.float32)

        return sampled, expected(inputs[0]), expected(sampled)

    def sample(self, draw: Draw) -> Sample:
        count = draw.integer(2, 6)
        value = draw_integers(draw, (draw.size(), draw.integer(1, 2)), count).astype(np.int64)
        attrs = {"unique": draw.boolean(), "range_max": count, "seeds": (1, 2)}
        attrs["num_sampled"] = draw.integer(1, count)
        return Sample((Input(value.shape, value=value),), attrs)


@register
class LogUniformSampler(_Sampler):
    """Small class numbers come more often: P(c) = log((c + 2) / (c + 1)) / log(n + 1)."""

    type = "LogUniformCandidateSampler"

    def classes(self, xp: Any, u: Any, count: int) -> Any:
        drawn = xp.exp(u * math.log(count + 1)).astype(np.int64) - 1
        return xp.minimum(drawn, count - 1)

    def probabilities(self, xp: Any, classes: Any, count: int) -> Any:
        return xp.log1p(1 / (classes + 1)) / math.log(count + 1)


@register
class UniformSampler(_Sampler):
    """All classes come equally often."""

    type = "UniformCandidateSampler"

    def classes(self, xp: Any, u: Any, count: int) -> Any:
        return (u * count).astype(np.int64)

    def probabilities(self, xp: Any, classes: Any, count: int) -> Any:
        return xp.full(classes.shape, 1 / count)


# The names users type


class Candidates(NamedTuple):
    """What a sampler returns.

    Attributes
    ----------
    sampled_candidates : Tensor
        The classes drawn, as int64.
    true_expected_count, sampled_expected_count : Tensor
        How often each true class and each class drawn is expected among them.
    """

    sampled_candidates: Tensor
    true_expected_count: Tensor
    sampled_expected_count: Tensor


def log_uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """Return classes drawn at random, those of small numbers more often, as words by rank are.

    Parameters
    ----------
    true_classes : Tensor of int64, of shape (batch, num_true)
        The classes of the examples.
    num_true : int
        How many each example has.
    num_sampled : int
        How many to draw.
    unique : bool
        All that are drawn differ.
    range_max : int
        How many classes there are.
    seed : int, optional
        The op's seed; see `set_random_seed`.
    name : str, default "LogUniformCandidateSampler"
        Its name.

    Raises
    ------
    ValueError
        If more different classes are wanted than there are.
    """
    return _sample(
        "LogUniformCandidateSampler", true_classes, num_sampled, unique, range_max, seed, name
    )


def uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """Return classes drawn equally often; parameters as in `log_uniform_candidate_sampler`."""
    return _sample(
        "UniformCandidateSampler", true_classes, num_sampled, unique, range_max, seed, name
    )


def _sample(
    op_type: str,
    true_classes: Any,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None,
    name: str | None,
) -> Candidates:
    classes = cast(true_classes, dtypes.int64)
    attrs = {
        "num_sampled": int(num_sampled),
        "unique": bool(unique),
        "range_max": int(range_max),
        "seeds": classes.graph.get_seeds(seed),
    }
    return Candidates(*apply_op(op_type, classes, name=name, **attrs).outputs)


class _Task(NamedTuple):
    """The arguments that both losses have in common."""

    weights: Any
    biases: Any
    labels: Any
    inputs: Any
    num_sampled: int
    num_classes: int
    num_true: int
    sampled_values: Any
    remove_accidental_hits: bool
    partition_strategy: str
    seed: int | None


def _logits(task: _Task) -> tuple[Tensor, Tensor]:
    """Return logits of the true and the sampled classes, corrected for chance, and labels."""
    x, labels = convert_to_tensor(task.inputs), cast(task.labels, dtypes.int64)
    drawn = task.sampled_values or log_uniform_candidate_sampler(
        labels, task.num_true, task.num_sampled, True, task.num_classes, task.seed
    )
    sampled, true_count, sampled_count = (stop_gradient(t) for t in drawn)
    sampled = cast(sampled, dtypes.int64)
    strategy = task.partition_strategy
    flat = reshape(labels, [-1])
    true_w, sampled_w = (embedding_lookup(task.weights, i, strategy) for i in (flat, sampled))
    true_b, sampled_b = (embedding_lookup(task.biases, i, strategy) for i in (flat, sampled))
    rows = reshape(true_w, concat([[-1, task.num_true], shape(x)[1:]], 0))
    true_logits = reduce_sum(expand_dims(x, 1) * rows, -1) + reshape(true_b, [-1, task.num_true])
    sampled_logits = matmul(x, sampled_w, transpose_b=True) + sampled_b
    if task.remove_accidental_hits:
        # A class that was drawn and is true must not count as a wrong one.
        hit = reduce_any(equal(expand_dims(labels, 2), sampled), 1)
        least = zeros_like(sampled_logits) + np.finfo(np.float32).min.item()
        sampled_logits = sampled_logits + where(hit, least, zeros_like(sampled_logits))
    true_logits = true_logits - log(cast(true_count, x.dtype))
    sampled_logits = sampled_logits - log(cast(sampled_count, x.dtype))
    wanted = [ones_like(true_logits) / float(task.num_true), zeros_like(sampled_logits)]
    return concat([true_logits, sampled_logits], 1), concat(wanted, 1)


def nce_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    partition_strategy: str = "mod",
    name: str = "nce_loss",
) -> Tensor:
    """Return the loss of noise-contrastive estimation: tell the true class from sampled ones.

    Parameters
    ----------
    weights : Tensor or Variable of shape (classes, dim), or list of its parts
        A row for each class.
    biases : Tensor or Variable of shape (classes,), or list of its parts
        A number for each class.
    labels : Tensor of int64, of shape (batch, num_true)
        The true classes.
    inputs : Tensor of shape (batch, dim)
        The last layer.
    num_sampled : int
        How many classes to draw, for the whole batch.
    num_classes : int
        How many there are.
    num_true : int, default 1
        How many true ones each example has.
    sampled_values : Candidates, optional
        What a sampler drew; default is `log_uniform_candidate_sampler`.
    remove_accidental_hits : bool, default False
        Leave out classes that were drawn and are true.
    partition_strategy : str, default "mod"
        As in `embedding_lookup`.
    name : str, default "nce_loss"
        Its scope.

    Returns
    -------
    Tensor of shape (batch,)

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    task = _Task(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, partition_strategy, None,
    )  # fmt: skip
    with convert_to_tensor(inputs).graph.name_scope(name):
        logits, wanted = _logits(task)
        losses = sigmoid_cross_entropy_with_logits(labels=wanted, logits=logits)
        return reduce_sum(losses, 1)


def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    partition_strategy: str = "mod",
    name: str = "sampled_softmax_loss",
    seed: int | None = None,
) -> Tensor:
    """Return the cross-entropy of a softmax over the true class and sampled ones.

    It is for training only, and less than that over all classes. Parameters and result are those
    of `nce_loss`; `seed` is that of the sampler.
    """
    task = _Task(
        weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
        remove_accidental_hits, partition_strategy, seed,
    )  # fmt: skip
    with convert_to_tensor(inputs).graph.name_scope(name):
        logits, wanted = _logits(task)
        return softmax_cross_entropy_with_logits_v2(stop_gradient(wanted), logits)
