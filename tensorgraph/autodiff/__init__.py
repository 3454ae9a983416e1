"""Reverse-mode differentiation: gradients as nodes of the graph."""
