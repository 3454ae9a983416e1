"""What the processor has to compute with."""

from __future__ import annotations

from typing import NamedTuple

from tensorgraph.backends.workers import processors, shared_workers


class Processor(NamedTuple):
    """The processor of this machine, as this process may use it.

    Attributes
    ----------
    cores : int
        How many there are.
    threads : int
        How many share an operation's work where nobody says how many.
    blas : str
        What multiplies matrices, and its version.
    """

    cores: int
    threads: int
    blas: str


def processor() -> Processor:
    """Return what there is."""
    # Imported here: no computation needs it.
    from threadpoolctl import threadpool_info

    found = [i for i in threadpool_info() if i["user_api"] == "blas"]
    names = dict.fromkeys(f"{i['internal_api']} {i['version']}" for i in found)
    return Processor(processors(), shared_workers().count, ", ".join(names) or "unknown")
