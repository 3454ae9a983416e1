"""`tg fmt`: files in canonical form."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import click

from dsl.cli.common import PATH
from dsl.diagnostics import NetError

STDIN = Path("-")


@click.command("fmt", epilog="\b\nExample:\n  tg fmt lenet5.net --diff")
@click.argument("files", metavar="FILE…", type=PATH, nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a file would change.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
def command(files: tuple[Path, ...], check: bool, diff: bool) -> int:
    """Write each FILE anew in canonical form, or standard input (-) to standard output.

    One statement stands on a line, two spaces a level; comments stay. A file with syntax errors is
    not touched, and makes the exit code 1.
    """
    code = 0
    for file in files:
        try:
            changed = _format(file, write=not check and not diff, diff=diff)
        except (NetError, OSError) as error:
            click.echo(str(error) if isinstance(error, NetError) else f"error: {error}", err=True)
            code = 1
            continue
        if changed and check:
            code = 1
            click.echo(f"{_shown(file)} is not in canonical form", err=True)
    return code


def _format(file: Path, *, write: bool, diff: bool) -> bool:
    """Format a file, and return whether that changes it."""
    from dsl.formatter.format import format_text
    from dsl.reading import decode, read_file
    from tensorgraph.base.files import write_atomically

    old = decode(sys.stdin.buffer.read(), "<stdin>") if file == STDIN else read_file(file)
    new = format_text(old, _shown(file))
    if diff:
        click.echo(_difference(old, new, _shown(file)), nl=False)
    elif write and file == STDIN:
        click.echo(new, nl=False)
    elif write and new != old:
        mode = file.stat().st_mode
        write_atomically(file, new.encode())
        file.chmod(mode)
        click.echo(f"wrote {file}")
    return new != old


def _shown(file: Path) -> str:
    return "<stdin>" if file == STDIN else str(file)


def _difference(old: str, new: str, name: str) -> str:
    """Return two texts' difference as `diff -u` prints it."""
    # Split at "\n" alone: other characters that Python takes for line ends may stand in comments.
    before, after = ([f"{line}\n" for line in text.split("\n")] for text in (old, new))
    if old.endswith("\n") or not old:
        before.pop()
    else:
        before[-1] += "\\ No newline at end of file\n"
    after.pop()
    return "".join(difflib.unified_diff(before, after, name, f"{name} (canonical)"))
