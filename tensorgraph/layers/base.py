"""`Layer`: variables with names of their own, made at the first call, and what uses them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import DType, as_dtype
from tensorgraph.base.shapes import TensorShape
from tensorgraph.graph.defaults import convert_to_tensor, get_default_graph, name_scope
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.ops.array import shape
from tensorgraph.ops.math import cast, divide
from tensorgraph.ops.variables import global_variables
from tensorgraph.scopes import Reuse, VariableScope, variable_scope
from tensorgraph.shared_variables import add_regularization_loss, get_variable

# The collection of the names that layers took. No string, so that it is not exported with a graph.
_NAMES = ("layer names",)

Regularizer = Callable[[Any], Any] | None
Constraint = Callable[[Any], Any] | None


class Layer:
    """What all layers have in common. A subclass says what `build` makes and `call` computes.

    A layer's variables stand in a variable scope of its own, named by the class (``dense``,
    ``dense_1``, …) or by `name`. They are made at the first call, and shared by later ones.

    Parameters
    ----------
    trainable : bool, default True
        Optimizers train its variables.
    name : str, optional
        The name of its scope; default is that of the class, made unique.
    dtype : DType, optional
        Element type of its variables; default is that of the first input.
    activity_regularizer : callable, optional
        From the output to a loss; its mean over the batch goes to ``REGULARIZATION_LOSSES``.
    **internal
        How the functional forms say which scope to use (``_scope``) and whether its variables
        must exist (``_reuse``).

    Attributes
    ----------
    name : str
        Its name.
    built : bool
        Whether its variables exist.
    dtype : DType or None
        Element type of its variables, once it is known.
    trainable : bool
        The parameter.

    Examples
    --------
    >>> class Scale(tf.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight("factor", [], initializer=tf.ones_initializer())
    ...
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    """

    # The ranks of input that the layer takes.
    input_rank: ClassVar[int | None] = None
    least_rank: ClassVar[int] = 0

    def __init__(
        self,
        trainable: bool = True,
        name: str | None = None,
        dtype: Any = None,
        activity_regularizer: Regularizer = None,
        **internal: Any,
    ) -> None:
        scope = internal.pop("_scope", None)
        self._reuse: Reuse = internal.pop("_reuse", None)
        if internal:
            raise TypeError(f"{type(self).__name__} takes no {', '.join(internal)}")
        default_name = _snake_case(type(self).__name__)
        self._base_name = name or default_name
        self.name = name or _numbered(default_name)
        self.trainable = trainable
        self.dtype: DType | None = None if dtype is None else as_dtype(dtype)
        self.built = False
        self.updates: list[Operation] = []
        self.losses: list[Tensor] = []
        self._activity_regularizer = activity_regularizer
        self._trained: list[Any] = []
        self._kept: list[Any] = []
        self._scope: VariableScope | None = None
        if scope:
            with variable_scope(scope) as self._scope:
                pass

    # What a subclass says

    def build(self, input_shape: TensorShape) -> None:
        """Make the variables, for inputs of that shape."""

    def call(self, inputs: Any, **kwargs: Any) -> Any:
        """Return the output for an input."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it computes")

    # What users call

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the output for an input; at the first call, make the variables.

        Parameters
        ----------
        inputs : Tensor or array_like
            The input.
        *args, **kwargs
            What `call` takes beside it.

        Raises
        ------
        ValueError
            If the input has a rank or size that the layer does not take.
        """
        self._choose_scope(kwargs.pop("scope", None))
        tensor = convert_to_tensor(inputs)
        with self._inside():
            if not self.built:
                self._check_rank(tensor)
                if self.dtype is None:
                    self.dtype = tensor.dtype
                self.build(tensor.shape)
                self.built = True
            outputs = self.call(tensor, *args, **kwargs)
            if self._activity_regularizer is not None:
                self._regularize_activity(outputs)
        return outputs

    def apply(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Do the same as calling the layer."""
        return self(inputs, *args, **kwargs)

    def add_weight(
        self,
        name: str,
        shape: Any,
        dtype: Any = None,
        initializer: Any = None,
        regularizer: Regularizer = None,
        trainable: bool = True,
        constraint: Constraint = None,
    ) -> Any:
        """Return a variable of the layer.

        Parameters
        ----------
        name : str
            Its name inside the layer's scope.
        shape : sequence of int
            Its shape.
        dtype : DType, optional
            Its element type; default is the layer's.
        initializer : callable, optional
            Default is the variable scope's, else Glorot's uniform one.
        regularizer : callable, optional
            From the variable to a loss, which goes to ``REGULARIZATION_LOSSES``.
        trainable : bool, default True
            Optimizers train it, if they train the layer.
        constraint : callable, optional
            From its value to the one that it is set to after each step of an optimizer.
        """
        self._choose_scope(None)
        trainable = trainable and self.trainable
        before = set(global_variables())
        with self._inside():
            variable = get_variable(
                name,
                shape,
                as_dtype(dtype or self.dtype or dtypes.float32),
                initializer,
                trainable=trainable,
                constraint=constraint,
            )
            if regularizer is not None and variable not in before:
                loss = add_regularization_loss(regularizer, variable, f"{name}/Regularizer")
                if loss is not None:
                    self.losses.append(loss)
        (self._trained if trainable else self._kept).append(variable)
        return variable

    add_variable = add_weight

    def add_loss(self, losses: Any, inputs: Any = None) -> None:
        """Add losses to the collection ``REGULARIZATION_LOSSES``."""
        del inputs
        for loss in losses if isinstance(losses, list | tuple) else [losses]:
            self.losses.append(loss)
            get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)

    def add_update(self, updates: Any, inputs: Any = None) -> None:
        """Add operations to the collection ``UPDATE_OPS``: a training step is to run them too."""
        del inputs
        for update in updates if isinstance(updates, list | tuple) else [updates]:
            self.updates.append(update)
            get_default_graph().add_to_collection(GraphKeys.UPDATE_OPS, update)

    @property
    def scope_name(self) -> str:
        """The variable scope, without a closing slash.

        Raises
        ------
        ValueError
            Before the first call, which decides it.
        """
        if self._scope is None:
            raise ValueError(f"layer {self.name!r} has no scope before it is called")
        return self._scope.name

    @property
    def trainable_variables(self) -> list[Any]:
        """The variables that optimizers train."""
        return list(self._trained)

    @property
    def non_trainable_variables(self) -> list[Any]:
        """The variables that optimizers leave alone."""
        return list(self._kept)

    @property
    def variables(self) -> list[Any]:
        """All variables, those that are trained first."""
        return self._trained + self._kept

    trainable_weights = trainable_variables
    non_trainable_weights = non_trainable_variables
    weights = variables

    def _choose_scope(self, scope: Any) -> None:
        """Decide on the variable scope, inside that of the program, if none was."""
        if self._scope is not None:
            return
        if self._reuse:
            context = variable_scope(self._base_name if scope is None else scope)
        else:
            context = variable_scope(scope, default_name=self._base_name)
        with context as self._scope:
            pass

    @contextmanager
    def _inside(self) -> Iterator[None]:
        """Enter the layer's variable scope, and go back to the name scope opened with it."""
        assert self._scope is not None
        reuse = True if self.built else self._reuse
        with (
            variable_scope(self._scope, reuse=reuse, auxiliary_name_scope=False) as scope,
            name_scope(scope.original_name_scope),
        ):
            yield

    def _check_rank(self, tensor: Tensor) -> None:
        if tensor.dims is None:
            if self.input_rank is None and not self.least_rank:
                return
            raise ValueError(f"layer {self.name!r} must know the rank of its input {tensor.name!r}")
        rank = len(tensor.dims)
        if self.input_rank is not None and rank != self.input_rank:
            raise ValueError(
                f"layer {self.name!r} takes inputs of rank {self.input_rank}, but {tensor.name!r}"
                f" has shape {tensor.shape}, of rank {rank}"
            )
        if rank < self.least_rank:
            raise ValueError(
                f"layer {self.name!r} takes inputs of rank {self.least_rank} or more, but"
                f" {tensor.name!r} has shape {tensor.shape}, of rank {rank}"
            )

    def _regularize_activity(self, outputs: Tensor) -> None:
        assert self._activity_regularizer is not None
        with name_scope("ActivityRegularizer"):
            loss = self._activity_regularizer(outputs)
            batch = cast(shape(outputs)[0], loss.dtype)
            self.add_loss(divide(loss, batch))

    def __repr__(self) -> str:
        return f"<tf.layers.{type(self).__name__} {self.name!r}>"


def _snake_case(name: str) -> str:
    """Return ``conv2d_transpose`` for ``Conv2DTranspose``."""
    words = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()


def _numbered(name: str) -> str:
    """Return a layer name with how many of its kind the graph has."""
    held = get_default_graph().get_collection_ref(_NAMES)
    held.append(name)
    return f"{name}_{held.count(name)}"
