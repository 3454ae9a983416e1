"""What is told of a training while it runs, and may act on it.

>>> from dsl.training.callbacks import CSVLogger, EarlyStopping
>>> for event in trainer.fit(examples, callbacks=[EarlyStopping(patience=3), CSVLogger("log.csv")]):
...     print(event)
"""

from dsl.training.callbacks.base import Callback, CallbackList
from dsl.training.callbacks.histograms import Histograms
from dsl.training.callbacks.logs import CSVLogger
from dsl.training.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from dsl.training.callbacks.saving import BestWeights, ModelCheckpoint
from dsl.training.callbacks.stopping import EarlyStopping, TerminateOnNaN
from dsl.training.callbacks.tensorboard import TensorBoard

__all__ = [
    "BestWeights",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "Histograms",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
]
