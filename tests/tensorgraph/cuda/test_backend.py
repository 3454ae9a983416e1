"""The backend, how a session comes to it, and what is said where it cannot be had."""

from __future__ import annotations

import gc
import re
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from standin import Traffic
from standin.memory import get_default_memory_pool

import tensorgraph as tf
from tensorgraph.backends.cuda import module
from tensorgraph.backends.cuda.backend import CupyBackend
from tensorgraph.backends.cuda.devices import gpus
from tensorgraph.base.optional import MissingLibraryError


def test_what_it_says_of_itself(cuda: CupyBackend) -> None:
    assert (cuda.name, cuda.workers, cuda.immediate) == ("cupy", 1, False)
    assert cuda.serial() is cuda
    done: list[int] = []
    cuda.spread(3, done.append)
    assert done == [0, 1, 2]


def test_running_sets_the_stream_and_gives_it_back(cuda: CupyBackend) -> None:
    current = cuda.xp.cuda.get_current_stream
    before = current()
    with cuda.running():
        assert current() == cuda.stream
        with cuda.running():
            assert current() == cuda.stream
        assert current() == cuda.stream
    assert current() == before


def test_sessions_share_the_stream(cuda: CupyBackend) -> None:
    assert CupyBackend().stream is cuda.stream


def test_other_threads_wait_while_one_records(cuda: CupyBackend) -> None:
    done: list[Any] = []
    x = cuda.from_host(np.ones(3))
    others = [
        threading.Thread(target=lambda: done.append(cuda.from_host(np.ones(3)))),
        threading.Thread(target=lambda: done.append(cuda.to_host(x))),
    ]
    with cuda.running():
        cuda.stream.begin_capture()
        for other in others:
            other.start()
        others[0].join(0.05)
        doubled = x * 2
        assert not done
        graph = cuda.stream.end_capture()
        graph.launch()
    for other in others:
        other.join()
    assert len(done) == 2
    assert cuda.to_host(doubled).tolist() == [2, 2, 2]


def test_nothing_is_imported_with_the_package(tmp_path: Any) -> None:
    import subprocess

    code = (
        "import sys, tensorgraph as tf; tf.Session().run(tf.constant(1));"
        " print([m for m in sys.modules if m.startswith(('cupy', 'tensorgraph.backends.cuda'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Errors


@pytest.fixture
def no_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)


def broken(traffic: Traffic, monkeypatch: pytest.MonkeyPatch, name: str, make: Any) -> None:
    """Have a function of the stand-in's runtime do something else."""
    del traffic
    cupy = sys.modules["cupy"]
    runtime = SimpleNamespace(**{**vars(cupy.cuda.runtime), name: make})
    monkeypatch.setattr(cupy.cuda, "runtime", runtime)


def raising(status: str) -> Callable[[], int]:
    def count() -> int:
        raise sys.modules["cupy"].cuda.runtime.CUDARuntimeError(status)

    return count


def test_without_the_wheel(no_cupy: None) -> None:
    with pytest.raises(MissingLibraryError, match=r"pip install 'tensorgraph-engine\[gpu\]'"):
        CupyBackend()
    assert "tensorgraph-engine[gpu]" in gpus().missing


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("cudaErrorInsufficientDriver", "no NVIDIA driver here, or one too old for CUDA 13.2"),
        ("cudaErrorNoDevice", "finds no GPU"),
        ("cudaErrorUnknown", "CUDA does not start"),
    ],
)
def test_without_a_driver(
    traffic: Traffic, monkeypatch: pytest.MonkeyPatch, status: str, words: str
) -> None:
    broken(traffic, monkeypatch, "getDeviceCount", raising(status))
    with pytest.raises(tf.errors.UnavailableError, match=words) as caught:
        CupyBackend()
    assert status in str(caught.value)
    found = gpus()
    assert words in found.missing
    assert found.libraries == "CuPy 14.2.0, CUDA 13.2, driver for CUDA 13.0"
    assert not found.devices


def test_without_a_visible_device(traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(traffic, monkeypatch, "getDeviceCount", lambda: 0)
    with pytest.raises(tf.errors.UnavailableError, match="CUDA_VISIBLE_DEVICES"):
        CupyBackend()


def test_without_the_toolkit(traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    del traffic

    def version() -> tuple[int, int]:
        raise ImportError("libnvrtc.so.13: cannot open shared object file\nand more")

    compiler = SimpleNamespace(getVersion=version)
    monkeypatch.setattr(sys.modules["cupy"].cuda, "nvrtc", compiler)
    with pytest.raises(tf.errors.UnavailableError, match=r"toolkit .*pip install"):
        CupyBackend()
    assert "libnvrtc.so.13" in gpus().missing


def test_the_toolkit_of_the_real_package() -> None:
    real = pytest.importorskip("cupy", reason="needs CuPy: pip install cupy-cuda13x")
    missing = module.missing_toolkit(real)
    assert missing is None or re.search(r"lib(cublas|nvrtc)", missing)


def test_a_device_that_is_not_there(traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(tf.errors.UnavailableError, match=r"no /gpu:1 here: there is one, /gpu:0"):
        CupyBackend(1)
    broken(traffic, monkeypatch, "getDeviceCount", lambda: 2)
    with pytest.raises(tf.errors.UnavailableError, match=r"there are 2, from /gpu:0 on"):
        CupyBackend(2)


def test_devices(traffic: Traffic) -> None:
    del traffic
    (gpu,) = gpus().devices
    assert (gpu.number, gpu.name, gpu.capability, gpu.processors) == (0, "Stand-in", "9.0", 132)
    assert 0 < gpu.free <= gpu.memory
    assert not gpus().missing


@pytest.fixture
def little_memory(traffic: Traffic) -> Any:
    gc.collect()  # what other tests left would be room later
    pool = get_default_memory_pool()
    pool.set_limit(pool.used_bytes() + (1 << 20))
    yield
    pool.set_limit(0)


def test_out_of_memory_for_a_plan(little_memory: None) -> None:
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(backend="cupy")) as session:
        x = tf.placeholder(tf.float32, (None,))
        y = tf.exp(x[:, None] * tf.ones((1, 1000)))
        assert session.run(y, {x: np.zeros(2, np.float32)}).shape == (2, 1000)
        with pytest.raises(tf.errors.ResourceExhaustedError, match="smaller batch") as got:
            session.run(y, {x: np.zeros(1000, np.float32)})
        assert re.search("need [48],000,000 bytes", str(got.value))


@pytest.mark.parametrize("size", [300_000, 500_000])
def test_out_of_memory_for_a_feed(little_memory: None, size: int) -> None:
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(backend="cupy")) as session:
        x = tf.placeholder(tf.float32, (None,))
        with pytest.raises(tf.errors.ResourceExhaustedError, match=f"array of {4 * size:,} bytes"):
            session.run(x, {x: np.zeros(size, np.float32)})


def test_out_of_memory_in_a_kernel(little_memory: None) -> None:
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(backend="cupy")) as session:
        # A step's own pool may have as much as the common one, of which other tests have some.
        y = tf.sort(tf.random_uniform((get_default_memory_pool().get_limit(),)))
        with pytest.raises(tf.errors.ResourceExhaustedError, match="Out of memory allocating"):
            session.run(y)


# Which backend a session has


def backend_of(config: tf.ConfigProto | None = None, *devices: str) -> Any:
    with tf.Graph().as_default():
        for device in devices:
            with tf.device(device):
                tf.constant(1.0) + 2.0
        return tf.Session(config=config)._backend


def test_the_processor_is_the_default(traffic: Traffic) -> None:
    assert backend_of().name == "numpy"
    assert backend_of(None, "/cpu:0").name == "numpy"


def test_options_choose(traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    assert backend_of(tf.ConfigProto(backend="cupy")).name == "cupy"
    assert backend_of(tf.ConfigProto(backend="numpy"), "/gpu:0").name == "numpy"
    monkeypatch.setenv("TENSORGRAPH_BACKEND", "cupy")
    assert backend_of().name == "cupy"
    assert backend_of(tf.ConfigProto(backend="numpy")).name == "numpy"
    monkeypatch.setenv("TENSORGRAPH_BACKEND", "numpy")
    assert backend_of(None, "/gpu:0").name == "numpy"


def test_devices_choose(traffic: Traffic) -> None:
    assert backend_of(None, "/cpu:0", "/gpu:0").name == "cupy"
    assert backend_of(None, "/device:GPU:*").name == "cupy"


def test_an_unknown_backend() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="'cuda'; there are numpy and cupy"):
        backend_of(tf.ConfigProto(backend="cuda"))


def test_hard_and_soft_placement(no_cupy: None) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"/gpu:0: .*allow_soft_placement"):
        backend_of(None, "/gpu:0")
    soft = tf.ConfigProto(allow_soft_placement=True)
    assert backend_of(soft, "/gpu:0").name == "numpy"
    # What is asked for by name is not replaced.
    with pytest.raises(MissingLibraryError):
        backend_of(tf.ConfigProto(backend="cupy", allow_soft_placement=True))


def test_several_gpus(traffic: Traffic) -> None:
    with pytest.raises(tf.errors.UnimplementedError, match="/gpu:0, /gpu:1"):
        backend_of(None, "/gpu:0", "/gpu:1")
    soft = tf.ConfigProto(allow_soft_placement=True)
    assert backend_of(soft, "/gpu:0", "/gpu:1").name == "cupy"


def test_visible_devices(traffic: Traffic, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(traffic, monkeypatch, "getDeviceCount", lambda: 4)
    config = tf.ConfigProto(gpu_options=tf.GPUOptions(visible_device_list="2,3"))
    assert backend_of(config, "/gpu:1").device.id == 3
    with pytest.raises(tf.errors.InvalidArgumentError, match="names no /gpu:2"):
        backend_of(config, "/gpu:2")


def test_no_gpu_allowed(traffic: Traffic) -> None:
    config = tf.ConfigProto(device_count={"GPU": 0})
    with pytest.raises(tf.errors.InvalidArgumentError, match="device_count"):
        backend_of(config, "/gpu:0")


def test_memory_fraction(traffic: Traffic) -> None:
    options = tf.GPUOptions(per_process_gpu_memory_fraction=0.25)
    pool = get_default_memory_pool()
    try:
        backend_of(tf.ConfigProto(backend="cupy", gpu_options=options))
        assert pool.get_limit() == 1 << 38
    finally:
        pool.set_limit(0)


def test_a_graph_that_asks_for_a_gpu_later(traffic: Traffic) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        with tf.device("/gpu:0"):
            y = tf.constant(2.0) * 3.0
        assert session.run(y) == 6.0
        assert session._backend.name == "cupy"
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.constant(1.0))
        with tf.device("/gpu:0"):
            y = tf.constant(2.0) * 3.0
        with pytest.raises(tf.errors.FailedPreconditionError, match=r"backend='cupy'"):
            session.run(y)
