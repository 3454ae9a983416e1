"""The training step of a `Task` in each library: one module a library, and what they share."""
