"""Files of labelled texts: on each line a label, a tab and a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tensorgraph.base.errors import DataError
from tensorgraph.data.examples import ExampleSet, Labels, Targets
from tensorgraph.data.options import LoadOptions
from tensorgraph.data.sampling import TEST_SHARE, share_of
from tensorgraph.data.vocabulary import Tokens, Vocabulary

KIND = "text"
# How many lines tell what a file is.
_LOOKED_AT = 20


def is_labelled_text(path: Path, options: LoadOptions) -> bool:
    """Return whether a file has a label, one tab and words on its first lines.

    A file for which a column is named is a table.
    """
    if options.target is not None or options.text is not None:
        return False
    lines = [line for line in read_lines(path) if line.strip()][:_LOOKED_AT]
    return bool(lines) and all(
        line.count("\t") == 1 and " " in line.split("\t")[1].strip() for line in lines
    )


def load_text(path: Path, options: LoadOptions) -> ExampleSet:
    """Return the texts of a file.

    Parameters
    ----------
    path : Path
        On each line a label, a tab and a text; empty lines are left out. A fifth is set aside for
        testing, always the same.
    options : LoadOptions
        ``length``, ``words``, ``reading``.

    Raises
    ------
    DataError
        If the file cannot be read, or a line is not of that form.
    """
    options.require(path, "a file of texts", "length", "words", "task")
    labels, texts = [], []
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip():
            continue
        label, tab, text = line.partition("\t")
        if not (tab and label.strip() and text.strip()):
            raise DataError(f"{path}, line {number}: expected a label, a tab and a text")
        labels.append(label.strip())
        texts.append(text)
    if not texts:
        raise DataError(f"{path} holds no texts")
    before = options.read_before(path, KIND)
    classes = tuple(before["class_names"] if before else sorted({*labels}))
    return text_examples(path, texts, class_numbers(labels, classes, path), classes, options)


def text_examples(
    path: Path,
    texts: Sequence[str],
    y: Targets,
    classes: tuple[str, ...],
    options: LoadOptions,
) -> ExampleSet:
    """Return texts with their labels as a set; its vocabulary is that of the part to train on.

    Parameters
    ----------
    path : Path
        The file.
    texts : sequence of str
        The texts.
    y : array
        The class of each, or the number to predict.
    classes : tuple of str
        The names of the classes.
    options : LoadOptions
        ``length``, ``words``, ``reading``.
    """
    before = options.reading
    chosen = share_of(y, TEST_SHARE, seed=0)
    vocabulary = (
        Vocabulary(tuple(before["words"]), before["length"])
        if before
        else Vocabulary.fit(
            (text for text, test in zip(texts, chosen, strict=True) if not test),
            options.words,
            options.length,
        )
    )
    x = vocabulary.encode(texts)
    return ExampleSet(
        name=path.stem,
        x_train=x[~chosen],
        y_train=y[~chosen],
        x_test=x[chosen],
        y_test=y[chosen],
        class_names=classes,
        reading=_reading(vocabulary, classes),
    )


def encode_texts(path: Path, reading: Mapping[str, Any]) -> Tokens:
    """Return the lines of a file as the network of a set that was read before takes them.

    A label and a tab before a text are left out; so are empty lines.

    Raises
    ------
    DataError
        If the file cannot be read.
    """
    texts = [line.split("\t", 1)[-1] for line in read_lines(path) if line.strip()]
    return Vocabulary(tuple(reading["words"]), reading["length"]).encode(texts)


def class_numbers(labels: Sequence[str], classes: Sequence[str], path: Path) -> Labels:
    """Return the numbers of classes by their names.

    Raises
    ------
    DataError
        If a label is of no class.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    if strange := sorted({*labels} - {*numbers}):
        raise DataError(
            f"{path} has the label {strange[0]!r}, which is none of the classes"
            f" {', '.join(classes)}"
        )
    return np.array([numbers[label] for label in labels], np.int64)


def read_lines(path: Path) -> list[str]:
    """Return the lines of a file in UTF-8, without their ends.

    Raises
    ------
    DataError
        If it cannot be read, or is in no UTF-8.
    """
    try:
        # A mark at the beginning, as spreadsheets write it, is no text.
        return path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        reason = f"{error.reason} at byte {error.start}"
        raise DataError(f"{path} is no text in UTF-8: {reason}") from None


def _reading(vocabulary: Vocabulary, classes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "kind": KIND,
        "words": list(vocabulary.words),
        "length": vocabulary.length,
        "class_names": list(classes),
    }
