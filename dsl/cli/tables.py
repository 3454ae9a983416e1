"""Tables, as several commands print them."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def print_table(
    title: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: Collection[str] = (),
    total: bool = False,
    below: str | None = None,
) -> None:
    """Print a table.

    Parameters
    ----------
    title : str
        Stands above it.
    headers : sequence of str
        The heading of each column.
    rows : sequence of sequence of str
        The rows.
    left : collection of str, optional
        The headings of columns whose texts begin on the left; the others end on the right.
    total : bool, default False
        Whether the last row is a total, to be set apart.
    below : str, optional
        A line to print below it.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for name in headers:
        table.add_column(name, justify="left" if name in left else "right", no_wrap=True)
    for row in rows[:-1] if total else rows:
        table.add_row(*row)
    if total:
        table.add_section()
        table.add_row(*rows[-1], style="bold")
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 200  # a file or a pipe does not cut the table
    console.print(table)
    if below is not None:
        console.print(f" {below}")
