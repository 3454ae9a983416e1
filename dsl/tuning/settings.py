"""What a search is asked to do."""

from __future__ import annotations

from dataclasses import dataclass

METHODS = ("tpe", "random", "coarse")
"""How values are chosen; see `SearchSettings`."""
PRUNERS = ("median", "hyperband", "none")
"""How hopeless trials are ended; see `SearchSettings`."""


@dataclass(frozen=True)
class SearchSettings:
    """What a search is asked to do.

    Attributes
    ----------
    trials : int
        How many trials there are at the end, those of earlier searches in the same folder among
        them. Where several processes share it, there may be a few more.
    method : str
        ``tpe``: a model of the good and the bad trials so far proposes the next one. ``random``:
        values are drawn independently. ``coarse``: the first half is drawn from everywhere, the
        second half around the best so far.
    prune : str
        ``median``: a trial ends whose score is worse than the median of the others at the same
        epoch. ``hyperband``: brackets of trials get few epochs, and the best third of each goes
        on. ``none``: all trials are trained to their end.
    score : str
        The score to improve, such as ``val_accuracy``.
    seed : int
        Decides what is drawn.
    changes : tuple of str
        What the command line changes of the file, ``NAME=VALUE``.
    """

    trials: int = 20
    method: str = "tpe"
    prune: str = "median"
    score: str = "val_loss"
    seed: int = 0
    changes: tuple[str, ...] = ()
