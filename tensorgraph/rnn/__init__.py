"""Recurrent networks: cells, what wraps them, and what runs them along sequences."""
