"""A process that times one library on the GPU: ``python gpu_worker.py LIBRARY``.

As ``worker.py``: it answers requests, a line of JSON each. A step takes a batch from NumPy arrays
and gives the loss back, in every library. With products of float32 all of them let tensor cores
round (TF32), which is what JAX does by itself.
"""

from __future__ import annotations

import json
import os
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import workload
from gpu_nets import find
from worker import time_steps

MIXED = "mixed"

Step = Callable[[Any], float]


class Library(NamedTuple):
    """What makes steps, and says how much of the device's memory the process has taken at most."""

    version: str
    make_step: Callable[[workload.Net, str], Step]
    memory: Callable[[], int]


def tensorgraph(graphs: bool = True, backend: str = "cupy") -> Library:
    import with_tf1

    import tensorgraph as tf

    def make_step(net: workload.Net, precision: str) -> Step:
        config = tf.ConfigProto(backend=backend, tf32=True, cuda_graphs=graphs)
        return with_tf1.Step(_mixed(tf) if precision == MIXED else tf, net, True, config)

    def memory() -> int:
        if backend == "numpy":
            return 0
        import cupy

        free, total = cupy.cuda.runtime.memGetInfo()
        return int(total - free)

    return Library(tf.__version__, make_step, memory)


class _Train:
    """``tf.train``, whose Adam scales the loss."""

    def __init__(self, tf: Any) -> None:
        self._tf = tf

    def AdamOptimizer(self, rate: float) -> Any:  # noqa: N802 - TensorFlow's name
        rewrite = self._tf.train.experimental.enable_mixed_precision_graph_rewrite
        return rewrite(self._tf.train.AdamOptimizer(rate))


def _mixed(tf: Any) -> Any:
    """Return the module for a program that is to use mixed precision."""
    module = types.SimpleNamespace(**vars(tf))
    module.train = _Train(tf)
    return module


def torch(compiled: bool = False) -> Library:
    import torch
    import with_torch
    from torch.nn import functional

    if not torch.cuda.is_available():
        raise ImportError("this PyTorch sees no GPU")
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    last = torch.channels_last

    def make_step(net: workload.Net, precision: str) -> Step:
        model = with_torch.Builder(net.shape).build(net.layers).cuda().train()
        if len(net.shape) == 3:
            model = model.to(memory_format=last)
        adam = partial(torch.optim.Adam, lr=workload.LEARNING_RATE, fused=True)
        optimizer = adam(model.parameters())
        scaler = torch.amp.GradScaler("cuda", enabled=precision == MIXED)

        def loss_of(x: Any, y: Any) -> Any:
            with torch.autocast("cuda", torch.float16, enabled=precision == MIXED):
                return functional.cross_entropy(model(x), y)

        computed = torch.compile(loss_of, mode="reduce-overhead") if compiled else loss_of

        def step(batch: workload.Batch) -> float:
            x, y = (torch.from_numpy(a).pin_memory().cuda(non_blocking=True) for a in batch)
            if x.ndim == 4:
                x = x.permute(0, 3, 1, 2)  # batches are channels last
            optimizer.zero_grad(set_to_none=True)
            loss = computed(x, y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            return float(loss.item())

        return step

    def memory() -> int:
        free, total = torch.cuda.mem_get_info()
        return int(total - free)

    return Library(torch.__version__, make_step, memory)


def jax() -> Library:
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    import jax
    import with_jax

    device = jax.devices()[0]
    if device.platform != "gpu":
        raise ImportError("this JAX sees no GPU")

    def make_step(net: workload.Net, precision: str) -> Step:
        if precision == MIXED:
            raise NotImplementedError("the networks in JAX have one precision")
        return with_jax.make_step(net, True)

    return Library(
        jax.__version__, make_step, lambda: int(device.memory_stats()["peak_bytes_in_use"])
    )


LIBRARIES: dict[str, Callable[[], Library]] = {
    "tensorgraph": tensorgraph,
    "tensorgraph without graphs": partial(tensorgraph, graphs=False),
    "PyTorch": torch,
    "PyTorch compiled": partial(torch, compiled=True),
    "JAX": jax,
    "rehearsal": partial(tensorgraph, backend="numpy"),
}


def answers() -> Iterator[dict[str, Any]]:
    """Yield the answer to each request."""
    try:
        library = LIBRARIES[sys.argv[1]]()
    except Exception as error:  # whatever a library needs and has not
        yield {"missing": f"{type(error).__name__}: {error}".splitlines()[0]}
        return
    yield {"version": library.version}
    made: dict[tuple[str, str, int], tuple[Step, Any]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        key = request["net"], request["precision"], request["batch"]
        try:
            if key not in made:
                made.clear()
                net = find(request["net"])
                start = time.perf_counter()
                step = library.make_step(net, request["precision"])
                made[key] = step, workload.batches(net, request["batch"])
                step(next(made[key][1]))
                first = time.perf_counter() - start
            found = time_steps(*made[key], request["steps"], request["limit"])
            yield found | {"memory": library.memory(), "first": first}
        except Exception as error:  # the others go on
            yield {"failed": f"{type(error).__name__}: {error}".splitlines()[0]}


def main() -> None:
    # Libraries may print: what they print goes to standard error, away from the answers.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for answer in answers():
        out.write(json.dumps(answer) + "\n")
        out.flush()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
