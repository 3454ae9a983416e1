"""The network of a run folder, as it was trained."""

from __future__ import annotations

from pathlib import Path

from dsl.loading import load
from dsl.network import Net
from dsl.training.run_folder import RunConfig, RunFolder
from dsl.training.sources import original_weights
from dsl.training.trainer import with_settings
from dsl.training.transfer import start_from


def load_stored(folder: RunFolder, config: RunConfig) -> Net:
    """Return the network of a run folder.

    Parameters
    ----------
    folder : RunFolder
        The folder.
    config : RunConfig
        Its configuration.

    Raises
    ------
    NetError
        If the copy of the ``.net`` file is not valid.
    """
    path = folder.file(config.net)
    classes = len(config.class_names) or None
    net = load(path, config.input_shape, classes, settings=config.settings, trained=True)
    net = original_weights(net, path, Path(config.origin))
    if config.weights is not None:
        net = start_from(net, Path(config.weights))
    return with_settings(net, batch=config.batch, epochs=config.epochs, seed=config.seed)
