"""What remains of ``tf.contrib``: the few functions that scripts use and nothing else offers."""

from typing import TYPE_CHECKING, NoReturn

from tensorgraph.base.advice import missing
from tensorgraph.contrib import layers, opt, rnn

__all__ = ["layers", "opt", "rnn"]

if not TYPE_CHECKING:  # so that type checkers still know what does not exist

    def __getattr__(name: str) -> NoReturn:
        raise missing("tf.contrib", name, __all__)
