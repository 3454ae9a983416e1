"""Pictures of graphs: `render` draws the part of a graph that some fetches need.

One way, step by step: operations → `Diagram` (`reading`) → fewer boxes where there are too many
(`folding`) → DOT text (`dot`) → a picture (`drawing`).
"""

from tensorgraph.viz.drawing import DrawingError, GraphvizMissingError
from tensorgraph.viz.picture import FORMATS, Picture
from tensorgraph.viz.render import render

__all__ = ["FORMATS", "DrawingError", "GraphvizMissingError", "Picture", "render"]
