"""What is known about the code of a message."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Code:
    """The meaning of a code.

    Attributes
    ----------
    code : str
        The code: TG0 files, TG1 grammar, TG2 shapes, TG3 names, TG4 arguments, TG5 training.
    meaning : str
        What it says, in one line. That of a warning ends in ``(A warning.)``.
    wrong : str
        A file that gets it; empty where it is not about a text.
    right : str
        The same without the mistake.
    explanation : str
        Why it is a mistake, and how to repair it, in a few sentences.
    files : tuple of (str, str)
        Name and text of other files that the two examples need beside them.
    """

    code: str
    meaning: str
    wrong: str = ""
    right: str = ""
    explanation: str = ""
    files: tuple[tuple[str, str], ...] = ()
