"""Graph to graph: what makes a program smaller before it is planned."""
