"""Measuring networks: where a training step's time goes, and how long others take for it."""
