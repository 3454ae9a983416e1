"""`tg filters`: the kernels of textbooks on a picture."""

from __future__ import annotations

from pathlib import Path

import click

from dsl.cli.common import PATH


@click.command("filters", epilog="\b\nExample:\n  tg filters holiday.jpg -o holiday.html")
@click.argument("image", type=PATH)
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="The result: .png for a strip, .html for a page. Default: IMAGE's name-filters.png",
)
def command(image: Path, output: Path | None) -> None:
    """Draw what the kernels of image processing make of IMAGE.

    These are the identity, three edge detectors, sharpening, a box blur, Gaussian blurs of 3x3 and
    5x5, and an unsharp mask, each as a convolution in a graph. The page shows the kernels too.
    """
    from dsl.looking.filter_page import draw_strip, make_page
    from dsl.looking.filters import apply_filters, read_picture
    from dsl.training.errors import RunError
    from dsl.training.weights import write_file

    target = output or Path(f"{image.stem}-filters.png")
    form = target.suffix.lower()
    if form not in {".png", ".html"}:
        raise RunError(f"{target}: the ending must be .png or .html")
    results = apply_filters(read_picture(image))
    page = draw_strip(results) if form == ".png" else make_page(image.name, results).encode()
    write_file(target, page)
    click.echo(target)
