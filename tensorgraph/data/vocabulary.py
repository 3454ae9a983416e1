"""From texts to numbers of words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]

PADDING = 0
UNKNOWN = 1
_FIRST_WORD = 2
DEFAULT_WORDS = 10_000

# Words with their apostrophes, and each other sign by itself.
_TOKEN = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def split_words(text: str) -> list[str]:
    """Return the words and signs of a text, in small letters."""
    return _TOKEN.findall(text.lower())


@dataclass(frozen=True)
class Vocabulary:
    """The words that a network knows, and how long its texts are.

    Attributes
    ----------
    words : tuple of str
        The word of each number from 2 on; 0 is no word, 1 any other word.
    length : int
        How many words a text is brought to.
    """

    words: tuple[str, ...]
    length: int

    @classmethod
    def fit(cls, texts: Iterable[str], words: int | None, length: int | None) -> Vocabulary:
        """Return the most frequent words of texts; of equally frequent ones the first in order.

        Parameters
        ----------
        texts : iterable of str
            The texts to train on.
        words : int, optional
            How many numbers there are, with 0 and 1; at least 3. Default is 10,000.
        length : int, optional
            How many words a text is brought to; default is the longest text's.
        """
        lists = [split_words(text) for text in texts]
        counts = Counter(word for text in lists for word in text)
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        kept = (DEFAULT_WORDS if words is None else words) - _FIRST_WORD
        longest = max(map(len, lists), default=1)
        return cls(tuple(ranked[:kept]), length or max(1, longest))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, _FIRST_WORD)}

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Return texts as rows of word numbers.

        Of a text that is too long the last words are kept; a short one is filled up in front, so
        that a recurrent network meets the words last.

        Parameters
        ----------
        texts : sequence of str
            The texts.

        Returns
        -------
        array of int32 of shape (texts, length)
            The numbers.
        """
        result = np.full((len(texts), self.length), PADDING, np.int32)
        for row, text in zip(result, texts, strict=True):
            numbers = [self._numbers.get(w, UNKNOWN) for w in split_words(text)[-self.length :]]
            if numbers:
                row[-len(numbers) :] = numbers
        return result
