"""`Diagram`: what is to be drawn, before anything is said of how it looks."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

Path = tuple[str, ...]  # of a scope: ("block", "conv_1"); () is the top


class Role(enum.Enum):
    """What a box is there for."""

    FORWARD = "forward"
    GRADIENT = "gradient"
    UPDATE = "update"


class Kind(enum.Enum):
    """What a box stands for, whatever its role."""

    OPERATION = "operation"
    INPUT = "input"
    VARIABLE = "variable"
    CONSTANT = "constant"
    FOLDED = "folded"  # a scope with all that is in it


class Mark(enum.Enum):
    """What a reader is to look at."""

    NONE = ""
    HOT = "hot"  # stands out, in red
    COLD = "cold"  # stands back, in grey
    NEW = "new"  # was not there before, in green


class Flow(enum.Enum):
    """What an arrow carries."""

    DATA = "data"
    SAVED = "saved"  # a forward value that the backward pass reads again
    STORE = "store"  # a new value, into a variable
    CONTROL = "control"  # nothing: only the order


@dataclass(frozen=True)
class Box:
    """A node of the picture.

    Attributes
    ----------
    id : str
        Unique in the diagram, of letters and digits.
    kind, role
        What it is, and what for.
    title : str
        The line that is read first.
    aside : str
        What stands beside it in plain type.
    details : tuple of str
        Smaller lines below it.
    tooltip : str
        What a pointer that rests on it is shown.
    scope : tuple of str
        The scope that it is drawn in.
    fetched : bool
        Whether it is what the picture was asked for.
    order : int
        The order of its gradient; 0 for anything else.
    count : int
        How many boxes it stands for.
    parameters : int
        How many numbers an optimizer can train in it.
    multiply_adds : int
        How many multiplications with an addition it makes in one run of the forward pass.
    mark : Mark
        Whether it is to stand out, or back.
    shape : tuple of int or None, optional
        Of what it gives, without the batch, where that is to be drawn to scale.
    times : int
        How many equal boxes it stands for, those of repeated scopes included.
    """

    id: str
    kind: Kind
    role: Role
    title: str
    aside: str = ""
    details: tuple[str, ...] = ()
    tooltip: str = ""
    scope: Path = ()
    fetched: bool = False
    order: int = 0
    count: int = 1
    parameters: int = 0
    multiply_adds: int = 0
    mark: Mark = Mark.NONE
    shape: tuple[int | None, ...] | None = None
    times: int = 1


@dataclass(frozen=True)
class Arrow:
    """An arrow from one box to another; `label` says what flows, `values` how many tensors."""

    tail: str
    head: str
    flow: Flow = Flow.DATA
    label: str = ""
    values: int = 1


@dataclass(frozen=True)
class Repeat:
    """Equal parts in a row, of which one is drawn.

    Attributes
    ----------
    count : int
        How many there are.
    title : str
        What one of them is called: ``block``.
    names : str
        Which ones there are: ``block_1 … block_7``.
    """

    count: int
    title: str
    names: str


@dataclass(frozen=True)
class Diagram:
    """Boxes and arrows.

    Attributes
    ----------
    boxes : dict of str to Box
        By id, in the order in which a reader meets them.
    arrows : tuple of Arrow
        Between boxes.
    beside : tuple of (str, str)
        Pairs of boxes that belong on one line: a backward operation beside its forward one.
    repeats : dict of scope to Repeat
        The scopes that stand for several equal ones, each with all that is in it.
    noun : str
        What a single box is: a ``"node"`` or a ``"layer"``.
    """

    boxes: dict[str, Box] = field(default_factory=dict)
    arrows: tuple[Arrow, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    repeats: dict[Path, Repeat] = field(default_factory=dict)
    noun: str = "node"

    def roles(self) -> set[Role]:
        """Return the roles that occur."""
        return {box.role for box in self.boxes.values()}
