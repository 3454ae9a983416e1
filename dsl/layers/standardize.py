"""``standardize``: the input, brought to mean 0 and variance 1 by all that training has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorgraph as tf
from dsl.layers.definition import Layer, Use, Weight, register
from dsl.layers.initializers import INITIALIZERS, Fans
from dsl.layers.spatial import require_channels
from dsl.layers.weighted import FROZEN
from tensorgraph.base.shapes import Shape

# A channel that is always the same is not divided by less than this.
_LEAST_DEVIATION = 1e-7


class Standardize(Layer):
    """Gives each channel mean 0 and variance 1 over all examples that training has seen."""

    name = "standardize"
    example = "standardize"
    flags = (FROZEN,)

    def output_shape(self, use: Use) -> Shape:
        """Return the input's shape."""
        known = use.input is not None and require_channels(use, self.name)
        return use.input if known else None

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return the mean and variance of each channel, and how many examples they are of."""
        assert use.input is not None
        channels = use.input[-1] or 0

        def statistic(name: str, shape: tuple[int, ...], start: str) -> Weight:
            return Weight(name, shape, INITIALIZERS[start], Fans(1, 1), trainable=False)

        return (
            statistic("mean", (channels,), "zeros"),
            statistic("variance", (channels,), "ones"),
            statistic("count", (), "zeros"),
        )

    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the input standardised; while training, the batch counts as seen already.

        Operations in ``UPDATE_OPS`` store the new statistics. A frozen layer keeps them.
        """
        x = inputs[0]
        statistics = [weights[name].value() for name in ("mean", "variance", "count")]
        if training and not use["frozen"]:
            statistics = _with_batch(x, *statistics)
            # No variable may change before all new values are computed.
            with tf.control_dependencies(statistics):
                for name, value in zip(("mean", "variance", "count"), statistics, strict=True):
                    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, weights[name].assign(value))
        mean, variance, _ = statistics
        return (x - mean) / tf.maximum(tf.sqrt(variance), _LEAST_DEVIATION)


def _with_batch(
    x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor, count: tf.Tensor
) -> list[tf.Tensor]:
    """Return mean, variance and count of what was seen before and the batch together."""
    x = tf.stop_gradient(x)
    batch_mean, batch_variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
    examples = tf.cast(tf.shape(x)[0], x.dtype)
    total = count + examples
    share = examples / total
    apart = batch_mean - mean
    spread = variance * (1.0 - share) + batch_variance * share
    return [mean + apart * share, spread + apart * apart * share * (1.0 - share), total]


register(Standardize())
