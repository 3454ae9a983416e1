"""Variable scopes: prefixes and defaults for the variables that `get_variable` makes.

A variable scope is a prefix for the names of variables, together with defaults for how they are
made and with whether they may, must or must not exist already (`VariableScope.reuse`). It opens a
name scope as well, so that operations stand beside the variables they use; but where a variable
goes depends on the variable scope alone.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tensorgraph.base import dtypes
from tensorgraph.base.dtypes import DType, as_dtype
from tensorgraph.graph.defaults import get_collection, get_default_graph
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.ops.variables import Variable


class _AutoReuse(enum.Enum):
    """A third answer to whether variables are reused."""

    AUTO_REUSE = "make what does not exist, share what does"


AUTO_REUSE: Final = _AutoReuse.AUTO_REUSE

Reuse = bool | _AutoReuse | None


@dataclass(frozen=True)
class Settings:
    """How a scope makes variables; scopes inside inherit what they do not say themselves."""

    reuse: Reuse = False
    dtype: DType = dtypes.float32
    initializer: Any = None
    regularizer: Callable[[Variable], Any] | None = None
    constraint: Callable[[Any], Any] | None = None
    custom_getter: Callable[..., Any] | None = None

    def inherited(
        self,
        reuse: Reuse,
        dtype: Any,
        initializer: Any,
        regularizer: Callable[[Variable], Any] | None,
        constraint: Callable[[Any], Any] | None,
        custom_getter: Callable[..., Any] | None,
    ) -> Settings:
        """Return the settings of a scope inside one with these."""
        getter = custom_getter or self.custom_getter
        if custom_getter and self.custom_getter:
            getter = _chained(custom_getter, self.custom_getter)
        return Settings(
            reuse or self.reuse,
            self.dtype if dtype is None else as_dtype(dtype),
            self.initializer if initializer is None else initializer,
            self.regularizer if regularizer is None else regularizer,
            self.constraint if constraint is None else constraint,
            getter,
        )


def _chained(inner: Callable[..., Any], outer: Callable[..., Any]) -> Callable[..., Any]:
    def getter(make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return inner(functools.partial(outer, make), *args, **kwargs)

    return getter


class VariableScope:
    """What `variable_scope` gives: a prefix and the defaults of the variables made in it.

    Attributes
    ----------
    name : str
        The prefix of the variables, without a closing slash.
    original_name_scope : str
        The name scope that was opened with it, with a closing slash.
    settings : Settings
        The defaults.
    """

    def __init__(self, name: str, original_name_scope: str, settings: Settings) -> None:
        self.name = name
        self.original_name_scope = original_name_scope
        self.settings = settings

    @property
    def reuse(self) -> Reuse:
        """Whether variables must exist (True), must not (False), or either (`tf.AUTO_REUSE`)."""
        return self.settings.reuse

    @property
    def dtype(self) -> DType:
        """The default element type."""
        return self.settings.dtype

    @property
    def initializer(self) -> Any:
        """The default initializer, or None."""
        return self.settings.initializer

    @property
    def regularizer(self) -> Callable[[Variable], Any] | None:
        """The default regularizer, or None."""
        return self.settings.regularizer

    @property
    def constraint(self) -> Callable[[Any], Any] | None:
        """The default constraint, or None."""
        return self.settings.constraint

    @property
    def custom_getter(self) -> Callable[..., Any] | None:
        """The function that stands between `get_variable` and the variable, or None."""
        return self.settings.custom_getter

    def reuse_variables(self) -> None:
        """Share existing variables from here on, in this scope and those inside."""
        self.settings = replace(self.settings, reuse=True)

    def set_initializer(self, initializer: Any) -> None:
        """Set the default initializer."""
        self.settings = replace(self.settings, initializer=initializer)

    def set_regularizer(self, regularizer: Callable[[Variable], Any] | None) -> None:
        """Set the default regularizer."""
        self.settings = replace(self.settings, regularizer=regularizer)

    def set_dtype(self, dtype: Any) -> None:
        """Set the default element type."""
        self.settings = replace(self.settings, dtype=as_dtype(dtype))

    def get_collection(self, name: str) -> list[Any]:
        """Return those members of a collection whose name begins with this scope."""
        return get_collection(name, f"{self.name}/" if self.name else None)

    def trainable_variables(self) -> list[Variable]:
        """Return the variables of this scope that optimizers train."""
        return self.get_collection(GraphKeys.TRAINABLE_VARIABLES)

    def global_variables(self) -> list[Variable]:
        """Return the global variables of this scope."""
        return self.get_collection(GraphKeys.GLOBAL_VARIABLES)

    def local_variables(self) -> list[Variable]:
        """Return the local variables of this scope."""
        return self.get_collection(GraphKeys.LOCAL_VARIABLES)

    def __repr__(self) -> str:
        return f"<tf.VariableScope {self.name!r} reuse={self.reuse}>"


@dataclass
class _Store:
    """What one graph knows of its variable scopes.

    Attributes
    ----------
    variables : dict
        What `get_variable` made, by full names.
    current : VariableScope
        The scope that the program is in.
    opened : dict
        How often each scope was opened since the one around it was, for unique names.
    """

    variables: dict[str, Variable] = field(default_factory=dict)
    current: VariableScope = field(default_factory=lambda: VariableScope("", "", Settings()))
    opened: dict[str, int] = field(default_factory=dict)


# Not a string, so that what a graph is exported with leaves it out.
_STORE = ("variable store",)


def scope_store() -> _Store:
    """Return what the default graph knows of its variable scopes."""
    held = get_default_graph().get_collection_ref(_STORE)
    if not held:
        held.append(_Store())
    store: _Store = held[0]
    return store


def get_variable_scope() -> VariableScope:
    """Return the variable scope that the program is in."""
    return scope_store().current


def variable_scope(
    name_or_scope: str | VariableScope | None,
    default_name: str | None = None,
    values: Any = None,
    initializer: Any = None,
    regularizer: Callable[[Variable], Any] | None = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Callable[..., Any] | None = None,
    reuse: Reuse = None,
    dtype: Any = None,
    use_resource: bool | None = None,
    constraint: Callable[[Any], Any] | None = None,
    auxiliary_name_scope: bool = True,
) -> AbstractContextManager[VariableScope]:
    """Return a context in which `get_variable` puts its variables under a name.

    Parameters
    ----------
    name_or_scope : str, VariableScope or None
        The name inside the current scope, or a scope to go back to.
    default_name : str, optional
        The name where `name_or_scope` is None; it is made unique.
    values, caching_device, use_resource : object
        Accepted for TensorFlow's sake.
    initializer : callable or array_like, optional
        Where `get_variable` says none.
    regularizer : callable, optional
        Likewise.
    partitioner : None
        Variables are not split.
    custom_getter : callable, optional
        Called in place of `get_variable`, with a function that does its work and all arguments by
        name.
    reuse : bool or AUTO_REUSE, optional
        True: variables are shared and must exist. ``tf.AUTO_REUSE``: they are shared where they
        exist. None and False: as around the scope; at first, they must not exist.
    dtype : DType, optional
        Where `get_variable` says none.
    constraint : callable, optional
        Likewise.
    auxiliary_name_scope : bool, default True
        Open a name scope too.

    Raises
    ------
    TypeError
        If there is no name, or it is none.
    ValueError
        If `reuse` is none of these, or is True without a name.

    Examples
    --------
    >>> with tf.variable_scope("generator"):
    ...     w = tf.get_variable("w", [100, 784])  # generator/w:0
    """
    del values, caching_device, use_resource
    check_unpartitioned(partitioner)
    if name_or_scope is None and default_name is None:
        raise TypeError("a variable scope needs a name, or a default_name")
    if name_or_scope is not None and not isinstance(name_or_scope, str | VariableScope):
        raise TypeError(f"a variable scope is a string or a VariableScope, not {name_or_scope!r}")
    if reuse not in (None, True, False, AUTO_REUSE):
        raise ValueError(f"reuse must be True, False, None or tf.AUTO_REUSE, not {reuse!r}")
    if not isinstance(auxiliary_name_scope, bool):
        raise TypeError(f"auxiliary_name_scope must be a bool, not {auxiliary_name_scope!r}")
    own = (reuse, dtype, initializer, regularizer, constraint, custom_getter)
    if isinstance(name_or_scope, VariableScope):
        return _again(name_or_scope, own, auxiliary_name_scope)
    if name_or_scope is None and reuse:
        raise ValueError("reuse=True needs a name: a default name is always a new one")
    return _inside(name_or_scope, default_name, own, auxiliary_name_scope)


@contextmanager
def _inside(
    name: str | None, default_name: str | None, own: tuple[Any, ...], auxiliary_name_scope: bool
) -> Iterator[VariableScope]:
    """Enter a scope below the current one."""
    store = scope_store()
    outer = store.current
    wish = default_name if name is None else name
    with _name_scope(wish, auxiliary_name_scope) as name_scope:
        if name is None:
            wish = _unique(store, outer, default_name or "")
        full_name = f"{outer.name}/{wish}" if outer.name else wish or ""
        scope = VariableScope(full_name, name_scope, outer.settings.inherited(*own))
        store.opened[full_name] = store.opened.get(full_name, 0) + 1
        store.current = scope
        try:
            yield scope
        finally:
            store.current = outer
            for opened in store.opened:
                if opened.startswith(f"{full_name}/"):
                    store.opened[opened] = 0


@contextmanager
def _again(
    scope: VariableScope, own: tuple[Any, ...], auxiliary_name_scope: bool
) -> Iterator[VariableScope]:
    """Go back to a scope, wherever the program is; its name scope gets a new name."""
    store = scope_store()
    outer, opened = store.current, dict(store.opened)
    with _name_scope(scope.name.rpartition("/")[2], auxiliary_name_scope):
        settings = scope.settings.inherited(*own)
        store.current = VariableScope(scope.name, scope.original_name_scope, settings)
        store.opened[scope.name] = store.opened.get(scope.name, 0) + 1
        try:
            yield store.current
        finally:
            store.current, store.opened = outer, opened


def _name_scope(name: str | None, auxiliary: bool) -> AbstractContextManager[str]:
    """Return the name scope that comes with a variable scope."""
    graph = get_default_graph()
    here = graph.get_name_scope()
    if auxiliary and name:
        return graph.name_scope(name)
    return nullcontext(f"{here}/" if here and not auxiliary else "")


def _unique(store: _Store, outer: VariableScope, name: str) -> str:
    """Return `name`, or with ``_1``, ``_2``, …, so that no scope of that name is open here."""
    prefix = f"{outer.name}/" if outer.name else ""
    candidate, count = name, 0
    while store.opened.get(prefix + candidate, 0):
        count += 1
        candidate = f"{name}_{count}"
    return candidate


def check_unpartitioned(partitioner: Any) -> None:
    """Raise ValueError if variables are to be split."""
    if partitioner is not None:
        raise ValueError("variables are not partitioned here: leave partitioner=None")
