"""Where a node of a training step belongs: to which layer, and to which part of the step."""

from __future__ import annotations

from collections.abc import Container, Sequence


def place(node: str, layers: Container[str]) -> tuple[str | None, str]:
    """Return to which layer the time of a node counts, and to which part of the step.

    Parameters
    ----------
    node : str
        The node's name.
    layers : container of str
        The names of the network's layers.

    Returns
    -------
    layer : str or None
        None for the loss, the measures and all else.
    part : str
        ``"forward"``, ``"backward"`` or ``"update"``.
    """
    part = "forward"
    words: Sequence[str] = node.split("/")
    if "gradients" in words:
        part, words = "backward", words[words.index("gradients") + 1 :]
    elif words[0] == "update":
        part, words = "update", "/".join(words[1:]).removeprefix("update_").split("/")
    elif words[0] == "training":
        words = words[1:]
    for length in range(len(words), 0, -1):
        name = "/".join(words[:length])
        if name in layers:
            return name, part
    return None, part
