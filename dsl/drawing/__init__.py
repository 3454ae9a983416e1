"""Pictures of a network as a reader knows it: one box a layer, or volumes to scale."""

from dsl.drawing.layers import draw_layers, layer_diagram
from dsl.drawing.volumes import draw_volumes

__all__ = ["draw_layers", "draw_volumes", "layer_diagram"]
