"""Syntax tree to checked network, with every mistake of a file found in one pass."""
