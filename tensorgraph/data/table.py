"""Tables: a line for each example, a column for each feature, and one to predict.

Columns of numbers stay numbers; any other column becomes a place for each of its values, 1 at the
value that a line has and 0 elsewhere. Which values there are is learned from the part to train on.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tensorgraph.base.errors import DataError
from tensorgraph.data.examples import ExampleSet, Inputs, Targets
from tensorgraph.data.options import LoadOptions
from tensorgraph.data.sampling import TEST_SHARE, share_of
from tensorgraph.data.text import KIND as TEXT_KIND
from tensorgraph.data.text import class_numbers, read_lines, text_examples

KIND = "table"
_DELIMITERS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*")
_MISSING = frozenset(["", "na", "n/a", "nan", "null", "?"])
# A column with more values than this tells examples apart rather than kinds of them.
_MAX_CATEGORIES = 1000
# Whole numbers with so few values are taken for classes.
_MAX_NUMBERED_CLASSES = 20
# A column is one of numbers with errors where so large a share of it is.
_MOSTLY = 0.9


@dataclass(frozen=True)
class Column:
    """A column as the network takes it.

    Attributes
    ----------
    name : str
        Its name.
    categories : tuple of str or None
        Its values, where it is not one of numbers.
    """

    name: str
    categories: tuple[str, ...] | None

    def encode(self, values: Sequence[str]) -> Inputs:
        """Return its values as ``(lines, 1)``, or as ``(lines, categories)`` of 0 and 1.

        A category that was not met in training has no 1.
        """
        if self.categories is None:
            return np.array([float(v) for v in values], np.float32)[:, np.newaxis]
        places = {category: place for place, category in enumerate(self.categories)}
        result = np.zeros((len(values), len(places)), np.float32)
        for row, value in zip(result, values, strict=True):
            if value in places:
                row[places[value]] = 1
        return result


@dataclass(frozen=True)
class _Table:
    """A file's cells, stripped of blanks, by column."""

    path: Path
    names: tuple[str, ...]
    lines: tuple[int, ...]
    columns: tuple[tuple[str, ...], ...]

    @cached_property
    def _by_name(self) -> dict[str, tuple[str, ...]]:
        return dict(zip(self.names, self.columns, strict=True))

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self._by_name[name]

    def find(self, which: str | int) -> str:
        """Return the name of a column by its name or number."""
        if str(which) in self._by_name and isinstance(which, str):
            return which
        if str(which).lstrip("-").isdigit() and -len(self.names) <= int(which) < len(self.names):
            return self.names[int(which)]
        raise DataError(f"{self.path} has no column {which!r}; it has {', '.join(self.names)}")

    def error(self, row: int, name: str, problem: str) -> DataError:
        """Return an error at a cell."""
        return DataError(f"{self.path}, line {self.lines[row]}, column {name!r}: {problem}")


def load_table(path: Path, options: LoadOptions) -> ExampleSet:
    """Return the lines of a table.

    Parameters
    ----------
    path : Path
        Cells separated by commas, semicolons, tabs or bars. The first line names the columns,
        unless it holds nothing but numbers. A fifth is set aside for testing, always the same.
    options : LoadOptions
        ``target``, ``task``, ``reading``; with ``text`` also ``length`` and ``words``.

    Raises
    ------
    DataError
        If the file cannot be read, a line has too few or too many cells, a value is missing or no
        number, or a column has too many different values.
    """
    table = _read(path)
    _refuse_missing(table)
    before = options.read_before(path, KIND if options.text is None else TEXT_KIND)
    target = table.find(options.target if options.target is not None else _default(before))
    if options.text is not None:
        suitable = ("target", "task", "text", "length", "words")
        options.require(path, "a table of texts", *suitable)
        y, classes = _target(table, target, options)
        return text_examples(path, table[table.find(options.text)], y, classes, options)
    options.require(path, "a table", "target", "task")
    y, classes = _target(table, target, options)
    chosen = share_of(y, TEST_SHARE, seed=0)
    columns = _columns_before(table, before) if before else _columns(table, target, ~chosen)
    x = np.concatenate([column.encode(table[column.name]) for column in columns], axis=1)
    return ExampleSet(
        name=path.stem,
        x_train=x[~chosen],
        y_train=y[~chosen],
        x_test=x[chosen],
        y_test=y[chosen],
        class_names=classes,
        reading={
            "kind": KIND,
            "columns": [[column.name, column.categories] for column in columns],
            "target": target,
            "class_names": list(classes),
        },
    )


def encode_table(path: Path, reading: Mapping[str, Any]) -> Inputs:
    """Return the lines of a table as the network of a set that was read before takes them.

    The table needs no column to predict.

    Raises
    ------
    DataError
        If the file cannot be read, lacks a column, or a value in one is missing or no number.
    """
    table = _read(path)
    columns = _columns_before(table, reading)
    _refuse_missing(table, [column.name for column in columns])
    return np.concatenate([column.encode(table[column.name]) for column in columns], axis=1)


def _read(path: Path) -> _Table:
    lines = read_lines(path)
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    # A quoted cell may go over several lines, so that the reader has to see their ends.
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, [cell.strip() for cell in row]))
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from None
    if not rows:
        raise DataError(f"{path} holds no table")
    names = _names(path, rows)
    for line, row in rows:
        if len(row) != len(names):
            raise DataError(
                f"{path}, line {line}: {len(row)} cells, where there are {len(names)} columns"
            )
    if not rows:
        raise DataError(f"{path} holds the names of columns, but no lines")
    cells = zip(*(row for _, row in rows), strict=True)
    return _Table(path, names, tuple(line for line, _ in rows), tuple(cells))


def _names(path: Path, rows: list[tuple[int, list[str]]]) -> tuple[str, ...]:
    """Return the names of the columns, and take their line away; numbers where there is none."""
    head = rows[0][1]
    if len(head) < 2:
        raise DataError(f"{path} has one column: expected features and one to predict")
    if all(_NUMBER.fullmatch(cell) for cell in head):
        return tuple(str(place) for place in range(len(head)))
    del rows[0]
    names = tuple(cell or str(place) for place, cell in enumerate(head))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"{path} has several columns called {twice[0]!r}")
    return names


def _refuse_missing(table: _Table, names: Sequence[str] | None = None) -> None:
    found = [
        (row, name)
        for name in names or table.names
        for row, cell in enumerate(table[name])
        if cell.lower() in _MISSING
    ]
    if found:
        row, name = min(found)
        raise table.error(
            row,
            name,
            f"the value is missing ({len(found)} in all): fill it in, or remove the line",
        )


def _default(before: Mapping[str, Any] | None) -> str | int:
    """Return the column to predict where none is named."""
    if before is None:
        return -1
    target: str | int = before.get("target", -1)
    return target


def _target(table: _Table, name: str, options: LoadOptions) -> tuple[Targets, tuple[str, ...]]:
    """Return what is to be predicted, with the names of the classes, if it is classes."""
    cells, task = table[name], options.task
    if options.reading:
        classes = tuple(options.reading["class_names"])
        task = "classes" if classes else "numbers"
    else:
        numeric = _is_numeric(table, name)
        if not numeric and task == "numbers":
            row = next(i for i, cell in enumerate(cells) if not _NUMBER.fullmatch(cell))
            raise table.error(row, name, f"{cells[row]!r} is no number to predict")
        if task is None:
            task = "classes" if not numeric or _numbers_classes(cells) else "numbers"
        classes = tuple(sorted({*cells}, key=float if numeric else None))
    if task == "numbers":
        return Column(name, None).encode(cells)[:, 0], ()
    return class_numbers(cells, classes, table.path), classes


def _numbers_classes(cells: Sequence[str]) -> bool:
    values = {float(cell) for cell in cells}
    return len(values) <= _MAX_NUMBERED_CLASSES and all(v.is_integer() for v in values)


def _columns(table: _Table, target: str, training: Any) -> list[Column]:
    """Return the columns of features, with the categories that the part to train on has."""
    columns = []
    for name in table.names:
        if name == target:
            continue
        if _is_numeric(table, name):
            columns.append(Column(name, None))
            continue
        seen = {cell for cell, train in zip(table[name], training, strict=True) if train}
        if len(seen) > _MAX_CATEGORIES:
            raise DataError(
                f"{table.path}, column {name!r}: {len(seen)} different values are too many for"
                f" categories (at most {_MAX_CATEGORIES}): remove the column, or name it text="
            )
        columns.append(Column(name, tuple(sorted(seen))))
    return columns


def _columns_before(table: _Table, before: Mapping[str, Any]) -> list[Column]:
    """Return the columns as they were read before; check that they are there, and of the kind."""
    columns = []
    for name, categories in before["columns"]:
        column = Column(table.find(name), None if categories is None else tuple(categories))
        if column.categories is None:
            for row, cell in enumerate(table[name]):
                if not _NUMBER.fullmatch(cell) and cell.lower() not in _MISSING:
                    raise table.error(row, name, f"{cell!r} is no number")
        columns.append(column)
    return columns


def _is_numeric(table: _Table, name: str) -> bool:
    """Return whether a column holds numbers; refuse one that does but for a few cells."""
    cells = table[name]
    others = [row for row, cell in enumerate(cells) if not _NUMBER.fullmatch(cell)]
    if others and len(cells) - len(others) >= _MOSTLY * len(cells):
        raise table.error(
            others[0],
            name,
            f"{cells[others[0]]!r} is no number, as {len(cells) - len(others)} of the"
            f" {len(cells)} values of the column are",
        )
    return not others
