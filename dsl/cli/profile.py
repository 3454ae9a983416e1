"""`tg profile`: where the time of a training step goes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dsl.cli.common import PATH, backend_option, data_option, load_net, net_file, set_option
from dsl.cli.tables import print_table

if TYPE_CHECKING:
    from dsl.bench.profiling import NodeTime, Profile, Total
    from dsl.bench.stages import Stage

EPILOG = """\b
Example:
  tg profile lenet5.net --top 10
  tg profile lenet5.net --by layer --by op --apart
  tg profile lenet5.net --trace trace.json
"""

TABLES = ("step", "layer", "op", "stage")


@click.command("profile", epilog=EPILOG)
@net_file
@data_option("Take the shape of the input from this data; examples are random numbers anyway.")
@set_option
@click.option("--batch", type=click.IntRange(min=1), help="Examples in a batch.")
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many training steps to measure.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many rows of a table to print.",
)
@click.option(
    "--by",
    "tables",
    type=click.Choice(TABLES),
    multiple=True,
    default=("step", "stage"),
    help="Which tables to print: steps of the plan, layers, types of operation, or the stages of"
    " compilation. May be given several times; by default step and stage.",
)
@click.option("--apart", is_flag=True, help="Run each operation by itself: slower, and more rows.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: everything, and all rows.")
@click.option(
    "--trace",
    type=PATH,
    metavar="FILE",
    help="Write one step for chrome://tracing and ui.perfetto.dev.",
)
@backend_option
def command(
    file: Path,
    data: str | None,
    settings: tuple[str, ...],
    batch: int | None,
    steps: int,
    top: int,
    tables: tuple[str, ...],
    apart: bool,
    as_json: bool,
    trace: Path | None,
) -> None:
    """Show where the time of a training step of FILE goes, on random examples.

    Times are medians over the steps. A share is one of the time of all nodes. To be timed, each
    runs its kernel; a step of a training makes the kernels' calls without them, which is faster.
    Operations that run block by block are one row, a region; --apart takes them apart.
    """
    from dsl.bench.profiling import profile
    from dsl.bench.stages import compile_stages
    from tensorgraph.base.files import write_atomically

    net = load_net(file, data, settings)
    size = batch or net.train.batch
    found = profile(net, size, steps, regions=not apart)
    stages = compile_stages(file, net, size, settings) if as_json or "stage" in tables else []
    if trace is not None:
        write_atomically(trace, found.trace().encode())
    if as_json:
        click.echo(json.dumps(_to_json(found, stages), indent=2))
        return
    for table in TABLES:
        if table in tables:
            _print(table, found, stages, top)
    if trace is not None:
        click.echo(f"one step is in {trace}: open it in ui.perfetto.dev or chrome://tracing")


def _print(table: str, found: Profile, stages: Sequence[Stage], top: int) -> None:
    if table == "step":
        _print_steps(found, top)
    elif table == "layer":
        _print_totals("layer", found.by_layer(), found, top)
    elif table == "op":
        _print_totals("op", found.by_op(), found, top)
    else:
        _print_stages(stages)


def _print_steps(found: Profile, top: int) -> None:
    print_table(
        f"{found.net.name}: a training step, batch {found.batch}",
        ("node", "op", "layer", "where", "ms", "share", "written", "GFLOP/s"),
        [_step_row(node, found.total) for node in found.slowest()[:top]],
        left=("node", "op", "layer", "where"),
        below=_below(len(found.nodes), top, "steps")
        + f"{found.ms:.2f} ms a step; {found.total:.2f} ms in its nodes when each is timed"
        + "; --apart tells the times of operations in regions" * found.has_regions,
    )


def _step_row(node: NodeTime, total: float) -> tuple[str, ...]:
    ops = len(node.label.ops)
    return (
        node.label.name,
        node.label.type if ops < 2 else f"{node.label.type} of {ops}",
        node.layer,
        node.where,
        *_numbers(node.ms, total, node.bytes, node.gflops),
    )


def _print_totals(what: str, totals: Sequence[Total], found: Profile, top: int) -> None:
    rows = [
        (t.name, t.source, str(t.count), *_numbers(t.ms, found.total, t.bytes, t.gflops))
        for t in totals[:top]
    ]
    print_table(
        f"{found.net.name}: by {what}",
        (what, "where", "steps", "ms", "share", "written", "GFLOP/s"),
        rows,
        left=(what, "where"),
        below=_below(len(totals), top, f"{what}s") + f"{found.total:.2f} ms in all",
    )


def _numbers(ms: float, total: float, size: int, gflops: float) -> tuple[str, str, str, str]:
    share = f"{100 * ms / total:.1f}%" if total else ""
    return f"{ms:.3f}", share, f"{size:,}", f"{gflops:.1f}" if gflops else ""


def _print_stages(stages: Sequence[Stage]) -> None:
    print_table(
        "from the file to the first step",
        ("stage", "ms", "operations"),
        [(s.name, f"{s.ms:.1f}", f"{s.operations:,}" if s.operations else "") for s in stages],
        left=("stage",),
        below=f"{sum(stage.ms for stage in stages):.1f} ms in all",
    )


def _below(rows: int, top: int, what: str) -> str:
    return f"the first {top} of {rows} {what}; " if rows > top else ""


def _to_json(found: Profile, stages: Sequence[Stage]) -> dict[str, object]:
    return {
        "net": found.net.name,
        "batch": found.batch,
        "ms": found.ms,
        "steps": [node.to_json() for node in found.nodes],
        "layers": [total.to_json() for total in found.by_layer()],
        "ops": [total.to_json() for total in found.by_op()],
        "stages": [stage._asdict() for stage in stages],
    }
