"""Random numbers, under the names of ``tf.random``."""

from tensorgraph.graph.defaults import set_random_seed
from tensorgraph.ops.random import random_normal, random_uniform, truncated_normal
from tensorgraph.ops.random import random_normal as normal
from tensorgraph.ops.random import random_uniform as uniform
from tensorgraph.ops.sampling import categorical, multinomial
from tensorgraph.ops.sampling import random_gamma as gamma
from tensorgraph.ops.sampling import random_shuffle as shuffle

__all__ = [
    "categorical",
    "gamma",
    "multinomial",
    "normal",
    "random_normal",
    "random_uniform",
    "set_random_seed",
    "shuffle",
    "truncated_normal",
    "uniform",
]
