"""The steps of ``preprocess { … }`` and ``augment { … }``: two tables that the checker reads.

What the steps do to examples is in `dsl.training`; here stands what may be written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dsl.layers.arguments import Pair, Real, Whole
from dsl.layers.definition import Parameter, Signature


@dataclass(frozen=True)
class StepKind:
    """A kind of step.

    Attributes
    ----------
    name : str
        Its word.
    doc : str
        What it does to an example, in one line.
    positional : tuple of Parameter
        What stands behind its word.
    options : tuple of Parameter
        What is given as ``name=value``.
    """

    name: str
    doc: str
    positional: tuple[Parameter, ...] = ()
    options: tuple[Parameter, ...] = ()

    @property
    def signature(self) -> Signature:
        """What may stand behind its word."""
        return Signature(self.name, self.positional, self.options)


@dataclass(frozen=True)
class PreprocessStep:
    """A step of ``preprocess``: its word, and a value for each of its arguments.

    ======================= =============================================
    ``scale``               ``factor`` : float
    ``center``, ``standardize`` nothing
    ``whiten``              ``eps`` : float
    ``pca``                 ``components`` : int
    ``resize``              ``size`` : (int, int), height and width
    ======================= =============================================
    """

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class AugmentStep:
    """A step of ``augment``: its word, and a value for each of its arguments.

    ========================== ==========================================
    ``hflip``, ``vflip``       nothing
    ``shift``                  ``pixels`` : int
    ``rotate``                 ``degrees`` : float
    ``zoom``                   ``share`` : float
    ``contrast``, ``brightness`` ``amount`` : float
    ``noise``                  ``stddev`` : float
    ``mixup``                  ``alpha`` : float
    ``cutout``                 ``size`` : int, the edge of the square
    ``adversarial``            ``epsilon``, ``share`` : float
    ========================== ==========================================
    """

    name: str
    options: Mapping[str, Any]


def _table(kinds: Iterable[StepKind]) -> dict[str, StepKind]:
    return {kind.name: kind for kind in kinds}


_SHARE = Real(0.0, 1.0, above=True, below=True)
_AMOUNT = Real(0.0, 1.0, above=True)

PREPROCESS: dict[str, StepKind] = _table(
    [
        StepKind(
            "scale",
            "multiplies all values by a number",
            (Parameter("factor", Real(0.0, above=True), "the number, such as 1/255"),),
        ),
        StepKind("center", "subtracts the mean example of the training set"),
        StepKind(
            "standardize",
            "subtracts the mean of each feature, or channel, and divides by its deviation",
        ),
        StepKind(
            "whiten",
            "makes the features uncorrelated and of variance 1, and keeps their places (ZCA)",
            options=(Parameter("eps", Real(0.0, above=True), "added to the variances", 1e-5),),
        ),
        StepKind(
            "pca",
            "replaces the features by their strongest principal components",
            (Parameter("components", Whole(1), "how many are kept"),),
        ),
        StepKind(
            "resize",
            "brings images to a size",
            (Parameter("size", Pair(1), "height and width, such as 32x32"),),
        ),
    ]
)
"""Every step of ``preprocess`` by its word."""

AUGMENT: dict[str, StepKind] = _table(
    [
        StepKind("hflip", "mirrors left and right, every second time"),
        StepKind("vflip", "mirrors top and bottom, every second time"),
        StepKind(
            "shift",
            "moves up to so many pixels in both directions",
            (Parameter("pixels", Whole(1), "how far at most"),),
        ),
        StepKind(
            "rotate",
            "turns by up to so many degrees to either side",
            (Parameter("degrees", Real(0.0, 180.0, above=True), "how far at most"),),
        ),
        StepKind(
            "zoom",
            "makes larger or smaller by up to a share",
            (Parameter("share", _SHARE, "how much at most, 0.1 for 0.9 to 1.1 times"),),
        ),
        StepKind(
            "contrast",
            "raises or lowers the contrast by up to a share",
            (Parameter("amount", _AMOUNT, "how much at most"),),
        ),
        StepKind(
            "brightness",
            "makes brighter or darker by up to a share of the full range",
            (Parameter("amount", _AMOUNT, "how much at most"),),
        ),
        StepKind(
            "noise",
            "adds gaussian noise",
            (Parameter("stddev", Real(0.0, above=True), "its standard deviation"),),
        ),
        StepKind(
            "mixup",
            "blends pairs of examples and of their labels (Zhang et al., arXiv:1710.09412)",
            (Parameter("alpha", Real(0.0, above=True), "of the Beta distribution of the share"),),
        ),
        StepKind(
            "cutout",
            "blanks a square of so many pixels (DeVries and Taylor, arXiv:1708.04552)",
            (Parameter("size", Whole(1), "the edge of the square"),),
        ),
        StepKind(
            "adversarial",
            "trains on each example as it makes the network err, too (arXiv:1412.6572)",
            (Parameter("epsilon", Real(0.0, above=True), "by how much a value changes at most"),),
            (Parameter("share", Real(0.0, 1.0, above=True), "what these count in the loss", 0.5),),
        ),
    ]
)
"""Every step of ``augment`` by its word."""

ADVERSARIAL = "adversarial"
"""The step that needs the network: it is part of the training step, and comes after all others."""

FLIPS = frozenset(["hflip", "vflip"])
"""The steps that change what some pictures mean: a mirrored 2 is none."""
