"""Weights of other libraries, brought into the names and layouts of a network here."""
