"""Unique names and name scopes, by TensorFlow 1's rules."""

from __future__ import annotations

import re

_VALID_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")
_VALID_SCOPE = re.compile(r"[A-Za-z0-9_.\\/>-]*")


class Names:
    """The names in use in one graph, and the scope that new ones go to.

    Attributes
    ----------
    scope : str
        The current scope without a closing slash; ``""`` at the top.
    """

    def __init__(self) -> None:
        self.scope = ""
        self._used: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._used)

    def unique(self, name: str, *, mark: bool = True) -> str:
        """Return `name` inside the current scope, with ``_1``, ``_2``, … where it is taken.

        Parameters
        ----------
        name : str
            The wish.
        mark : bool, default True
            Take the name.
        """
        if self.scope:
            name = f"{self.scope}/{name}"
        # TensorFlow tells names apart without regard to case, because some file systems do.
        key = name.lower()
        count = self._used.get(key, 0)
        if mark:
            self._used[key] = count + 1
        if count == 0:
            return name
        candidate = f"{name}_{count}"
        while candidate.lower() in self._used:
            count += 1
            candidate = f"{name}_{count}"
        if mark:
            self._used[key] = count + 1
            self._used[candidate.lower()] = 1
        return candidate

    def take(self, name: str) -> str:
        """Return the full name of a new operation.

        A name that ends in a slash is taken as it stands, without the scope.

        Raises
        ------
        ValueError
            If the name has a character that no name may have.
        """
        if name.endswith("/"):
            return name[:-1]
        if not (_VALID_SCOPE if self.scope else _VALID_NAME).fullmatch(name) or not name:
            raise ValueError(
                f"{name!r} is no valid name: letters, digits and _ . - / are, after a letter,"
                " digit or dot"
            )
        return self.unique(name)

    def enter(self, name: str | None) -> str:
        """Return the scope to go to for ``name_scope(name)``.

        A name that ends in a slash goes back to just that scope; None or ``""`` to the top.

        Raises
        ------
        ValueError
            If the name has a character that no name may have.
        """
        if not name:
            return ""
        if name.endswith("/"):
            return name[:-1]
        if not (_VALID_SCOPE if self.scope else _VALID_NAME).fullmatch(name):
            raise ValueError(f"{name!r} is no valid scope name")
        return self.unique(name)
