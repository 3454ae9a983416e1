"""Training: optimizers, learning rates and checkpoints, under the names of ``tf.train``."""

from typing import TYPE_CHECKING, NoReturn

from tensorgraph.base.advice import missing
from tensorgraph.train import experimental
from tensorgraph.train.adam import AdaMaxOptimizer, AdamOptimizer, AdamWOptimizer, NadamOptimizer
from tensorgraph.train.adaptive import (
    AdadeltaOptimizer,
    AdagradOptimizer,
    FtrlOptimizer,
    RMSPropOptimizer,
)
from tensorgraph.train.checkpoint_files import (
    NewCheckpointReader,
    checkpoint_exists,
    remove_checkpoint,
)
from tensorgraph.train.checkpoint_state import (
    CheckpointState,
    get_checkpoint_state,
    latest_checkpoint,
    list_variables,
    load_checkpoint,
    load_variable,
    update_checkpoint_state,
)
from tensorgraph.train.decay import (
    cosine_decay,
    cosine_decay_restarts,
    exponential_decay,
    inverse_time_decay,
    linear_cosine_decay,
    natural_exp_decay,
    noisy_linear_cosine_decay,
    piecewise_constant,
    piecewise_constant_decay,
    polynomial_decay,
)
from tensorgraph.train.global_step import (
    assert_global_step,
    create_global_step,
    get_global_step,
    get_or_create_global_step,
    global_step,
)
from tensorgraph.train.gradient_descent import (
    GradientDescentOptimizer,
    MomentumOptimizer,
    ProximalGradientDescentOptimizer,
)
from tensorgraph.train.meta_graph import export_meta_graph, write_graph
from tensorgraph.train.moving_average import ExponentialMovingAverage
from tensorgraph.train.optimizer import Optimizer
from tensorgraph.train.saver import Saver, import_meta_graph

__all__ = [
    "AdaMaxOptimizer",
    "AdadeltaOptimizer",
    "AdagradOptimizer",
    "AdamOptimizer",
    "AdamWOptimizer",
    "CheckpointState",
    "ExponentialMovingAverage",
    "FtrlOptimizer",
    "GradientDescentOptimizer",
    "MomentumOptimizer",
    "NadamOptimizer",
    "NewCheckpointReader",
    "Optimizer",
    "ProximalGradientDescentOptimizer",
    "RMSPropOptimizer",
    "Saver",
    "assert_global_step",
    "checkpoint_exists",
    "cosine_decay",
    "cosine_decay_restarts",
    "create_global_step",
    "experimental",
    "exponential_decay",
    "export_meta_graph",
    "get_checkpoint_state",
    "get_global_step",
    "get_or_create_global_step",
    "global_step",
    "import_meta_graph",
    "inverse_time_decay",
    "latest_checkpoint",
    "linear_cosine_decay",
    "list_variables",
    "load_checkpoint",
    "load_variable",
    "natural_exp_decay",
    "noisy_linear_cosine_decay",
    "piecewise_constant",
    "piecewise_constant_decay",
    "polynomial_decay",
    "remove_checkpoint",
    "update_checkpoint_state",
    "write_graph",
]

if not TYPE_CHECKING:  # so that type checkers still know what does not exist

    def __getattr__(name: str) -> NoReturn:
        raise missing("tf.train", name, __all__)
