"""Pictures of graphs: `render` draws the part of a graph that some fetches need.

One way, step by step: operations → `Diagram` (`reading`) → fewer boxes where there are too many
(`folding`, `repeats`) → DOT or Mermaid text (`dot`, `mermaid`) → a picture (`drawing`).
"""

from tensorgraph.viz.before_after import render_pass
from tensorgraph.viz.drawing import DrawingError, GraphvizMissingError
from tensorgraph.viz.picture import FORMATS, SUFFIXES, Picture
from tensorgraph.viz.problems import render_problem
from tensorgraph.viz.render import render
from tensorgraph.viz.step import step
from tensorgraph.viz.walk.tracing import TooManyOperationsError

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "DrawingError",
    "GraphvizMissingError",
    "Picture",
    "TooManyOperationsError",
    "render",
    "render_pass",
    "render_problem",
    "step",
]
