"""What an operation is: one definition that holds all that is known of it.

**One op, one place.** A subclass of `OpDef` states the shape rule, the kernel, the gradient, the
cost, and how to sample valid inputs. The registry maps its type to the one instance. Everything
that sweeps over ops (shape checks, gradient tests, documentation) reads the registry, so that a
new op is tested by existing.

>>> @register
... class Cube(Unary):
...     \"\"\"x³, elementwise.\"\"\"
...
...     type = "Cube"
...
...     def kernel(self, k, x):
...         return k.xp.power(x, 3, out=k.out)
...
...     def gradient(self, op, dy):
...         return (dy * 3.0 * op.inputs[0] ** 2.0,)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np

from tensorgraph.base import dtypes, shapes
from tensorgraph.base.dtypes import DType
from tensorgraph.base.shapes import Shape
from tensorgraph.graph.kernel import KernelContext as KernelContext  # noqa: PLC0414 - for authors of ops

if TYPE_CHECKING:
    from tensorgraph.graph.body import BodyGraph
    from tensorgraph.graph.node import Operation, Tensor


class Arg(NamedTuple):
    """One input of an operation.

    Attributes
    ----------
    name : str
        What error messages call it.
    dtypes : tuple of DType
        The element types that may stand here.
    group : str
        Inputs of one group must have the same element type; Python numbers take that of their
        group. ``""`` ties the input to no other.
    ref : bool
        The op receives the variable itself (a `Cell`), and may change it.
    host : bool
        The kernel reads the numbers themselves, and takes them from the host.
    """

    name: str
    dtypes: tuple[DType, ...] = dtypes.FLOATING
    group: str = "T"
    ref: bool = False
    host: bool = False


class Spec(NamedTuple):
    """Element type and static shape of one output; `ref` where it is a variable itself."""

    dtype: DType
    shape: Shape
    ref: bool = False


@dataclass(frozen=True)
class Domain:
    """Where the values of an input may lie, for tests.

    Attributes
    ----------
    low, high : float
        The interval.
    avoid : tuple of float
        Kinks and poles; values stay at least `margin` away.
    margin : float
        That distance.
    distinct : bool
        All values, over all inputs with this mark, differ by at least `margin`, so that a maximum
        is unique.
    """

    low: float = -2.0
    high: float = 2.0
    avoid: tuple[float, ...] = ()
    margin: float = 0.1
    distinct: bool = False


REAL = Domain()
POSITIVE = Domain(0.3, 3.0)
NONZERO = Domain(avoid=(0.0,), margin=0.3)
DISTINCT = Domain(distinct=True)


@dataclass(frozen=True)
class Input:
    """One input of a sample: a shape with a domain, or a fixed value.

    Attributes
    ----------
    shape : tuple of int
        Its shape.
    domain : Domain
        Where its values may lie.
    dtype : DType or None
        Its element type; None for the one under test (float64 for gradients).
    value : array_like or None
        A fixed value in place of a drawn one, as for shapes and labels.
    constant : bool
        Feed it as a constant node (its value decides the output's shape).
    """

    shape: tuple[int, ...] = ()
    domain: Domain = REAL
    dtype: DType | None = None
    value: Any = None
    constant: bool = False


@dataclass(frozen=True)
class Sample:
    """A valid use of an op: its inputs and attributes."""

    inputs: tuple[Input, ...]
    attrs: dict[str, Any] = field(default_factory=dict)


class Draw(Protocol):
    """Where a sample's choices come from: hypothesis in tests, a seeded generator elsewhere."""

    def integer(self, low: int, high: int) -> int:
        """Return an integer of ``[low, high]``."""

    def choice(self, options: Sequence[Any]) -> Any:
        """Return one of the options, the simplest first."""

    def boolean(self) -> bool:
        """Return False or True."""

    def size(self, low: int = 0) -> int:
        """Return a small size; 0 and 1 come often."""

    def shape(self, min_rank: int = 0, max_rank: int = 3, low: int = 0) -> tuple[int, ...]:
        """Return a small shape."""

    def broadcastable(self, count: int) -> tuple[tuple[int, ...], ...]:
        """Return shapes that broadcast together."""

    def probabilities(self, rows: int, columns: int) -> np.ndarray[Any, Any]:
        """Return a float64 matrix whose rows are positive and sum to 1."""


class Role(Enum):
    """What a part of a batch is given of an input, or makes of an output.

    Attributes
    ----------
    ROWS
        The same rows: the part's share along the first axis.
    WHOLE
        All of it.
    SHAPE
        Of a shape: the same with the part's number of rows in the first place.
    SUM
        Of an output: what the part adds to it. The output is the sum over all parts.
    """

    ROWS = auto()
    WHOLE = auto()
    SHAPE = auto()
    SUM = auto()


class Blockwise(NamedTuple):
    """How an operation works on a part of a batch.

    Attributes
    ----------
    inputs, outputs : tuple of Role
        What becomes of each.
    """

    inputs: tuple[Role, ...]
    outputs: tuple[Role, ...] = (Role.ROWS,)


# A rule may give a function in place of a tensor: it is called only where that gradient is needed.
Gradients: TypeAlias = Sequence["Tensor | Callable[[], Tensor | None] | None"]


class Call(NamedTuple):
    """A body that a kernel calls.

    Attributes
    ----------
    body : BodyGraph
        The body.
    fetches : sequence of Tensor
        What of it a call returns.
    shapes : sequence of shape
        What is known of the body's inputs.
    feedback : int
        So many fetches are the first inputs of the next call, and may have other shapes.
    """

    body: BodyGraph
    fetches: Sequence[Tensor]
    shapes: Sequence[Shape]
    feedback: int = 0


class OpDef:
    """One kind of operation. Subclass it, give it a `type`, and decorate it with `register`.

    Attributes
    ----------
    type : str
        The name of the kind, TensorFlow's where it has one.
    inputs : tuple of Arg
        The inputs.
    variadic : bool
        The last of `inputs` stands for any number of them.
    view : bool
        The output may share the memory of input 0.
    uses_out : bool
        The kernel writes into ``k.outs`` where they are given.
    by_rows : bool
        Each row of the output, along the first axis, is made of the same rows of those inputs that
        have as many axes and rows, and of the others as a whole. So workers can share the rows.
    ufunc : str
        The function of the array module that is the whole kernel: it takes the inputs and ``out``.
        A plan calls it without a way around. Empty where the class defines `kernel`.
    cuda : str
        Of an op that works on each element by itself, its result as an expression of CUDA C++, from
        which kernels are made. The inputs have their names (those after the last of a variadic op
        are numbered: ``x0``, ``x1``), ``R`` is the type of the result; float16 is computed in
        float. `tensorgraph.backends.cuda.functions` has the functions that CUDA lacks.
    stateful : bool
        Two runs may differ or have an effect, so it is neither folded nor merged.
    mutates : bool
        The op changes the variables it is given; whatever does not depend on it runs before it.
    differentiable : bool
        False cuts the gradient: the outputs are piecewise constant or no floats. An op that
        could have a gradient but has none raises from `gradient` instead.
    formula : str
        How the result is written, with the names of inputs and attributes in braces, as
        ``"{x} · {y}"``; empty where it cannot be said so shortly.
    formulas_besides : tuple of str
        The same of the outputs after the first.
    """

    type: ClassVar[str]
    inputs: ClassVar[tuple[Arg, ...]] = ()
    variadic: ClassVar[bool] = False
    view: ClassVar[bool] = False
    uses_out: ClassVar[bool] = False
    by_rows: ClassVar[bool] = False
    ufunc: ClassVar[str] = ""
    cuda: ClassVar[str] = ""
    stateful: ClassVar[bool] = False
    mutates: ClassVar[bool] = False
    differentiable: ClassVar[bool] = True
    formula: ClassVar[str] = ""
    formulas_besides: ClassVar[tuple[str, ...]] = ()

    def args(self, count: int) -> Sequence[Arg]:
        """Return what is known of each of `count` inputs.

        Raises
        ------
        ValueError
            If the op does not take so many.
        """
        if self.variadic:
            if count < len(self.inputs):
                raise ValueError(f"{self.type} needs at least {len(self.inputs)} inputs: {count}")
            return (*self.inputs, *[self.inputs[-1]] * (count - len(self.inputs)))
        if count != len(self.inputs):
            raise ValueError(f"{self.type} takes {len(self.inputs)} inputs, not {count}")
        return self.inputs

    def infer(self, op: Operation) -> Sequence[Spec]:
        """Return the outputs' types from ``op.inputs`` and ``op.attrs``.

        Raises
        ------
        ValueError, TypeError
            If the inputs do not fit; the caller adds which node and line it was.
        """
        raise NotImplementedError(f"op type {self.type!r} defines no shape rule")

    def kernel(self, k: KernelContext, *inputs: Any) -> Any:
        """Compute the output (or a tuple of them) from arrays, into ``k.out`` where given."""
        if not self.ufunc:
            raise NotImplementedError(f"op type {self.type!r} defines no kernel")
        return getattr(k.xp, self.ufunc)(*inputs, out=k.out)

    def blockwise(self, op: Operation) -> Blockwise | None:
        """Return how the op, of known shapes, works on a part of a batch; None if it cannot."""
        return None

    def calls(self, op: Operation, wanted: Sequence[bool]) -> Sequence[Call]:
        """Return the bodies that the kernel calls as ``k.functions``.

        Parameters
        ----------
        op : Operation
            The node.
        wanted : sequence of bool
            Which of its outputs something takes.
        """
        return ()

    def gradient(self, op: Operation, *grads: Any) -> Gradients:
        """Return the gradient of each input, as graph nodes.

        Parameters
        ----------
        op : Operation
            The forward node.
        *grads : Tensor or None
            The gradient of each output; None where nothing depends on it.

        Returns
        -------
        sequence of (Tensor, callable or None)
            None: the input does not influence the outputs smoothly. A function is called only
            if that input's gradient is needed, so that no nodes are made in vain.

        Raises
        ------
        LookupError
            If the op has a derivative but no rule for it.
        """
        raise LookupError(f"op type {self.type!r} has no gradient rule")

    def flops(self, op: Operation) -> int:
        """Return the floating-point operations of one run, where shapes are known, else 0."""
        return 0

    def known(self, op: Operation, inputs: Sequence[Tensor]) -> np.ndarray[Any, Any] | None:
        """Return the output where the inputs' static shapes say what it is, else None."""
        return None

    def forwards(self, op: Operation) -> Tensor | None:
        """Return the input that the output equals, given the static shapes; None if none."""
        return None

    def formula_of(self, op: Operation) -> str:
        """Return the formula of one use, where it depends on the attributes."""
        return self.formula

    def cuda_of(self, op: Operation) -> str:
        """Return the expression of one use, where it depends on the use."""
        return self.cuda

    def sample(self, draw: Draw) -> Sample | None:
        """Return a random valid use, for the sweeps; None where no sweep applies (state)."""
        return None


_REGISTRY: dict[str, OpDef] = {}

OpClass = TypeVar("OpClass", bound=type[OpDef])


def register(definition: OpClass) -> OpClass:
    """Add an op to the registry; a class decorator.

    Raises
    ------
    ValueError
        If another op has that type.
    """
    if definition.type in _REGISTRY:
        raise ValueError(f"an op of type {definition.type!r} is registered already")
    _REGISTRY[definition.type] = definition()
    return definition


def lookup(op_type: str) -> OpDef:
    """Return the definition of an op type.

    Raises
    ------
    LookupError
        If there is none.
    """
    try:
        return _REGISTRY[op_type]
    except KeyError:
        raise LookupError(f"no op of type {op_type!r} is registered") from None


def registered() -> Mapping[str, OpDef]:
    """Return all op definitions by type."""
    return dict(_REGISTRY)


def elements(tensors: Iterable[Tensor]) -> int:
    """Return how many elements the tensors have together; unknown sizes count as 1."""
    total = 0
    for t in tensors:
        count = 1
        for d in t.dims or ():
            count *= 1 if d is None else d
        total += count
    return total


class Elementwise(OpDef):
    """An op that works on each element by itself, with NumPy's broadcasting."""

    uses_out = True
    by_rows = True
    domain: ClassVar[Domain] = REAL
    result_dtype: ClassVar[DType | None] = None  # None: that of the last input

    def infer(self, op: Operation) -> Sequence[Spec]:
        shape = op.inputs[0].dims
        for t in op.inputs[1:]:
            shape = shapes.broadcast(shape, t.dims)
        return (Spec(self.result_dtype or op.inputs[-1].dtype, shape),)

    def blockwise(self, op: Operation) -> Blockwise | None:
        result = op.outputs[0].dims or ()

        def role(dims: Shape) -> Role:
            same = dims is not None and len(dims) == len(result) and dims[:1] == result[:1]
            return Role.ROWS if same else Role.WHOLE

        return Blockwise(tuple(role(t.dims) for t in op.inputs))

    def flops(self, op: Operation) -> int:
        return elements(op.outputs)

    def sample(self, draw: Draw) -> Sample | None:
        drawn = draw.broadcastable(len(self.inputs))
        return Sample(
            tuple(
                Input(s, self.domain, None if len(a.dtypes) > 1 else a.dtypes[0])
                for s, a in zip(drawn, self.inputs, strict=True)
            )
        )


class Unary(Elementwise):
    """An elementwise op of one floating-point input."""

    inputs = (Arg("x"),)


class Binary(Elementwise):
    """An elementwise op of two inputs of one element type."""

    inputs = (Arg("x", dtypes.NUMERIC), Arg("y", dtypes.NUMERIC))
