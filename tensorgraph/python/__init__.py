"""The place where scripts of TensorFlow 1 look for `client.timeline`, and nothing else."""

from typing import TYPE_CHECKING, NoReturn

from tensorgraph.base.advice import missing
from tensorgraph.python import client

__all__ = ["client"]

if not TYPE_CHECKING:  # so that type checkers still know what does not exist

    def __getattr__(name: str) -> NoReturn:
        raise missing("tf.python", name, __all__)
