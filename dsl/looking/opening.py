"""A run folder → a network that can be asked."""

from __future__ import annotations

from pathlib import Path

from dsl.looking.probe import Probe
from dsl.training.run import open_run
from dsl.training.run_folder import RunConfig


def open_probe(path: Path) -> tuple[RunConfig, Probe, str]:
    """Return the configuration of a run, its network, and what must be said about it.

    Of several models that are averaged it is the first: gradients are those of one.

    Parameters
    ----------
    path : Path
        The run folder.

    Raises
    ------
    RunError
        If the folder is no run folder, or the network has no gradient by its input.
    """
    config, predictor = open_run(path)
    names = () if predictor.trainer.net.train.reconstructs else config.class_names
    probe = Probe(predictor.trainer, config.input_shape, names)
    note = f"model 1 of {config.members}" if config.members > 1 else ""
    return config, probe, note
