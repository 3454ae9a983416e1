"""Searching for good hyper-parameters: `tg tune`."""
