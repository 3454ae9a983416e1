"""What convolution and pooling layers take: sizes of windows, steps, padding, layout."""

from __future__ import annotations

from typing import Any


def numbers(value: Any, count: int, what: str) -> tuple[int, ...]:
    """Return one positive int for each spatial axis.

    Parameters
    ----------
    value : int or sequence of int
        One for all axes, or one for each.
    count : int
        How many axes there are.
    what : str
        Its name, for the message.

    Raises
    ------
    ValueError
        If there are not so many, or one is below 1.
    """
    given = (value,) * count if isinstance(value, int) else tuple(int(v) for v in value)
    if len(given) != count or min(given) < 1:
        raise ValueError(f"{what} must be {count} positive numbers, or one for all: {value!r}")
    return given


def padding_name(padding: str) -> str:
    """Return ``"SAME"`` or ``"VALID"``.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if not isinstance(padding, str) or padding.upper() not in ("SAME", "VALID"):
        raise ValueError(f"padding must be 'same' or 'valid', not {padding!r}")
    return padding.upper()


def check_channels_last(data_format: str) -> None:
    """Raise ValueError for a layout that puts the channels before the image."""
    if data_format != "channels_last":
        raise ValueError(
            f"data_format must be 'channels_last', not {data_format!r}; use tf.transpose"
        )
