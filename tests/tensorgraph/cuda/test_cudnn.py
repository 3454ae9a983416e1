"""Convolution by cuDNN: what it is asked for, and what is made of its plans."""

from __future__ import annotations

import ctypes
import importlib
import importlib.metadata
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cudnn_frontend
import numpy as np
import pytest
from convolutions import PRODUCTS, TYPES, drawn, run_both
from hypothesis import given
from hypothesis import strategies as st

import tensorgraph as tf
from tensorgraph.backends.cuda import cudnn
from tensorgraph.backends.cuda.backend import CupyBackend
from tensorgraph.backends.cuda.windows import case_of


@pytest.fixture(scope="module")
def frontend(lasting_cuda: CupyBackend, module_patch: pytest.MonkeyPatch) -> cudnn_frontend.Log:
    """Put the stand-in in the frontend's place."""
    if lasting_cuda.xp.cuda.runtime.getDeviceProperties(0)["name"] != b"Stand-in":
        pytest.skip("here the stand-in of cuDNN is tested")
    module_patch.setitem(sys.modules, "cudnn", cudnn_frontend)
    return cudnn_frontend.LOG


@pytest.fixture(scope="module")
def backend(frontend: cudnn_frontend.Log, lasting_cuda: CupyBackend) -> CupyBackend:
    return lasting_cuda


@pytest.mark.parametrize("product", [p for p in PRODUCTS if "Depthwise" not in p])
@given(data=st.data())
def test_cudnn_computes_what_numpy_does(
    product: str, backend: CupyBackend, frontend: cudnn_frontend.Log, data: Any
) -> None:
    frontend.graphs.clear()
    frontend.uneven = data.draw(st.booleans())
    case = drawn(product, data.draw, least=1)
    cudnn._FOUND.clear()
    run_both(backend, case)
    if any(d > 1 for d in case.kernel[:-2]) and 0 not in case.image + case.result:
        assert frontend.graphs
    for graph in frontend.graphs:
        # Never the plan that cannot be built; and always one, if the graph can be computed.
        assert 0 not in graph.executed
        assert bool(graph.executed) is (frontend.uneven or graph.pads[0] == graph.pads[1])


@pytest.mark.parametrize("product", PRODUCTS[:3])
def test_large_filters_are_turned_by_tiles(
    product: str, backend: CupyBackend, frontend: cudnn_frontend.Log
) -> None:
    frontend.uneven = True
    case = drawn(product, st.just, size=(3, 3), least=1)
    sizes = {"image": (1, 5, 5, 16), "kernel": (3, 3, 16, 40), "result": (1, 3, 5, 40)}
    run_both(backend, case._replace(**sizes))


def test_a_plan_is_chosen_once(backend: CupyBackend, frontend: cudnn_frontend.Log) -> None:
    frontend.graphs.clear()
    cudnn._FOUND.clear()
    case = drawn("Conv2D", st.just, size=(3, 3), least=1)
    for _ in range(3):
        run_both(backend, case)
    (graph,) = frontend.graphs
    trials = 1 + cudnn.TRIALS
    assert graph.executed[: 2 * trials] == [1] * trials + [2] * trials
    assert len(graph.executed) == 2 * trials + 3
    assert len(set(graph.executed[2 * trials :])) == 1


def test_a_choice_serves_all_sessions(backend: CupyBackend, frontend: cudnn_frontend.Log) -> None:
    frontend.graphs.clear()
    cudnn._FOUND.clear()
    case = drawn("Conv2D", st.just, size=(3, 3), least=1)
    for _ in range(2):
        run_both(CupyBackend(), case)
    assert len(frontend.graphs) == 1


@pytest.mark.parametrize("tf32", [False, True])
def test_tensor_cores_are_excluded_unless_wanted(
    tf32: bool, frontend: cudnn_frontend.Log, backend: CupyBackend
) -> None:
    frontend.graphs.clear()
    cudnn._FOUND.clear()
    run_both(CupyBackend(tf32=tf32), drawn("Conv2D", st.just, size=(3, 3), least=1))
    (graph,) = frontend.graphs
    assert ("TENSOR_CORE" in graph.excluded) is not tf32
    assert "NONDETERMINISTIC" in graph.excluded


def test_a_plan_that_needs_too_much_memory_is_passed_over(
    backend: CupyBackend, frontend: cudnn_frontend.Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        cudnn_frontend.pygraph,
        "get_workspace_size_plan_at_index",
        lambda graph, index: 1 << 60 if index == 1 else 64,
    )
    frontend.graphs.clear()
    cudnn._FOUND.clear()
    run_both(backend, drawn("Conv2D", st.just, size=(3, 3), least=1))
    (graph,) = frontend.graphs
    assert set(graph.executed) == {2}


def test_without_a_plan_a_product_serves(
    backend: CupyBackend, frontend: cudnn_frontend.Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontend, "plans", 1)
    cudnn._FOUND.clear()
    for name in ("Conv2D", "Conv2DBackpropInput", "Conv2DBackpropFilter"):
        run_both(backend, drawn(name, st.just, size=(3, 2), least=1))
    assert not any(graph.executed for graph in frontend.graphs[-3:])


def test_without_cudnn_the_log_says_how_to_get_it(
    backend: CupyBackend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "cudnn", None)
    cudnn._FOUND.clear()
    with caplog.at_level("INFO", "tensorgraph"):
        for _ in range(2):
            run_both(backend, drawn("Conv2D", st.just, size=(3, 3), least=1))
    (record,) = (r for r in caplog.records if "cuDNN" in r.message)
    assert "pip install" in record.message
    cudnn._FOUND.clear()


# What the frontend asks of the library before it knows whether a graph is sound.
STUB = """
#include <stddef.h>
extern "C" {
size_t cudnnGetVersion(void) { return 91500; }
size_t cudnnGetCudartVersion(void) { return 13000; }
int cudnnCreate(void **handle) { *handle = (void *)4711; return 0; }
int cudnnDestroy(void *) { return 0; }
int cudnnSetStream(void *, void *) { return 0; }
const char *cudnnGetErrorString(int) { return "a stub"; }
int cudnnBackendCreateDescriptor(int, void **) { return 3000; }
void cudnnGetLastErrorString(char *text, size_t size) { if (size) *text = 0; }
}
"""


class Sound(Exception):
    """A graph has passed the frontend's checks."""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the real frontend, over a library that knows its version and no more."""
    try:
        importlib.metadata.version("nvidia-cudnn-frontend")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("needs the frontend: pip install --no-deps 'nvidia-cudnn-frontend<1.28'")
    compiler = shutil.which("g++")
    if compiler is None or importlib.util.find_spec("nvidia.cudnn") is not None:
        pytest.skip("needs g++, and no real cuDNN, which other tests want")
    folder = Path(tmp_path_factory.mktemp("cudnn"))
    (folder / "stub.cc").write_text(STUB)
    library = folder / "libcudnn.so.9"
    subprocess.run([compiler, "-shared", "-fPIC", folder / "stub.cc", "-o", library], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "cudnn", raising=False)
        module = importlib.import_module("cudnn")
        patch.setitem(sys.modules, "cudnn", module)
    module._pybind_module._set_dlhandle_cudnn(ctypes.CDLL(str(library))._handle)
    return module


@pytest.mark.parametrize("product", ["forward", "by_input", "by_filter"])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("image", "kernel", "steps"),
    [((2, 9, 8, 6), (3, 2, 3, 4), (2, 1)), ((1, 5, 6, 7, 2), (2, 3, 3, 2, 3), (1, 2, 2))],
)
def test_the_real_frontend_finds_the_graphs_sound(
    product: str,
    dtype: Any,
    image: tuple[int, ...],
    kernel: tuple[int, ...],
    steps: tuple[int, ...],
    real: Any,
    backend: CupyBackend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def stop(graph: Any) -> None:
        seen.append(json.loads(repr(graph)))
        raise Sound

    monkeypatch.setitem(sys.modules, "cudnn", real)
    monkeypatch.setattr(real.pygraph, "build_operation_graph", stop)
    attrs = {"strides": steps, "dilations": (1,) * len(steps), "padding": "SAME"}
    case = case_of(attrs, image, kernel)
    with backend.running(), pytest.raises(Sound):
        cudnn.Cudnn(real, backend.xp)._graph(case, product, np.dtype(dtype))
    (graph,) = seen
    dims = {t["uid"]: (t["dim"], t["stride"]) for t in graph["tensors"]}
    layouts = cudnn._layouts(case)
    _, ports, result = cudnn._PRODUCTS[product]
    roles = [role for _, role in ports] + [result]
    assert {uid: tuple(layouts[role]) for uid, role in enumerate(roles, 1)} == {
        uid: (d, s) for uid, (d, s) in dims.items()
    }
    (node,) = graph["nodes"]
    assert node["pre_padding"] == [before for before, _ in case.pads]
    assert node["post_padding"] == [after for _, after in case.pads]
    assert node["stride"] == list(steps)


def test_names_and_arguments_are_those_of_the_real_frontend(real: Any) -> None:
    for table in ("data_type", "heur_mode", "numerical_note"):
        for member in getattr(cudnn_frontend, table):
            assert hasattr(getattr(real, table), member.name), member
    assert issubclass(real.cudnnGraphNotSupportedError, Exception)
    for name in vars(cudnn_frontend.pygraph):
        assert name.startswith("_") or hasattr(real.pygraph, name), name
    for name in vars(cudnn_frontend.Tensor):
        assert name.startswith("_") or name == "view" or hasattr(real.Tensor, name), name


def test_a_recorded_step_holds_convolutions(
    backend: CupyBackend, frontend: cudnn_frontend.Log
) -> None:
    values = {}
    for name in ("numpy", "cupy"):
        tf.reset_default_graph()
        cudnn._FOUND.clear()
        frontend.graphs.clear()
        frontend.uneven = True
        x = tf.placeholder(tf.float32, [2, 6, 5, 3])
        kernel = tf.get_variable("w", [3, 3, 3, 2], initializer=tf.ones_initializer())
        h = tf.nn.conv2d(tf.nn.conv2d(x, kernel, 1, "SAME"), kernel[..., :2, :], 2, "SAME")
        loss = tf.reduce_mean(tf.square(h))
        train = tf.train.GradientDescentOptimizer(1e-4).minimize(loss)
        with tf.Session(config=tf.ConfigProto(backend=name)) as session:
            session.run(tf.global_variables_initializer())
            fed = [np.random.default_rng(n).standard_normal(x.shape.as_list()) for n in range(6)]
            values[name] = [session.run([loss, train], {x: a})[0] for a in fed]
            plan: Any = session.plan([loss, train], {x: fed[0]})
    np.testing.assert_allclose(values["cupy"], values["numpy"], 1e-5)
    assert plan.executor.recordings == 1
    kinds = [graph.kind for graph in frontend.graphs]
    assert kinds == ["fprop", "fprop", "dgrad", "wgrad", "wgrad"]
