"""The stand-in beside the real package, where that is installed: no card is needed for this.

What the stand-in offers, the real one has, with the same arguments. And where the real one refuses
something, the stand-in does.
"""

from __future__ import annotations

import inspect
import re
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import standin
from standin import Traffic, functions, memory, streams
from standin.array import UFUNCS, ndarray
from standin.methods import IN_PLACE, METHODS

import tensorgraph as tf


@pytest.fixture(scope="module")
def real() -> Any:
    return pytest.importorskip("cupy", reason="needs CuPy: pip install cupy-cuda13x")


def parameters(function: Any) -> list[tuple[str, Any]] | None:
    """Return names and defaults of parameters; None where nothing says what they are."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [(p.name, p.default) for p in found if p.name != "self"]


def names_in(space: Any, before: str = "") -> list[str]:
    """Return the dotted names of all that a module of the stand-in has."""
    found = []
    for name, value in vars(space).items():
        if name.startswith("_") or name == "stands_in":
            continue
        found.append(before + name)
        if isinstance(value, ModuleType | SimpleNamespace):
            found += names_in(value, f"{before}{name}.")
    return found


def test_all_names_are_real(real: Any) -> None:
    for name in names_in(standin.module()):
        found = real
        for part in name.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                pytest.fail(f"cupy has no {name}")
            except ImportError:
                break  # it is there, but its library is not installed


@pytest.mark.parametrize("place", ["", "linalg"])
def test_functions_take_what_the_real_ones_take(real: Any, place: str) -> None:
    table = functions.LINALG if place else functions.FUNCTIONS
    compared = 0
    for name, function in table.items():
        mine, theirs = parameters(function), parameters(getattr(getattr(real, place, real), name))
        if theirs is not None:
            assert mine is not None
            assert [n for n, _ in mine] == [n for n, _ in theirs], name
            for (n, a), (_, b) in zip(mine, theirs, strict=True):
                assert a is b or a == b, f"{name}: the default of {n} is {b!r}"
            compared += 1
    assert compared == len(table)


def test_methods_take_what_the_real_ones_take(real: Any) -> None:
    for name, text in (METHODS | IN_PLACE).items():
        said = (getattr(real.ndarray, name).__doc__ or "").split("\n")[0]
        match = re.match(r"\w+\.\w+\(self,? ?(.*?)\)( ->.*)?$", said)
        if match is not None:
            # "Py_ssize_t axis1" is how the real one writes a whole number.
            theirs = re.sub(r"\b(Py_ssize_t|int|_ndarray_base) ", "", match[1])
            assert theirs == text, name


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (streams.Stream, "cuda.Stream"),
        (streams.Event, "cuda.Event"),
        (streams.Graph, "cuda.Graph"),
        (memory.MemoryPointer, "cuda.MemoryPointer"),
        (memory.MemoryPool, "cuda.MemoryPool"),
        (memory.UnownedMemory, "cuda.UnownedMemory"),
        (ndarray, "ndarray"),
    ],
)
def test_classes_have_what_the_real_ones_have(real: Any, mine: type, theirs: str) -> None:
    found = real
    for part in theirs.split("."):
        found = getattr(found, part)
    own = {"settle", "later", "finish", "adopt"}  # the stand-in's inside
    for name, member in vars(mine).items():
        if name.startswith("_") or name in own:
            continue
        assert hasattr(found, name), f"{theirs} has no {name}"
        wanted = parameters(getattr(found, name)) if inspect.isfunction(member) else None
        if wanted is not None and not any(n in ("args", "kwargs") for n, _ in wanted):
            given = parameters(member) or []
            assert [n for n, _ in given] == [n for n, _ in wanted], f"{theirs}.{name}"


def test_ufuncs_are_the_real_ones(real: Any) -> None:
    for name, function in UFUNCS.items():
        found = getattr(real, name)
        if name != "matmul":
            assert type(found).__name__ == "ufunc", name
            assert (found.nin, found.nout) == (function.nin, function.nout)
        # Loops of the types that the engine has, but those that both reach by a cast.
        kinds = set("?bhilefdBHIL->")
        wanted = {t for t in getattr(found, "types", ()) if set(t) <= kinds and t[0] in "efd"}
        assert wanted <= set(function.types), name


# What is refused


def test_no_conversion_by_accident(traffic: Traffic) -> None:
    cupy = standin.module()
    x = cupy.arange(3)
    with pytest.raises(TypeError, match="Implicit conversion"):
        x.__array__()
    for function in (lambda: x + np.arange(3), lambda: cupy.add(x, [1, 2, 3])):
        with pytest.raises(TypeError, match="Unsupported type"):
            function()
    for function in (lambda: cupy.sum(np.arange(3)), lambda: cupy.concatenate([np.arange(3)])):
        with pytest.raises(TypeError, match="Unsupported type"):
            function()
    with pytest.raises(ValueError, match="non-scalar"):
        x[:] = np.arange(3)
    with pytest.raises(TypeError):
        cupy.empty(x[0])
    assert (traffic.to_device, traffic.to_host) == (0, 0)


def test_what_copies_is_counted(traffic: Traffic) -> None:
    cupy = standin.module()
    x = cupy.array(np.arange(4.0))
    assert traffic.to_device == 1
    down = [
        lambda: float(x[0]), lambda: bool(x[0] > 1), x.tolist, x[1].item,
        x.get, lambda: cupy.asnumpy(x), lambda: str(x), lambda: x[x > 1],
        lambda: cupy.unique(x), lambda: cupy.flatnonzero(x), lambda: cupy.where(x > 0),
    ]  # fmt: skip
    for number, function in enumerate(down, 1):
        function()
        assert traffic.to_host == number
    x[np.array([1, 2])]
    assert traffic.to_device == 2
    x[x > 1] = 0
    x[[0, 2]] = 1.0
    assert (traffic.to_device, traffic.to_host) == (3, len(down))


def test_what_the_real_one_cannot_do(traffic: Traffic) -> None:
    cupy = standin.module()
    x = cupy.ones((2, 3), np.float32)
    with pytest.raises(NotImplementedError, match="reduce"):
        cupy.maximum.reduce(x)
    with pytest.raises(TypeError, match="Wrong arguments"):
        cupy.add(x, x, where=x > 0)
    with pytest.raises(TypeError):
        x.max(initial=0)
    with pytest.raises(TypeError, match=r"add\.at"):
        cupy.add.at(cupy.zeros(3, np.int8), cupy.array([0]), 1)
    with pytest.raises(NotImplementedError):
        cupy.multiply.at(x, cupy.array([0]), x[0])
    with pytest.raises(TypeError, match="Did not understand"):
        cupy.einsum("ij->i", x, out=cupy.empty(2, np.float32))
    # A place outside is another one, not an error.
    assert cupy.arange(3)[cupy.array([4, -4])].tolist() == [1, 2]


# Streams


def test_a_captured_stream_does_nothing_until_it_is_launched(traffic: Traffic) -> None:
    cupy = standin.module()
    stream = cupy.cuda.Stream()
    with stream:
        x, total = cupy.ones(3), cupy.zeros(3)
        stream.begin_capture()
        y = x * 2
        cupy.add(total, y, out=total)
        total[0] += 10
        for function in (x.get, stream.synchronize, lambda: cupy.flatnonzero(x)):
            with pytest.raises(streams.CUDARuntimeError, match="CaptureUnsupported"):
                function()
        with pytest.raises(NotImplementedError, match="cuBLAS"):
            cupy.matmul(x, x)
        graph = stream.end_capture()
        assert total.tolist() == [0, 0, 0]
        graph.launch()
        x += 1
        graph.launch()
        assert total.tolist() == [26, 6, 6]


def test_a_copy_happens_when_something_waits_for_it(traffic: Traffic) -> None:
    cupy = standin.module()
    one, other = cupy.cuda.Stream(non_blocking=True), cupy.cuda.Stream(non_blocking=True)
    memory_there = cupy.zeros(4, np.uint8)
    pinned = cupy.cuda.alloc_pinned_memory(4)
    host = np.frombuffer(pinned, np.uint8, 4)
    host[:] = 7
    memory_there.data.copy_from_host_async(pinned.ptr, 4, one)
    with other:
        assert memory_there.tolist() == [0] * 4
        event = one.record()
        assert not event.done
        other.wait_event(event)
        assert event.done
        assert memory_there.tolist() == [7] * 4


def test_a_session_on_the_stand_in(traffic: Traffic) -> None:
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(backend="cupy")) as session:
        x = tf.placeholder(tf.float32, (None, 2))
        y = tf.reduce_sum(tf.matmul(x, tf.ones((2, 3))), 0)
        assert session.run(y, {x: [[1, 2], [3, 4]]}).tolist() == [10, 10, 10]
    assert (traffic.to_device, traffic.to_host) != (0, 0)
