"""The graph: nodes, tensors, names, and the registry of op definitions."""
