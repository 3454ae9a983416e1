"""What a layer is. Each kind of layer is one subclass of `Layer`, in one place.

The checker, the summary, the compiler and the help only read these definitions: a new layer is a
new class, and nothing else changes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import Any, ClassVar, Final

import tensorgraph as tf
from dsl.diagnostics import Severity
from dsl.layers.activations import LINEAR, ActivationUse
from dsl.layers.arguments import ArgumentType, format_sizes
from dsl.layers.initializers import Fans, Initializer
from tensorgraph.base.shapes import Shape

REQUIRED: Final = object()
"""The default of a parameter that must be given."""


@dataclass(frozen=True)
class Parameter:
    """A value that a layer takes, by its place or by name.

    Attributes
    ----------
    name : str
        Its name, as in ``stride=2``.
    type : ArgumentType
        What it can be.
    doc : str
        What it means, in a few words.
    default : object
        Its value where it is not given; REQUIRED where it must be.
    key : str
        The key it sets among the arguments; several words may set the same one.
    """

    name: str
    type: ArgumentType
    doc: str
    default: Any = REQUIRED
    key: str = ""

    def __post_init__(self) -> None:
        if not self.key:
            object.__setattr__(self, "key", self.name)


@dataclass(frozen=True)
class Flag:
    """A bare word that sets an argument, as ``same`` sets the padding.

    In canonical form it stands at the place of the option with its key, or else before the option
    `before`, or else behind all options.
    """

    word: str
    key: str
    value: Any
    doc: str
    before: str = ""


@dataclass(frozen=True)
class Weight:
    """A variable of a layer.

    Attributes
    ----------
    name : str
        Its name within the layer.
    shape : tuple of int
        Its shape.
    initializer : Initializer
        What it starts from.
    fans : Fans
        What the initialiser may depend on.
    trainable : bool
        Whether the optimiser changes it.
    l1, l2 : float
        The loss grows by l1 · Σ|w| and l2 / 2 · Σw².
    max_norm : float or None
        The largest Euclidean norm that the weights of one output may have; None: any.
    norm_axes : tuple of int
        The axes that such a norm is taken over; by default all but the last.
    argument : str
        The key of the argument that the initialiser comes from.
    """

    name: str
    shape: tuple[int, ...]
    initializer: Initializer
    fans: Fans
    trainable: bool = True
    l1: float = 0.0
    l2: float = 0.0
    max_norm: float | None = None
    norm_axes: tuple[int, ...] = ()
    argument: str = "init"

    def __post_init__(self) -> None:
        if not self.norm_axes:
            object.__setattr__(self, "norm_axes", tuple(range(len(self.shape) - 1)))

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True)
class Window:
    """How much of its input one output of a layer sees, and how far apart outputs look.

    All have an entry for each axis between batch and channels. Where a layer makes images
    larger, its outputs look at places closer than one pixel: the stride is a fraction.

    Attributes
    ----------
    extent : tuple of int
        How many places one output sees.
    stride : tuple of int or Fraction
        How far apart neighbouring outputs look.
    start : tuple of int, Fraction or None
        Where the first output begins to look, below 0 in the zeros around the input. Output i sees
        the places from ceil(start + i · stride) on. None where the size of the input is not fixed.
    """

    extent: tuple[int, ...]
    stride: tuple[int | Fraction, ...]
    start: tuple[int | Fraction | None, ...]


@dataclass(frozen=True)
class Repair:
    """What would make a layer fit.

    Attributes
    ----------
    changes : mapping
        The keys of arguments, each with the text to write.
    help : str
        What it does, in a few words.
    word : str
        The layer to write in place of this one; empty: it stays.
    """

    changes: Mapping[str, str]
    help: str
    word: str = ""


@dataclass(frozen=True)
class Complaint:
    """What a layer's shape rule has against its arguments.

    Attributes
    ----------
    code, message, label : str
        As in `Diagnostic`.
    at : tuple of str
        The keys of the arguments it is about; the first that was given is pointed at.
    notes : tuple of str
        As in `Diagnostic`.
    repairs : tuple of Repair
        What may help, the best first.
    severity : str
        ``"error"`` or ``"warning"``.
    inside : (int, int) or None
        Which characters of a string it is about, where that string is the argument: the first
        one, and the one behind the last.
    """

    code: str
    message: str
    label: str
    at: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()
    severity: Severity = "error"
    inside: tuple[int, int] | None = None


@dataclass(frozen=True)
class Signature:
    """What may stand behind a word: behind a layer's, or behind that of a training setting.

    Attributes
    ----------
    word : str
        The word itself.
    positional : tuple of Parameter
        What stands behind it, in order.
    options : tuple of Parameter
        What is given as ``name=value``.
    flags : tuple of Flag
        The bare words it knows.
    takes_activation : bool
        Whether an activation's word may end it; it sets the key ``activation``.
    takes_names : bool
        Whether names of values may stand behind it.
    rest : Parameter or None
        What every further positional argument is; together they make a tuple.
    """

    word: str
    positional: tuple[Parameter, ...] = ()
    options: tuple[Parameter, ...] = ()
    flags: tuple[Flag, ...] = ()
    takes_activation: bool = False
    takes_names: bool = False
    rest: Parameter | None = None

    def __str__(self) -> str:
        """Return how it is written: ``conv FILTERS SIZE``."""
        required = [p.name.upper() for p in self.positional if p.default is REQUIRED]
        several = ["NAME …"] if self.takes_names else []
        if self.rest is not None:
            several = [f"{self.rest.name.upper()} …"]
        return " ".join([self.word, *required, *several])

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The positional parameters and the options."""
        return self.positional + self.options

    def defaults(self) -> dict[str, Any]:
        """Return the value of every key that need not be given."""
        values: dict[str, Any] = {"activation": None} if self.takes_activation else {}
        for flag in self.flags:
            if isinstance(flag.value, bool):
                values[flag.key] = not flag.value
        for parameter in self.parameters:
            if parameter.default is not REQUIRED:
                values[parameter.key] = parameter.default
        return values


@dataclass(frozen=True)
class Use:
    """A layer in a file: its arguments, and the shapes it receives.

    Attributes
    ----------
    arguments : mapping
        A value for every key, given or by default.
    inputs : tuple of Shape
        The shapes, without the batch; None for one that is not known at all.
    complaints : list of Complaint
        What the shape rule found.
    vocabulary : int or None
        How many different token ids the input holds, where it is a sequence of such.
    """

    arguments: Mapping[str, Any]
    inputs: tuple[Shape, ...]
    complaints: list[Complaint] = field(default_factory=list)
    vocabulary: int | None = None

    def __getitem__(self, key: str) -> Any:
        return self.arguments[key]

    @property
    def input(self) -> Shape:
        """The shape of the only input."""
        return self.inputs[0]

    def complain(self, complaint: Complaint) -> None:
        """Note what is wrong."""
        self.complaints.append(complaint)


class Layer(ABC):
    """A kind of layer. The first line of a subclass's docstring is its description in the help.

    Attributes
    ----------
    name : str
        Its word.
    example : str
        A statement that uses it.
    example_input : str
        The shape of an input that the example fits.
    positional : tuple of Parameter
        What stands behind the word, in order.
    options : tuple of Parameter
        What is given as ``name=value``.
    flags : tuple of Flag
        The bare words it knows.
    rest : Parameter or None
        What every further positional argument is.
    takes_activation : bool
        Whether an activation's word may end it.
    takes_tokens : bool
        Whether its input is a sequence of token ids.
    merges : bool
        Whether it takes several inputs: the current value and named ones.
    sees_everything : bool
        Whether each output depends on the whole input.
    """

    name: str
    example: str
    example_input: ClassVar[str] = "8x8x3"
    positional: tuple[Parameter, ...] = ()
    options: ClassVar[tuple[Parameter, ...]] = ()
    flags: ClassVar[tuple[Flag, ...]] = ()
    rest: ClassVar[Parameter | None] = None
    takes_activation: ClassVar[bool] = False
    takes_tokens: ClassVar[bool] = False
    merges: ClassVar[bool] = False
    sees_everything: ClassVar[bool] = False

    @property
    def doc(self) -> str:
        """What it does, in one line."""
        return (type(self).__doc__ or "").partition("\n")[0]

    @cached_property
    def signature(self) -> Signature:
        """What may stand behind its word."""
        return Signature(
            self.name,
            self.positional,
            self.options,
            self.flags,
            self.takes_activation,
            takes_names=self.merges,
            rest=self.rest,
        )

    def activation(self, use: Use) -> ActivationUse:
        """Return the activation that is applied to what `build` returns."""
        activation: ActivationUse = use.arguments.get("activation") or LINEAR
        return activation

    def infer(self, use: Use) -> Shape:
        """Return the output's shape without the batch, None where it is not known.

        What is wrong goes to ``use.complain``; after an error the shape is None.
        """
        if use.vocabulary is not None and not self.takes_tokens:
            use.complain(_tokens_received(self.name))
            return None
        shape = self.output_shape(use)
        if shape is None or None in use.inputs:
            return shape
        for weight in self.weights(use):
            misfit = weight.initializer.misfit(weight.shape)
            if misfit is not None:
                use.complain(_misfit(self.name, weight, misfit))
                return None
        return shape

    @abstractmethod
    def output_shape(self, use: Use) -> Shape:
        """Return what `infer` does: the rule that is the layer's own.

        What any layer may complain about, `infer` has looked at already.
        """

    def weights(self, use: Use) -> tuple[Weight, ...]:
        """Return the variables it has, given inputs of known shape."""
        return ()

    def multiply_adds(self, use: Use, output: tuple[int, ...]) -> int:
        """Return how many multiplications and additions it makes for one example."""
        return 0

    def window(self, use: Use) -> Window | None:
        """Return the window that one output sees, None where it sees a single place."""
        return None

    @abstractmethod
    def build(
        self,
        use: Use,
        inputs: Sequence[tf.Tensor],
        weights: Mapping[str, tf.Variable],
        training: bool,
    ) -> tf.Tensor:
        """Return the output as a tensor, before the activation.

        Parameters
        ----------
        use : Use
            The arguments and shapes.
        inputs : sequence of Tensor
            What it receives, with the batch in front.
        weights : mapping
            Its variables by name.
        training : bool
            Whether the network is being trained.
        """


def _tokens_received(name: str) -> Complaint:
    return Complaint(
        "TG226",
        f"`{name}` computes with numbers, and receives token ids",
        "expected the vectors that `embedding` makes of them",
        notes=("a token's id is its place in a list, not an amount",),
    )


def _misfit(name: str, weight: Weight, misfit: str) -> Complaint:
    sizes = format_sizes(weight.shape)
    return Complaint(
        "TG229",
        f"`{weight.initializer.name}` does not fit the {weight.name} of `{name}`, which is {sizes}",
        misfit,
        at=(weight.argument, "size"),
    )


LAYERS: dict[str, Layer] = {}
"""Every kind of layer by its word, filled by `register`."""


def register(layer: Layer) -> None:
    """Add a kind of layer to the language."""
    LAYERS[layer.name] = layer
