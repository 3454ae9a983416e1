"""`get_variable`: variables that are shared by their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import DType, as_dtype
from tensorgraph.graph.defaults import convert_to_tensor, get_default_graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Tensor
from tensorgraph.initializers import GlorotUniform, Zeros
from tensorgraph.ops.variables import Variable
from tensorgraph.scopes import Reuse, check_unpartitioned, get_variable_scope, scope_store


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Callable[[Variable], Any] | None = None,
    trainable: bool | None = None,
    collections: Sequence[str] | None = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Callable[..., Any] | None = None,
    constraint: Callable[[Any], Any] | None = None,
) -> Any:
    """Return the variable of a name in the current variable scope: a new one, or an existing one.

    Parameters
    ----------
    name : str
        Its name inside the scope.
    shape : sequence of int, optional
        Its shape; not with an initializer that is an array.
    dtype : DType, optional
        Its element type; default is the scope's, which is float32 where nothing else is said.
    initializer : callable or array_like, optional
        What gives the first value: a function of shape and dtype, of nothing, or the value itself.
        Default is the scope's, else Glorot's uniform one (zeros for integers and bools).
    regularizer : callable, optional
        From the variable to a loss, which goes to ``REGULARIZATION_LOSSES``; default the scope's.
    trainable : bool, default True
        Optimizers train it.
    collections : list of str, optional
        The collections it goes to; default is ``GLOBAL_VARIABLES``.
    caching_device, use_resource : object
        Accepted for TensorFlow's sake.
    partitioner : None
        Variables are not split.
    validate_shape : bool, default True
        Every value must have the shape of the first.
    custom_getter : callable, optional
        As in `variable_scope`.
    constraint : callable, optional
        From its value to the one that it is set to after each step of an optimizer.

    Returns
    -------
    Variable
        Or what a custom getter makes of it.

    Raises
    ------
    ValueError
        If it exists and is not to be reused, or the reverse; if it exists with another shape or
        type; if nothing says what shape it has.
    """
    check_unpartitioned(partitioner)
    scope = get_variable_scope()
    settings = scope.settings
    if dtype is not None and initializer is not None and not callable(initializer):
        given = convert_to_tensor(initializer).dtype
        if given is not as_dtype(dtype):
            raise ValueError(
                f"the initializer of variable {name!r} is of {given.name}, but dtype says"
                f" {as_dtype(dtype).name}"
            )
    arguments = {
        "name": f"{scope.name}/{name}" if scope.name else name,
        "shape": shape,
        "dtype": settings.dtype if dtype is None else as_dtype(dtype),
        "initializer": settings.initializer if initializer is None else initializer,
        "regularizer": settings.regularizer if regularizer is None else regularizer,
        "reuse": settings.reuse,
        "trainable": trainable is not False,
        "collections": collections,
        "caching_device": caching_device,
        "partitioner": partitioner,
        "validate_shape": validate_shape,
        "use_resource": use_resource,
        "constraint": settings.constraint if constraint is None else constraint,
    }
    # Names of variables hang on variable scopes alone.
    graph = get_default_graph().outermost
    with graph.as_default(), graph.name_scope(None):
        getter = custom_getter or settings.custom_getter
        return _get(**arguments) if getter is None else getter(_get, **arguments)


def get_local_variable(name: str, *args: Any, **kwargs: Any) -> Any:
    """Return what `get_variable` does, of local variables that are not trained."""
    kwargs = {**kwargs, "collections": [GraphKeys.LOCAL_VARIABLES], "trainable": False}
    return get_variable(name, *args, **kwargs)


def _get(
    name: str,
    shape: Any = None,
    dtype: Any = dtypes.float32,
    initializer: Any = None,
    regularizer: Callable[[Variable], Any] | None = None,
    reuse: Reuse = None,
    trainable: bool = True,
    collections: Sequence[str] | None = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    constraint: Callable[[Any], Any] | None = None,
) -> Variable:
    """Find or make the variable of a full name."""
    del caching_device, partitioner, use_resource
    if shape is not None and initializer is not None and not callable(initializer):
        raise ValueError(f"variable {name!r}: the initializer has a shape, so give no other")
    variables = scope_store().variables
    dims = shapes.as_shape(shape)
    if name in variables:
        found = variables[name]
        _check_shared(found, name, dims, as_dtype(dtype), reuse)
        return found
    if reuse is True:
        raise ValueError(
            f"variable {name!r} does not exist, or was not made by tf.get_variable();"
            " reuse=tf.AUTO_REUSE in its scope would make it"
        )
    value, value_dtype = _first_value(name, dims, as_dtype(dtype), initializer)
    variable = Variable(
        value,
        trainable,
        collections,
        validate_shape,
        name=name,
        dtype=value_dtype,
        constraint=constraint,
    )
    variables[name] = variable
    if regularizer is not None:
        add_regularization_loss(regularizer, variable, f"{name}/Regularizer/")
    return variable


def add_regularization_loss(
    regularizer: Callable[[Any], Any], variable: Any, scope: str
) -> Tensor | None:
    """Collect the loss that a regularizer makes of a variable, inside a name scope; return it."""
    # Like the variable, it is part of no branch, loop or step of the program.
    graph = get_default_graph().outermost
    with graph.as_default(), graph.control_dependencies(None), graph.name_scope(scope):
        loss: Tensor | None = regularizer(variable)
    if loss is not None:
        graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return loss


def _check_shared(
    found: Variable, name: str, dims: shapes.Shape, dtype: DType, reuse: Reuse
) -> None:
    """Raise ValueError where an existing variable is not what was asked for."""
    made = f"it was made at {found.op.source}"
    if not reuse:
        raise ValueError(
            f"variable {name!r} exists already: {made}. To share it, set reuse=True or"
            " reuse=tf.AUTO_REUSE in its variable scope"
        )
    if not shapes.compatible(dims, found.op.outputs[0].dims):
        raise ValueError(
            f"variable {name!r} has shape {found.shape}, not {shapes.format_shape(dims)}: {made}"
        )
    if found.dtype is not dtype:
        raise ValueError(f"variable {name!r} is of {found.dtype.name}, not {dtype.name}: {made}")


def _first_value(
    name: str, dims: shapes.Shape, dtype: DType, initializer: Any
) -> tuple[Any, DType | None]:
    """Return what a variable begins with, and the element type to convert it to."""
    if initializer is None:
        if dims is None:
            raise ValueError(f"variable {name!r} has no initializer, so its shape must be given")
        initializer = GlorotUniform() if dtype.is_floating else Zeros()
    if not callable(initializer):
        return initializer, None
    if inspect.isclass(initializer):
        initializer = initializer()
    parameters = inspect.signature(initializer).parameters.values()
    if dims is not None and shapes.is_full(dims):
        extra = {"partition_info": None} if "partition_info" in {p.name for p in parameters} else {}
        return lambda: initializer(list(dims), dtype=dtype, **extra), dtype
    if all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters
    ):
        return initializer, None
    raise ValueError(
        f"the initializer of variable {name!r} needs to know its shape, which is"
        f" {shapes.format_shape(dims)}"
    )
