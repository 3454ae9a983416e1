"""The options of layers that have weights, and the weights that they describe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.arguments import OrNone, Real
from dsl.layers.definition import Flag, Parameter, Use, Weight
from dsl.layers.initializers import INITIALIZERS, Fans, Initializer, InitializerType

INIT_OPTION = Parameter(
    "init", InitializerType(), "what the kernel starts from", INITIALIZERS["glorot_uniform"]
)
BIAS_INIT_OPTION = Parameter(
    "bias_init", InitializerType(), "what the bias starts from", INITIALIZERS["zeros"]
)
PENALTY_OPTIONS = (
    Parameter("l1", Real(0.0), "the loss grows by l1 · Σ|w| over the kernel", 0.0),
    Parameter("l2", Real(0.0), "the loss grows by l2 / 2 · Σw² over the kernel", 0.0),
    Parameter(
        "max_norm",
        OrNone(Real(0.0, above=True)),
        "the largest norm that the weights of one output may have",
        None,
    ),
)
KERNEL_OPTIONS = (INIT_OPTION, BIAS_INIT_OPTION, *PENALTY_OPTIONS)

NO_BIAS = Flag("nobias", "bias", False, "no bias is added", before="init")
FROZEN = Flag("frozen", "frozen", True, "its weights are not trained")


def kernel_weight(
    use: Use,
    shape: Sequence[int],
    name: str = "kernel",
    fans: Fans | None = None,
    norm_axes: tuple[int, ...] = (),
    initializer: Initializer | None = None,
) -> Weight:
    """Return a kernel with the initialiser and the penalties that its layer is given.

    Parameters
    ----------
    use : Use
        The layer's arguments.
    shape : sequence of int
        The kernel's shape.
    name, norm_axes
        As in `Weight`.
    fans : Fans, optional
        By default those of the shape.
    initializer : Initializer, optional
        By default that of the argument ``init``.
    """
    return Weight(
        name,
        tuple(shape),
        initializer or use["init"],
        fans or Fans.of(shape),
        l1=use["l1"],
        l2=use["l2"],
        max_norm=use["max_norm"],
        norm_axes=norm_axes,
    )


def with_bias(use: Use, units: int, *kernels: Weight) -> tuple[Weight, ...]:
    """Return the kernels of a layer and its bias, unless it has none."""
    if not use["bias"]:
        return kernels
    bias = Weight("bias", (units,), use["bias_init"], kernels[-1].fans, argument="bias_init")
    return (*kernels, bias)


def add_bias(x: tf.Tensor, weights: Mapping[str, tf.Variable]) -> tf.Tensor:
    """Return a layer's result with its bias added, where it has one."""
    return tf.nn.bias_add(x, weights["bias"]) if "bias" in weights else x
