"""The array libraries that a session can compute with."""
