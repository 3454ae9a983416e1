"""Which backend a session computes with: what its options say, or the devices in its graph."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from tensorgraph.backends.numpy_backend import NumpyBackend
from tensorgraph.base.backend import Backend
from tensorgraph.base.devices import BACKEND_VARIABLE, BACKENDS, gpu_index
from tensorgraph.base.errors import InvalidArgumentError, UnavailableError, UnimplementedError
from tensorgraph.base.optional import MissingLibraryError

if TYPE_CHECKING:
    from tensorgraph.runtime.session import ConfigProto


def default_backend() -> str:
    """Return the backend that the environment asks for; empty where it does not say."""
    return os.environ.get(BACKEND_VARIABLE, "")


def needs_gpu(config: ConfigProto, devices: Collection[str]) -> bool:
    """Return whether a graph that names some devices is to be computed on a GPU.

    Parameters
    ----------
    config : ConfigProto
        How the session runs.
    devices : collection of str
        The names, in the one spelling.

    Raises
    ------
    InvalidArgumentError
        If there is no backend of the name that the configuration has.
    """
    if config.backend not in ("", *BACKENDS):
        raise InvalidArgumentError(
            f"no backend is called {config.backend!r}; there are {' and '.join(BACKENDS)}"
            f" (ConfigProto(backend=…), or {BACKEND_VARIABLE} in the environment)"
        )
    return config.backend == "cupy" or (not config.backend and bool(_gpus(devices)))


def backend_for(config: ConfigProto, devices: Collection[str]) -> Backend:
    """Return the backend of a session.

    Parameters
    ----------
    config : ConfigProto
        How the session runs.
    devices : collection of str
        The devices that operations of its graph are to run on, in the one spelling.

    Raises
    ------
    MissingLibraryError, UnavailableError
        If the configuration wants a GPU and there is none to compute with.
    InvalidArgumentError
        If the graph wants one, there is none, and no other device may serve; or if there is no
        backend of the name that the configuration has.
    UnimplementedError
        If the graph names several GPUs, and one may not do the work of all.
    """
    if not needs_gpu(config, devices):
        return _on_processor(config)
    if config.backend:
        return _on_gpu(config, devices)
    try:
        return _on_gpu(config, devices)
    except (MissingLibraryError, UnavailableError) as error:
        if config.allow_soft_placement:
            return _on_processor(config)
        raise InvalidArgumentError(
            f"operations of the graph are to run on /gpu:{min(_gpus(devices))}: {error}; or let"
            " the processor do it: ConfigProto(allow_soft_placement=True)"
        ) from error


def _on_processor(config: ConfigProto) -> Backend:
    return NumpyBackend(config.intra_op_parallelism_threads)


def _on_gpu(config: ConfigProto, devices: Collection[str]) -> Backend:
    # Here, lest every program reads the text of kernels that it has no device for.
    from tensorgraph.backends.cuda.backend import CupyBackend

    wanted = _gpus(devices) or {0}
    if len(wanted) > 1 and not config.allow_soft_placement:
        names = ", ".join(f"/gpu:{i}" for i in sorted(wanted))
        raise UnimplementedError(
            f"the graph names {names}, but a session computes with one GPU:"
            " ConfigProto(allow_soft_placement=True) lets the first one do all"
        )
    if config.device_count.get("GPU", 1) == 0:
        raise UnavailableError("ConfigProto(device_count={'GPU': 0}) allows no GPU")
    index = min(wanted)
    visible = [int(i) for i in config.gpu_options.visible_device_list.split(",") if i.strip()]
    if visible:
        if index >= len(visible):
            raise UnavailableError(f"visible_device_list names no /gpu:{index}")
        index = visible[index]
    fraction = config.gpu_options.per_process_gpu_memory_fraction
    # What looks at numbers, or spoils them, does so between the steps.
    watched = config.check_numerics or config.poison_buffers
    return CupyBackend(index, fraction, config.tf32, config.cuda_graphs and not watched)


def _gpus(devices: Collection[str]) -> set[int]:
    """Return the numbers of the GPUs among devices."""
    return {index for name in devices if (index := gpu_index(name)) is not None}
