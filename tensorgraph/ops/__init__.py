"""The operations: one module a family, one definition an operation."""
