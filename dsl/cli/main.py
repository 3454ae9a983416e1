"""The group of commands, and what becomes of errors."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import click

from dsl.cli.attack import command as attack
from dsl.cli.bench import command as bench
from dsl.cli.check import command as check
from dsl.cli.compare import command as compare
from dsl.cli.convert_weights import command as convert_weights
from dsl.cli.data import command as data
from dsl.cli.devices import command as devices
from dsl.cli.evaluate import command as evaluate
from dsl.cli.explain import command as explain
from dsl.cli.filters import command as filters
from dsl.cli.fmt import command as fmt
from dsl.cli.gradcheck import command as gradcheck
from dsl.cli.help import command as help_
from dsl.cli.inspect import command as inspect
from dsl.cli.lr_find import command as lr_find
from dsl.cli.plan import command as plan
from dsl.cli.predict import command as predict
from dsl.cli.profile import command as profile
from dsl.cli.render import command as render
from dsl.cli.report import command as report
from dsl.cli.step import command as step
from dsl.cli.summary import command as summary
from dsl.cli.train import command as train
from dsl.cli.tune import command as tune
from dsl.diagnostics import NetError
from tensorgraph.base.errors import DataError, OpError
from tensorgraph.base.optional import MissingLibraryError
from tensorgraph.base.version import __version__

EPILOG = """\b
Examples:
  tg train examples/digits.net
  tg summary examples/lenet5.net
  tg render examples/lenet5.net -o lenet5.svg
  tg COMMAND --help
"""


GROUPS: dict[str, tuple[click.Command, ...]] = {
    "Write a network": (check, summary, fmt, help_, explain),
    "Look inside": (render, step, plan, profile, bench, devices, gradcheck, filters),
    "Train it": (data, lr_find, train, tune, convert_weights),
    "Use and judge what was trained": (evaluate, predict, compare, report, inspect, attack),
}
"""The commands, in the order in which a user needs them."""


_WHOLE = 200
"""More characters than a command's first sentence has: click would cut it."""


class _Grouped(click.Group):
    """A group whose help lists the commands under headings."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list of commands for each heading."""
        width = max(len(command.name or "") for group in GROUPS.values() for command in group)
        for heading, commands in GROUPS.items():
            rows = [(c.name or "", c.get_short_help_str(_WHOLE)) for c in commands]
            with formatter.section(heading):
                formatter.write_dl([(f"{name:{width}}", text) for name, text in rows])


@click.group(cls=_Grouped, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tg", message="%(prog)s %(version)s")
def tg() -> None:
    """Check, draw, train and use neural networks written as .net files."""


for group in GROUPS.values():
    for command in group:
        tg.add_command(command)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line, and end the process with its exit code.

    Errors that users can cause end with a message on the error stream and code 1, wrong usage
    with 2, an interruption with 130. Anything else is a fault of the program, and says so.

    Parameters
    ----------
    args : sequence of str, optional
        The arguments; default are those of the process.
    """
    try:
        code = tg.main(args, prog_name="tg", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except NetError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except (DataError, OpError, OSError, MissingLibraryError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    except Exception as error:
        if os.environ.get("TG_TRACEBACK"):
            traceback.print_exc()
        click.echo(
            f"internal error: {type(error).__name__}: {error}\n"
            "This is a fault of tg, not yours. Please report it, with what TG_TRACEBACK=1 shows.",
            err=True,
        )
        sys.exit(70)
    sys.exit(code if isinstance(code, int) else 0)
