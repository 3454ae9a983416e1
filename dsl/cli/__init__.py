"""The command `tg`. Each subcommand is a module of its own, listed in `dsl.cli.main`."""

from dsl.cli.main import main

__all__ = ["main"]
