"""Batch normalisation."""

from __future__ import annotations

from typing import Any

from tensorgraph.base import dtypes
from tensorgraph.base.shapes import TensorShape, normalize_axis
from tensorgraph.control.branch import cond
from tensorgraph.graph.defaults import name_scope
from tensorgraph.graph.node import Tensor
from tensorgraph.initializers import Ones, Zeros
from tensorgraph.layers.base import Constraint, Layer, Regularizer
from tensorgraph.layers.training import as_training
from tensorgraph.ops.array import reshape
from tensorgraph.ops.division import squared_difference
from tensorgraph.ops.math import cast, divide, maximum, where
from tensorgraph.ops.normalization import batch_normalization as batch_normalized
from tensorgraph.ops.normalization import fused_batch_norm
from tensorgraph.ops.reduction import reduce_mean, size
from tensorgraph.ops.sources import ones, zeros
from tensorgraph.ops.variables import assign_sub


class BatchNormalization(Layer):
    """Each channel shifted and scaled to mean 0 and variance 1, then to learnt ones.

    While training, mean and variance are those of the batch (and all places of an image); after
    it, moving averages of them. These are brought up to date by operations in ``UPDATE_OPS``,
    which a training step has to run::

        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            train_op = optimizer.minimize(loss)

    Parameters
    ----------
    axis : int, default -1
        The axis of the channels.
    momentum : float, default 0.99
        How much of a moving average stays in one update.
    epsilon : float, default 0.001
        Is added to the variance.
    center, scale : bool, default True
        Learn a mean (beta) and a deviation (gamma).
    beta_initializer, gamma_initializer : callable, default zeros and ones
        What these begin with.
    moving_mean_initializer, moving_variance_initializer : callable, default zeros and ones
        What the moving averages begin with.
    beta_regularizer, gamma_regularizer : callable, optional
        From the variable to a loss, which goes to ``REGULARIZATION_LOSSES``.
    beta_constraint, gamma_constraint : callable, optional
        From a value to the one that the variable is set to after each step of an optimizer.
    renorm, virtual_batch_size, adjustment
        Not supported: leave the defaults.
    renorm_clipping, renorm_momentum
        Without effect.
    fused : bool, optional
        Compute all in one operation, by default for images. The moving variance is then that of
        the unbiased estimate, with n - 1 in place of n.
    trainable : bool, default True
        Optimizers train beta and gamma.
    name : str, default "batch_normalization"
        Its variable scope.
    **kwargs
        Those of `Layer`.

    Raises
    ------
    ValueError
        If something not supported is asked for.
    """

    least_rank = 2

    def __init__(
        self,
        axis: Any = -1,
        momentum: Any = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = Zeros(),  # noqa: B008 - initializers keep nothing
        gamma_initializer: Any = Ones(),  # noqa: B008
        moving_mean_initializer: Any = Zeros(),  # noqa: B008
        moving_variance_initializer: Any = Ones(),  # noqa: B008
        beta_regularizer: Regularizer = None,
        gamma_regularizer: Regularizer = None,
        beta_constraint: Constraint = None,
        gamma_constraint: Constraint = None,
        renorm: bool = False,
        renorm_clipping: Any = None,
        renorm_momentum: float = 0.99,
        fused: bool | None = None,
        trainable: bool = True,
        virtual_batch_size: int | None = None,
        adjustment: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable, name, **kwargs)
        del renorm_clipping, renorm_momentum
        if renorm or virtual_batch_size is not None or adjustment is not None:
            raise ValueError("renorm, virtual_batch_size and adjustment are not supported")
        axes = [axis] if isinstance(axis, int) else list(axis)
        if len(axes) != 1:
            raise ValueError(f"batch normalisation has one axis of channels, not {axis!r}")
        self.axis = int(axes[0])
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.fused = fused
        self._beta = (beta_initializer, beta_regularizer, True, beta_constraint)
        self._gamma = (gamma_initializer, gamma_regularizer, True, gamma_constraint)
        self._averages = (moving_mean_initializer, moving_variance_initializer)
        self.beta: Any = None
        self.gamma: Any = None

    def build(self, input_shape: TensorShape) -> None:
        """Make gamma, beta and the moving averages."""
        self.axis = normalize_axis(self.axis, len(input_shape))
        channels = input_shape[self.axis].value
        if channels is None:
            raise ValueError(
                f"layer {self.name!r} must know how many channels its input has, but the shape is"
                f" {input_shape}"
            )
        if self.fused is None:
            self.fused = len(input_shape) == 4 and self.axis in (1, 3)
        # Sums over a batch need more digits than float16 has.
        dtype = dtypes.float32 if self.dtype is dtypes.float16 else self.dtype
        if self.scale:
            self.gamma = self.add_weight("gamma", [channels], dtype, *self._gamma)
        if self.center:
            self.beta = self.add_weight("beta", [channels], dtype, *self._beta)
        mean, variance = self._averages
        self.moving_mean = self.add_weight("moving_mean", [channels], dtype, mean, None, False)
        self.moving_variance = self.add_weight(
            "moving_variance", [channels], dtype, variance, None, False
        )

    def call(self, inputs: Any, training: Any = False, **kwargs: Any) -> Any:
        """Return the output; `training` is a bool or a scalar Tensor of bool."""
        training = as_training(training)
        x = cast(inputs, self.moving_mean.dtype)
        if self.fused and self.axis == len(x.shape) - 1:
            outputs = self._fused(x, training)
        else:
            outputs = self._by_parts(x, training)
        return cast(outputs, inputs.dtype)

    def _fused(self, x: Tensor, training: bool | Tensor) -> Tensor:
        """Return the output of one operation that does all, for channels on the last axis."""
        channels = self.moving_mean.shape
        scale = ones(channels, x.dtype) if self.gamma is None else self.gamma
        offset = zeros(channels, x.dtype) if self.beta is None else self.beta

        def of_batch() -> tuple[Tensor, ...]:
            return fused_batch_norm(x, scale, offset, epsilon=self.epsilon)

        def of_averages() -> tuple[Tensor, ...]:
            mean, variance = self.moving_mean, self.moving_variance
            return fused_batch_norm(
                x, scale, offset, mean, variance, self.epsilon, is_training=False
            )

        if training is False:
            return of_averages()[0]
        if training is True:
            outputs, mean, variance = of_batch()
        else:
            outputs, mean, variance = cond(training, of_batch, of_averages)
        self._update_averages(mean, variance, training)
        return outputs

    def _by_parts(self, x: Tensor, training: bool | Tensor) -> Tensor:
        mean, variance = self.moving_mean.value(), self.moving_variance.value()
        if training is not False:
            batch_mean, batch_variance = self._moments(x)
            kept = batch_variance
            if self.fused:
                count = divide(cast(size(x), x.dtype), cast(size(batch_mean), x.dtype))
                kept = batch_variance * (count / maximum(count - 1.0, 1.0))
            self._update_averages(batch_mean, kept, training)
            if training is True:
                mean, variance = batch_mean, batch_variance
            else:
                mean = where(training, batch_mean, mean)
                variance = where(training, batch_variance, variance)
        offset, scale = (
            None if v is None else self._along(v.value(), x) for v in (self.beta, self.gamma)
        )
        mean, variance = self._along(mean, x), self._along(variance, x)
        return batch_normalized(x, mean, variance, offset, scale, self.epsilon)

    def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance of each channel."""
        axes = [i for i in range(len(x.shape)) if i != self.axis]
        with name_scope("moments"):
            mean = reduce_mean(x, axes, name="mean")
            squares = squared_difference(x, self._along(mean, x))
            return mean, reduce_mean(squares, axes, name="variance")

    def _update_averages(self, mean: Tensor, variance: Tensor, training: bool | Tensor) -> None:
        """Add the updates of the moving averages; a run that does not train leaves these."""
        self._update(self.moving_mean, mean, training)
        self._update(self.moving_variance, variance, training)

    def _update(self, variable: Any, value: Tensor, training: bool | Tensor) -> None:
        with name_scope("AssignMovingAvg") as scope:
            step = 1.0 - self.momentum
            if training is not True:
                step = step * cast(training, value.dtype)
            update = assign_sub(variable, (variable - value) * step, name=scope)
        self.add_update(update.op)

    def _along(self, vector: Tensor, x: Tensor) -> Tensor:
        """Return a vector, one element a channel, as it broadcasts to the input."""
        after = len(x.shape) - 1 - self.axis
        return reshape(vector, [-1, *[1] * after]) if after else vector


def batch_normalization(
    inputs: Any,
    axis: Any = -1,
    momentum: Any = 0.99,
    epsilon: float = 1e-3,
    center: bool = True,
    scale: bool = True,
    beta_initializer: Any = Zeros(),  # noqa: B008 - initializers keep nothing
    gamma_initializer: Any = Ones(),  # noqa: B008
    moving_mean_initializer: Any = Zeros(),  # noqa: B008
    moving_variance_initializer: Any = Ones(),  # noqa: B008
    beta_regularizer: Regularizer = None,
    gamma_regularizer: Regularizer = None,
    beta_constraint: Constraint = None,
    gamma_constraint: Constraint = None,
    training: Any = False,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_momentum: float = 0.99,
    fused: bool | None = None,
    virtual_batch_size: int | None = None,
    adjustment: Any = None,
) -> Tensor:
    """Return the input with each channel shifted and scaled to a learnt mean and variance.

    Parameters
    ----------
    inputs : Tensor of shape (batch, …, channels)
        The input.
    axis, momentum, epsilon, center, scale, beta_initializer, gamma_initializer
        As in `BatchNormalization`; so are the parameters not named below.
    moving_mean_initializer, moving_variance_initializer, beta_regularizer, gamma_regularizer
        As in `BatchNormalization`.
    beta_constraint, gamma_constraint, trainable, fused
        As in `BatchNormalization`.
    training : bool or scalar Tensor of bool, default False
        Whether to use the batch's mean and variance, and to update the moving averages.
    name : str, optional
        The variable scope, as it is; default is "batch_normalization", made unique.
    reuse : bool or AUTO_REUSE, optional
        Share the variables of that scope, which must exist for True.
    renorm, renorm_clipping, renorm_momentum, virtual_batch_size, adjustment
        Not supported: leave the defaults.

    Returns
    -------
    Tensor of the shape of `inputs`

    Raises
    ------
    ValueError
        If the number of channels is not known, or something not supported is asked for.
    """
    layer = BatchNormalization(
        axis,
        momentum,
        epsilon,
        center,
        scale,
        beta_initializer,
        gamma_initializer,
        moving_mean_initializer,
        moving_variance_initializer,
        beta_regularizer,
        gamma_regularizer,
        beta_constraint,
        gamma_constraint,
        renorm,
        renorm_clipping,
        renorm_momentum,
        fused,
        trainable,
        virtual_batch_size,
        adjustment,
        name,
        _scope=name,
        _reuse=reuse,
    )
    output: Tensor = layer(inputs, training=training)
    return output
