"""A callback that writes what TensorBoard shows."""

from __future__ import annotations

import os
from typing import Any

from dsl.settings import TrainSettings
from dsl.training.callbacks.base import Callback, Logs
from dsl.training.errors import RunError


class TensorBoard(Callback):
    """Writes scores, and if wanted histograms of the weights, kernels as images, and the graph.

    Needs the extra ``tensorboard``. Scores of training and validation share a diagram.

    Parameters
    ----------
    log_dir : path-like, default "logs"
        The folder.
    histogram_freq : int, default 0
        After how many epochs a histogram of each weight is written; 0 for never.
    write_graph : bool, default True
        Write the graph.
    write_images : bool, default False
        Write kernels as gray images, where histograms are written.
    update_freq : "epoch", "batch" or int, default "epoch"
        Write the training scores after so many steps too.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        update_freq: str | int = "epoch",
    ) -> None:
        self.log_dir = os.fspath(log_dir)
        self._histograms = histogram_freq
        self._graph = write_graph
        self._images = write_images
        words = {"epoch": 0, "batch": 1}
        if isinstance(update_freq, str) and update_freq not in words:
            raise ValueError(f"update_freq is 'epoch', 'batch' or a number, not {update_freq!r}")
        self._every = words[update_freq] if isinstance(update_freq, str) else update_freq
        self._steps = 0
        self._writer: Any = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the files, and write graph and hyper-parameters."""
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise RunError(
                "the callback TensorBoard needs: pip install 'tensorgraph-engine[tensorboard]'"
            ) from None
        try:
            self._writer = SummaryWriter(self.log_dir)
        except OSError as error:
            raise RunError(f"cannot write to {self.log_dir}: {error}") from None
        if self._graph:
            from tensorgraph.summary import FileWriter

            FileWriter(self.log_dir, self.model.model.graph).close()
        values = _hyperparameters(self.model.net.train)
        rows = "\n".join(f"| {name} | {value} |" for name, value in values.items())
        self._writer.add_text("hyperparameters", f"| name | value |\n| --- | --- |\n{rows}", 0)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write the training scores after so many steps."""
        self._steps += 1
        if self._every and self._steps % self._every == 0:
            for name, value in (logs or {}).items():
                self._writer.add_scalar(f"batch_{name}", value, self._steps)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the scores, and what else is due."""
        for name, value in (logs or {}).items():
            part, plain = ("validation", name[4:]) if name.startswith("val_") else ("train", name)
            self._writer.add_scalars(f"epoch_{plain}", {part: value}, epoch)
        self._writer.add_scalar("epoch_learning_rate", self.model.learning_rate, epoch)
        if self._histograms and (epoch + 1) % self._histograms == 0:
            for name, weight in self.model.weights().items():
                self._writer.add_histogram(name, weight, epoch)
                if self._images and weight.ndim >= 2:
                    self._writer.add_image(name, _gray(weight), epoch, dataformats="HW")
        self._writer.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Write the last scores beside the hyper-parameters, and close the files."""
        scores = {f"last_{name}": float(value) for name, value in (logs or {}).items()}
        values = _hyperparameters(self.model.net.train)
        self._writer.add_hparams(values, scores, name="hyperparameters")
        self._writer.close()


def _hyperparameters(settings: TrainSettings) -> dict[str, Any]:
    options = settings.optimizer.options.items()
    return {
        "optimizer": settings.optimizer.name,
        **{name: value for name, value in options if isinstance(value, int | float)},
        "batch": settings.batch,
        "loss": settings.loss,
        "schedule": settings.schedule.name,
    }


def _gray(kernel: Any) -> Any:
    """Return a kernel as an image from black to white, its outputs side by side."""
    rows = kernel.reshape(-1, kernel.shape[-1])
    low, high = rows.min(), rows.max()
    return (rows - low) / (high - low or 1.0)
