"""Command line flags, under the names of ``tf.flags``: a thin layer over `argparse`.

>>> tf.flags.DEFINE_float("rate", 0.1, "learning rate")
>>> FLAGS = tf.flags.FLAGS
>>> FLAGS.rate
0.1
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = [
    "FLAGS",
    "DEFINE_bool",
    "DEFINE_boolean",
    "DEFINE_enum",
    "DEFINE_float",
    "DEFINE_integer",
    "DEFINE_list",
    "DEFINE_string",
    "FlagValues",
    "mark_flag_as_required",
]


class FlagValues:
    """The flags of a program as attributes; the command line is read when the first is.

    Flags that no one defined are left to others: they stay in what calling it returns.
    """

    # The flags themselves are no attributes of the object: they stand in `_values`.
    __slots__ = ("_actions", "_parsed", "_parser", "_switches", "_values")

    def __init__(self) -> None:
        make = object.__setattr__
        make(self, "_parser", argparse.ArgumentParser(allow_abbrev=False))
        make(self, "_actions", {})
        make(self, "_switches", set())
        make(self, "_values", {})
        make(self, "_parsed", False)

    def __call__(self, argv: Sequence[str] | None = None, known_only: bool = True) -> list[str]:
        """Read a command line; return the program's name and what is no flag of this program.

        Parameters
        ----------
        argv : sequence of str, optional
            The program's name and its arguments; default is ``sys.argv``.
        known_only : bool, default True
            Leave flags that are not defined; False refuses them.

        Raises
        ------
        SystemExit
            After ``--help``, and where a value is not of its kind.
        """
        program, *arguments = sys.argv if argv is None else argv
        arguments = [self._spelled_out(a) for a in arguments]
        found, rest = self._parser.parse_known_args(arguments)
        if rest and not known_only and any(a.startswith("-") for a in rest):
            self._parser.error(f"no such flags: {' '.join(rest)}")
        # What the program itself has set stays, unless the command line says otherwise.
        for name, action in self._actions.items():
            value = getattr(found, name)
            if name not in self._values or value != action.default:
                self._values[name] = value
        object.__setattr__(self, "_parsed", True)
        return [program, *rest]

    def _spelled_out(self, argument: str) -> str:
        """Return an argument as argparse knows it: a switch with its value, two dashes."""
        name, equals, _ = argument.lstrip("-").partition("=")
        if not argument.startswith("-"):
            return argument
        if name in self._switches and not equals:
            return f"--{name}=true"
        if name.startswith("no") and name[2:] in self._switches and not equals:
            return f"--{name[2:]}=false"
        return f"--{argument.lstrip('-')}" if name in self._actions else argument

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._parsed:
            self()
        if name not in self._values:
            known = ", ".join(sorted(self._values)) or "none"
            raise AttributeError(f"no flag is called {name!r}; defined are {known}")
        return self._values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        self._values[name] = value

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def flag_values_dict(self) -> dict[str, Any]:
        """Return all flags and their values."""
        return {name: getattr(self, name) for name in self}

    def define(self, name: str, default: Any, text: str | None, **options: Any) -> None:
        """Add a flag, with options of `argparse`; for the functions of this module.

        Raises
        ------
        ValueError
            If there is one of that name.
        """
        if name in self._actions:
            raise ValueError(f"the flag {name!r} is defined twice")
        described = None if text is None else text.replace("%", "%%")  # argparse knows formats
        self._actions[name] = self._parser.add_argument(
            f"--{name}", dest=name, default=default, help=described, **options
        )
        if options.get("type") is _truth:
            self._switches.add(name)
        object.__setattr__(self, "_parsed", False)

    def require(self, name: str) -> None:
        """Refuse command lines without a flag."""
        self._actions[name].required = True


FLAGS = FlagValues()


def DEFINE_string(  # noqa: N802 - the names that users know
    name: str, default: str | None, help: str | None, flag_values: FlagValues = FLAGS
) -> None:
    """Define a flag that is a string."""
    flag_values.define(name, default, help)


def DEFINE_integer(  # noqa: N802
    name: str, default: int | None, help: str | None, flag_values: FlagValues = FLAGS
) -> None:
    """Define a flag that is an integer."""
    flag_values.define(name, default, help, type=int)


def DEFINE_float(  # noqa: N802
    name: str, default: float | None, help: str | None, flag_values: FlagValues = FLAGS
) -> None:
    """Define a flag that is a float."""
    flag_values.define(name, default, help, type=float)


def DEFINE_enum(  # noqa: N802
    name: str,
    default: str | None,
    enum_values: Sequence[str],
    help: str | None,
    flag_values: FlagValues = FLAGS,
) -> None:
    """Define a flag that is one of several strings."""
    flag_values.define(name, default, help, choices=list(enum_values))


def DEFINE_list(  # noqa: N802
    name: str,
    default: Sequence[str] | str | None,
    help: str | None,
    flag_values: FlagValues = FLAGS,
) -> None:
    """Define a flag that is a list of strings, with commas between them."""
    value = _listed(default) if isinstance(default, str) else default
    flag_values.define(name, value, help, type=_listed)


def DEFINE_boolean(  # noqa: N802
    name: str, default: bool | None, help: str | None, flag_values: FlagValues = FLAGS
) -> None:
    """Define a flag that is set by ``--name``, ``--noname`` or ``--name=true``."""
    flag_values.define(name, default, help, type=_truth)


DEFINE_bool = DEFINE_boolean


def _listed(text: str) -> list[str]:
    return text.split(",") if text else []


def _truth(text: str) -> bool:
    if text.lower() in ("true", "t", "1"):
        return True
    if text.lower() in ("false", "f", "0"):
        return False
    raise argparse.ArgumentTypeError(f"it is true or false, not {text!r}")


def mark_flag_as_required(flag_name: str, flag_values: FlagValues = FLAGS) -> None:
    """Refuse command lines without that flag."""
    flag_values.require(flag_name)
