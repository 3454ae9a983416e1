"""Branches and loops: operations that hold graphs, and whose gradients differentiate them."""
