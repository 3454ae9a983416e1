"""The import direction of both packages, and NumPy's place in the engine.

Read as text, without importing anything: `ast` sees every import of a file, those inside functions
too. Only imports under ``if TYPE_CHECKING:`` do not count, for they never run.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]

# From the foundation upwards. A file may import from its own layer and from those before it. Where
# two names fit a module, the longer one decides.
TENSORGRAPH = {
    "base": ["tensorgraph.base"],
    "graph": ["tensorgraph.graph"],
    "ops": ["tensorgraph.ops"],
    "autodiff": ["tensorgraph.autodiff"],
    # Operations whose gradients walk graphs backwards, so that they come after what does that.
    "control": ["tensorgraph.control"],
    "passes": ["tensorgraph.passes"],
    "backends": ["tensorgraph.backends"],
    "runtime": ["tensorgraph.runtime"],
    "library": [
        "tensorgraph.nn",
        "tensorgraph.math",
        "tensorgraph.linalg",
        "tensorgraph.random",
        "tensorgraph.image",
        "tensorgraph.layers",
        "tensorgraph.losses",
        "tensorgraph.metrics",
        "tensorgraph.contrib",
        "tensorgraph.rnn",
        "tensorgraph.initializers",
        "tensorgraph.scopes",
        "tensorgraph.shared_variables",
        "tensorgraph.train",
        "tensorgraph.data",
        "tensorgraph.examples",
        "tensorgraph.summary",
        "tensorgraph.app",
        "tensorgraph.behavior",
        "tensorgraph.flags",
        "tensorgraph.logging",
        "tensorgraph.python",
    ],
    "tools": ["tensorgraph.pages", "tensorgraph.viz", "tensorgraph.testing"],
}
DSL = {
    "diagnostics": ["dsl.diagnostics", "dsl.codes", "dsl.words", "dsl.reading"],
    "grammar": ["dsl.grammar"],
    "syntax": ["dsl.syntax", "dsl.tree"],
    "layers": ["dsl.layers"],
    "checker": [
        "dsl.network",
        "dsl.losses",
        "dsl.metrics",
        "dsl.optimizers",
        "dsl.overrides",
        "dsl.settings",
        "dsl.steps",
        "dsl.schedules",
        "dsl.checker",
        "dsl.loading",
    ],
    "compiler": ["dsl.summary", "dsl.slide", "dsl.compiler"],
    "formatter": ["dsl.formatter", "dsl.reference"],
    "pages": ["dsl.pages", "dsl.drawing"],
    "training": ["dsl.training"],
    "around": ["dsl.tuning", "dsl.foreign", "dsl.report", "dsl.looking", "dsl.bench"],
    "cli": ["dsl.cli"],
}

# Arrays are computed with by backends alone: a kernel is handed the array module of its backend,
# so that the same definition runs on NumPy and on CuPy. What the other layers may take from NumPy
# says what an array on the host is, or looks at one; it makes no new numbers.
NUMPY_FOR_THE_HOST = {
    # Types, for annotations, dtype tables and isinstance.
    *("ndarray", "generic", "number", "integer", "floating", "inexact", "dtype", "typing"),
    *("bool_", "str_", "object_", "unsignedinteger", "signedinteger", "complexfloating"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "intp", "complex64", "complex128", "ufunc"),
    # Limits and promotion of dtypes: tables, not arithmetic.
    *("finfo", "iinfo", "can_cast", "result_type", "promote_types", "issubdtype"),
    # What a user hands over (a list, a scalar) as an array, and a look at its shape and place.
    *("array", "asarray", "ascontiguousarray", "shape", "ndim", "isscalar", "shares_memory"),
    # A user's argument put into form, and plain arrays to start from: constants, samples for tests.
    *("atleast_1d", "concatenate", "broadcast_shapes"),
    *("empty", "zeros", "ones", "full", "arange", "eye"),
    # How NumPy prints and reports.
    *("errstate", "array2string", "printoptions"),
    # Constants.
    *("newaxis", "inf", "nan", "pi", "e", "__version__"),
}
# Backends compute. `data` is the host's work before a graph is fed; the tools check the engine and
# must not share its arithmetic.
NUMPY_FREELY = (
    "tensorgraph.backends",
    "tensorgraph.data",
    "tensorgraph.examples",
    "tensorgraph.viz",
    "tensorgraph.testing",
)

Layers = Mapping[str, Sequence[str]]


class Import(NamedTuple):
    """One imported name: ``from module import name``, or ``import module`` with no name."""

    line: int
    module: str
    name: str | None


def modules_of(package: Path) -> dict[str, Path]:
    """Return every module of a package by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def is_type_checking(test: ast.expr) -> bool:
    return "TYPE_CHECKING" in (getattr(test, "id", None), getattr(test, "attr", None))


def running_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree without the parts that only a type checker reads."""
    yield node
    children: list[ast.AST] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.If) and is_type_checking(node.test):
        children = list(node.orelse)
    for child in children:
        yield from running_nodes(child)


def imports_of(module: str, path: Path) -> Iterator[Import]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in running_nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, None)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                parents = package.split(".")
                base = parents[: len(parents) - node.level + 1]
                source = ".".join([*base, source] if source else base)
            for alias in node.names:
                yield Import(node.lineno, source, alias.name)


def target_of(found: Import, modules: Mapping[str, Path]) -> str:
    """Return the module that an import reads: ``from p import m`` reads p.m where that is one."""
    longer = f"{found.module}.{found.name}"
    return longer if longer in modules else found.module


def layer_of(module: str, layers: Layers) -> str | None:
    fitting = [
        (len(prefix), layer)
        for layer, prefixes in layers.items()
        for prefix in prefixes
        if module == prefix or module.startswith(f"{prefix}.")
    ]
    return max(fitting)[1] if fitting else None


def layering_faults(package: Path, layers: Layers) -> list[str]:
    """Return what is wrong with the imports inside a package, a line each."""
    modules = modules_of(package)
    order = list(layers)
    faults = []
    for module, path in modules.items():
        if module == package.name:
            continue  # the package's root names what users see, from every layer
        layer = layer_of(module, layers)
        if layer is None:
            faults.append(f"{path}: belongs to no layer; name it in {Path(__file__).name}")
            continue
        for found in imports_of(module, path):
            target = target_of(found, modules)
            where = f"{path}:{found.line}"
            if target == package.name:
                faults.append(f"{where}: imports from the package's root {target!r}")
                continue
            other = layer_of(target, layers)
            if other is not None and order.index(other) > order.index(layer):
                faults.append(f"{where}: {layer} imports {target}, which is of {other}")
    return faults


def cycle_in(package: Path) -> list[str]:
    """Return modules of a package that import each other in a circle, empty where none do."""
    modules = modules_of(package)
    graph = {
        module: {target_of(found, modules) for found in imports_of(module, path)} - {module}
        for module, path in modules.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def foreign_imports(package: Path, forbidden: str) -> list[str]:
    """Return every import of the package `forbidden` inside another."""
    return [
        f"{path}:{found.line}: imports {found.module}"
        for module, path in modules_of(package).items()
        for found in imports_of(module, path)
        if found.module.split(".")[0] == forbidden
    ]


def numpy_uses(module: str, path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and name of everything a module takes from NumPy."""
    aliases = set()
    for found in imports_of(module, path):
        if found.module.split(".")[0] != "numpy":
            continue
        inside = found.module.split(".")[1:] + ([found.name] if found.name else [])
        if inside:
            yield found.line, inside[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {a.asname or "numpy" for a in node.names if a.name == "numpy"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in aliases:
            yield node.lineno, node.attr


def numpy_faults(package: Path) -> list[str]:
    """Return where a module outside the backends computes with NumPy."""
    return [
        f"{path}:{line}: numpy.{name} outside the backends"
        for module, path in modules_of(package).items()
        if not f"{module}.".startswith(tuple(f"{free}." for free in NUMPY_FREELY))
        for line, name in numpy_uses(module, path)
        if name not in NUMPY_FOR_THE_HOST
    ]


@pytest.mark.parametrize(("package", "layers"), [("tensorgraph", TENSORGRAPH), ("dsl", DSL)])
def test_imports_go_one_way(package: str, layers: Layers) -> None:
    faults = layering_faults(ROOT / package, layers)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("package", ["tensorgraph", "dsl"])
def test_no_files_import_each_other(package: str) -> None:
    circle = cycle_in(ROOT / package)
    assert not circle, " → ".join(circle)


def test_the_engine_does_not_know_the_language() -> None:
    faults = foreign_imports(ROOT / "tensorgraph", "dsl")
    assert not faults, "\n".join(faults)


def test_only_backends_compute_with_numpy() -> None:
    faults = numpy_faults(ROOT / "tensorgraph")
    assert not faults, "\n".join(faults)


# The tests above are only worth what they find: the ones below plant what they must find.

LOW_AND_HIGH = {"low": ["pack.low"], "high": ["pack.high"]}


def plant(folder: Path, **files: str) -> Path:
    package = folder / "pack"
    package.mkdir()
    for name, text in {"__init__": "", **files}.items():
        package.joinpath(f"{name}.py").write_text(text, encoding="utf-8")
    return package


@pytest.mark.parametrize(
    ("low", "what"),
    [
        ("import pack.high", "low imports pack.high"),
        ("from pack import high", "low imports pack.high"),
        ("from .high import f", "low imports pack.high"),
        ("from . import high", "low imports pack.high"),
        ("def f():\n    from pack.high import g", ":2: low imports pack.high"),
        ("import pack", "root"),
        ("from pack import something", "root"),
    ],
)
def test_a_planted_import_is_found(tmp_path: Path, low: str, what: str) -> None:
    package = plant(tmp_path, low=low, high="")
    (fault,) = layering_faults(package, LOW_AND_HIGH)
    assert what in fault


@pytest.mark.parametrize(
    "high",
    [
        "from pack.low import f",
        "import numpy as np",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pack",
        "import typing\nif typing.TYPE_CHECKING:\n    import pack\nelse:\n    import pack.low",
    ],
)
def test_what_is_allowed_is_not_reported(tmp_path: Path, high: str) -> None:
    assert not layering_faults(plant(tmp_path, low="", high=high), LOW_AND_HIGH)


def test_a_file_of_no_layer_is_found(tmp_path: Path) -> None:
    (fault,) = layering_faults(plant(tmp_path, middle=""), LOW_AND_HIGH)
    assert "middle.py: belongs to no layer" in fault


def test_a_circle_is_found(tmp_path: Path) -> None:
    package = plant(
        tmp_path,
        low="def f():\n    from pack.low2 import g",
        low2="import pack.low3",
        low3="from pack import low",
        high="import pack.low",
    )
    assert set(cycle_in(package)) == {"pack.low", "pack.low2", "pack.low3"}


@pytest.mark.parametrize(
    "text",
    [
        "import numpy as np\nnp.dot(1, 2)",
        "import numpy\nnumpy.linalg.inv(1)",
        "def f(x):\n    import numpy as n\n    return n.exp(x)",
        "from numpy import exp",
        "from numpy.random import default_rng",
        "import numpy.linalg",
    ],
)
def test_planted_arithmetic_is_found(tmp_path: Path, text: str) -> None:
    assert len(numpy_faults(plant(tmp_path, low=text))) == 1


def test_host_uses_of_numpy_are_not_reported(tmp_path: Path) -> None:
    text = "import numpy as np\nimport numpy.typing as npt\ndef f(x: np.ndarray): np.asarray(x)"
    assert not numpy_faults(plant(tmp_path, low=text))
