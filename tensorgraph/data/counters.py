"""Random numbers that are looked up rather than drawn in turn.

A generator of the usual kind has a place in its stream, so that what an example gets depends on
how many came before it. Here a number is a function of where it is used: of the seed, the epoch,
the example and the step of the pipeline. Batches may be cut as one likes, made in any order and by
any number of threads: each example meets the same numbers.

The function is Philox 4x32 with ten rounds (Salmon, Moraes, Dror and Shaw, "Parallel random
numbers: as easy as 1, 2, 3", 2011), computed for all examples of a batch at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]
Normal = npt.NDArray[np.float32]

_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_KEY_STEPS = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)
_ROUNDS = 10
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def philox(counters: npt.NDArray[np.uint64], key: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return four random words of 32 bits for each counter.

    Parameters
    ----------
    counters : array of uint64 of shape (4, ...)
        Words of 32 bits.
    key : array of uint64 of shape (2,)
        Words of 32 bits.

    Returns
    -------
    array of uint64 of shape (4, ...)
        Words of 32 bits.
    """
    a, b, c, d = counters
    for _ in range(_ROUNDS):
        left, right = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            (right >> _HALF) ^ b ^ key[0],
            right & _LOW,
            (left >> _HALF) ^ d ^ key[1],
            left & _LOW,
        )
        key = (key + _KEY_STEPS) & _LOW
    return np.stack([a, b, c, d])


@dataclass(frozen=True)
class Draws:
    """The random numbers of one epoch.

    Parameters
    ----------
    seed, epoch : int
        Not negative.
    """

    seed: int
    epoch: int

    @cached_property
    def _key(self) -> npt.NDArray[np.uint64]:
        """Four words of 32 bits: two for `philox`, all of them for NumPy's generator."""
        return np.random.SeedSequence((self.seed, self.epoch)).generate_state(4).astype(np.uint64)

    def uniform(self, indices: Indices, place: int, count: int) -> npt.NDArray[np.float64]:
        """Return numbers from 0 to below 1, of shape ``(count, examples)``.

        Parameters
        ----------
        indices : array of int64 of shape (examples,)
            The number of each example in its set.
        place : int
            The step of the pipeline that asks; each has numbers of its own.
        count : int
            How many for each example.
        """
        blocks = -(-count // 4)
        where = indices.astype(np.uint64)
        counters = np.empty((4, blocks, len(indices)), np.uint64)
        counters[0] = np.arange(blocks, dtype=np.uint64)[:, np.newaxis]
        counters[1], counters[2] = where & _LOW, where >> _HALF
        counters[3] = place
        words = philox(counters, self._key[:2]).swapaxes(0, 1).reshape(4 * blocks, len(indices))
        return words[:count] / 2.0**32

    def generator(self, index: int, place: int) -> np.random.Generator:
        """Return a generator for one example, where other distributions are needed."""
        key = self._key[:2] | self._key[2:] << _HALF
        # NumPy's Philox counts in its first word, so that the streams never meet.
        counter = np.array([0, 0, place, index], np.uint64)
        return np.random.Generator(np.random.Philox(counter=counter, key=key))

    def normal(self, indices: Indices, place: int, shape: tuple[int, ...]) -> Normal:
        """Return normal float32 numbers of mean 0 and deviation 1, ``(examples, *shape)``."""
        result = np.empty((len(indices), *shape), np.float32)
        for row, index in zip(result, indices, strict=True):
            self.generator(int(index), place).standard_normal(dtype=np.float32, out=row)
        return result
