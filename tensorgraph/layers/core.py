"""The dense layer, dropout, and flattening."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tensorgraph.base.shapes import TensorShape
from tensorgraph.control.branch import cond
from tensorgraph.graph.node import Tensor
from tensorgraph.initializers import Zeros
from tensorgraph.layers.base import Constraint, Layer, Regularizer
from tensorgraph.layers.training import as_training
from tensorgraph.ops.array import expand_dims, reshape, shape
from tensorgraph.ops.blocks import concat
from tensorgraph.ops.linalg import matmul
from tensorgraph.ops.nn import bias_add
from tensorgraph.ops.nn import dropout as dropped
from tensorgraph.ops.sources import identity

Activation = Callable[[Tensor], Tensor] | None


class Dense(Layer):
    """activation(x · kernel + bias), on the last axis of its input.

    Parameters
    ----------
    units : int
        The size of that axis in the output.
    activation : callable, optional
        As `tf.nn.relu`; default none.
    use_bias : bool, default True
        Add a bias.
    kernel_initializer : callable, optional
        Default is the variable scope's, else Glorot's uniform one.
    bias_initializer : callable, default zeros
        What the bias begins with.
    kernel_regularizer, bias_regularizer, activity_regularizer : callable, optional
        From the variable or output to a loss, which goes to ``REGULARIZATION_LOSSES``.
    kernel_constraint, bias_constraint : callable, optional
        From a value to the one that the variable is set to after each step of an optimizer.
    trainable : bool, default True
        Optimizers train the layer.
    name : str, default "dense"
        Its variable scope, made unique.
    **kwargs
        Those of `Layer`.

    Attributes
    ----------
    kernel : Variable of shape (inputs, units)
        The weights, once the layer is built.
    bias : Variable of shape (units,) or None
        The bias.
    """

    least_rank = 2

    def __init__(
        self,
        units: int,
        activation: Activation = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = Zeros(),  # noqa: B008 - it keeps nothing
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        activity_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable, name, activity_regularizer=activity_regularizer, **kwargs)
        self.units = int(units)
        self.activation = activation
        self.use_bias = use_bias
        self._kernel = (kernel_initializer, kernel_regularizer, True, kernel_constraint)
        self._bias = (bias_initializer, bias_regularizer, True, bias_constraint)
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: TensorShape) -> None:
        """Make kernel and bias."""
        inputs = input_shape[-1].value
        if inputs is None:
            raise ValueError(
                f"layer {self.name!r} must know the size of the last axis of its input, but the"
                f" shape is {input_shape}"
            )
        self.kernel = self.add_weight("kernel", [inputs, self.units], self.dtype, *self._kernel)
        if self.use_bias:
            self.bias = self.add_weight("bias", [self.units], self.dtype, *self._bias)

    def call(self, inputs: Any, **kwargs: Any) -> Any:
        """Return the output."""
        assert inputs.dims is not None
        if len(inputs.dims) == 2:
            outputs = matmul(inputs, self.kernel)
        else:
            rows = matmul(reshape(inputs, [-1, inputs.dims[-1]]), self.kernel)
            lead = shape(inputs)[:-1]
            outputs = reshape(rows, concat([lead, [self.units]], 0), name="Tensordot")
            outputs.set_shape((*inputs.dims[:-1], self.units))
        if self.use_bias:
            outputs = bias_add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)


def dense(
    inputs: Any,
    units: int,
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Any = None,
    bias_initializer: Any = Zeros(),  # noqa: B008 - it keeps nothing
    kernel_regularizer: Regularizer = None,
    bias_regularizer: Regularizer = None,
    activity_regularizer: Regularizer = None,
    kernel_constraint: Constraint = None,
    bias_constraint: Constraint = None,
    trainable: bool = True,
    name: str | None = None,
    reuse: Any = None,
) -> Tensor:
    """Return the output of a new `Dense` layer, or of the variables of an existing one.

    Parameters
    ----------
    inputs : Tensor of shape (batch, …, inputs)
        The input.
    units, activation, use_bias, kernel_initializer, bias_initializer, kernel_regularizer
        As in `Dense`; so are the parameters after these.
    bias_regularizer, activity_regularizer, kernel_constraint, bias_constraint, trainable
        As in `Dense`.
    name : str, optional
        The variable scope, as it is; default is "dense", made unique.
    reuse : bool or AUTO_REUSE, optional
        Share the variables of that scope, which must exist for True.

    Returns
    -------
    Tensor of shape (batch, …, units)

    Raises
    ------
    ValueError
        If the size of the last axis is not known, or there are too few axes.
    """
    layer = Dense(
        units,
        activation,
        use_bias,
        kernel_initializer,
        bias_initializer,
        kernel_regularizer,
        bias_regularizer,
        activity_regularizer,
        kernel_constraint,
        bias_constraint,
        trainable,
        name,
        _scope=name,
        _reuse=reuse,
    )
    output: Tensor = layer(inputs)
    return output


class Dropout(Layer):
    """While training, sets a random share of the input to 0 and scales up the rest.

    Parameters
    ----------
    rate : float or scalar Tensor, default 0.5
        The share, in [0, 1).
    noise_shape : sequence of int, optional
        Shape of the random choices, broadcast to the input.
    seed : int, optional
        The op's seed.
    name : str, default "dropout"
        Its scope.
    **kwargs
        Those of `Layer`.
    """

    def __init__(
        self,
        rate: Any = 0.5,
        noise_shape: Any = None,
        seed: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed

    def call(self, inputs: Any, training: Any = False, **kwargs: Any) -> Any:
        """Return the output; `training` is a bool or a scalar Tensor of bool."""
        training = as_training(training)

        def drop() -> Tensor:
            return dropped(inputs, rate=self.rate, noise_shape=self.noise_shape, seed=self.seed)

        if isinstance(training, bool):
            return drop() if training else identity(inputs)
        return cond(training, drop, lambda: identity(inputs))


def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: int | None = None,
    training: Any = False,
    name: str | None = None,
) -> Tensor:
    """Return the input, with a random share of it set to 0 while training.

    Parameters
    ----------
    inputs : Tensor
        The input.
    rate, noise_shape, seed, name
        As in `Dropout`.
    training : bool or scalar Tensor of bool, default False
        Whether to drop anything.
    """
    layer = Dropout(rate, noise_shape, seed, name)
    output: Tensor = layer(inputs, training=training)
    return output


class Flatten(Layer):
    """All axes but that of the batch joined into one.

    Parameters
    ----------
    name : str, default "flatten"
        Its scope.
    **kwargs
        Those of `Layer`.
    """

    least_rank = 1

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def call(self, inputs: Any, **kwargs: Any) -> Any:
        """Return the output."""
        assert inputs.dims is not None
        batch, *rest = inputs.dims
        if not rest:
            return expand_dims(inputs, -1)
        if None not in rest:
            return reshape(inputs, [-1 if batch is None else batch, math.prod(rest)])
        return reshape(inputs, [shape(inputs)[0], -1])


def flatten(inputs: Any, name: str | None = None) -> Tensor:
    """Return the input with all axes but the first joined into one.

    Parameters
    ----------
    inputs : Tensor of shape (batch, …)
        The input.
    name : str, default "flatten"
        Its scope.
    """
    output: Tensor = Flatten(name)(inputs)
    return output
