"""`tg devices`: what there is to compute with."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from dsl.cli.tables import print_table
from tensorgraph.base.devices import BACKEND_VARIABLE

if TYPE_CHECKING:
    from tensorgraph.backends.cuda.devices import Gpus

_GIB = 1 << 30


@click.command("devices", epilog="\b\nExample:\n  tg devices")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Print the processor and the GPUs, or what is missing to use one."""
    from tensorgraph.backends.cuda.devices import gpus
    from tensorgraph.backends.processor import processor

    own, found = processor(), gpus()
    if as_json:
        devices = [device._asdict() for device in found.devices]
        record = {"processor": own._asdict(), **found._asdict(), "devices": devices}
        click.echo(json.dumps(record, indent=2))
        return
    click.echo(
        f"/cpu:0  {own.cores} cores, {own.threads} threads for an operation, BLAS: {own.blas}"
    )
    _print_gpus(found)
    chosen = os.environ.get(BACKEND_VARIABLE)
    said = f"{BACKEND_VARIABLE}={chosen}" if chosen else f"{BACKEND_VARIABLE} is not set: numpy"
    click.echo(f"default backend: {said}")


def _print_gpus(found: Gpus) -> None:
    if found.devices:
        headers = ("device", "name", "memory", "free", "capability", "processors")
        rows = [
            (
                f"/gpu:{gpu.number}",
                gpu.name,
                f"{gpu.memory / _GIB:.1f} GiB",
                f"{gpu.free / _GIB:.1f} GiB",
                gpu.capability,
                str(gpu.processors),
            )
            for gpu in found.devices
        ]
        print_table("GPUs", headers, rows, left=("device", "name"), below=found.libraries)
    elif found.libraries:
        click.echo(f"libraries: {found.libraries}")
    if found.missing:
        click.echo(f"no GPU to compute with: {found.missing}")
