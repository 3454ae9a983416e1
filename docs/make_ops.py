"""Write `docs/ops.md`: the registry of operations as tables, a line for each.

    python docs/make_ops.py

Needs hypothesis, as the sweeps do: ``pip install -e '.[testing]'``. A test fails where the page is
not what this writes.
"""

from __future__ import annotations

import ast
import inspect
import random
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import tensorgraph as tf
from tensorgraph.graph.opdef import Domain, OpDef, Sample, registered
from tensorgraph.testing.strategies import SIZES, HypothesisDraw

PAGE = Path(__file__).resolve().parent / "ops.md"

HEAD = """\
# The operations

<!-- Written by `python docs/make_ops.py` from the registry: change the ops, not this page. -->

Every operation that a graph can hold, by the module that defines it. Names of operations are
TensorFlow's where it has them.

- **in TensorFlow**: the functions that make the operation, and the least besides, found in their
  code; – where only gradients need it, or other operations.
- **gradient**: **2** where tests compare first and second derivatives with central differences, on
  shapes and values drawn by hypothesis; **own tests** where there is a gradient, but inputs that
  cannot be drawn so (variables, lists, bodies of branches and loops); **0** where the operation
  cuts the gradient; – where it has no input to differentiate by.
- **domain**: where those tests draw the values of floating-point inputs; a margin around kinks and
  poles is left out. "distinct" values are far enough apart that a maximum is unique.
- **tested on**: the backends on which all operations with samples are run by the sweeps of
  `tests/tensorgraph/test_registry_sweep.py`, or which their own tests use.
"""

# What the sweeps run kernels on. A backend belongs here when `tests/` runs them on it.
BACKENDS = "NumPy"

# Where users find names; a thing that is in several is called by its name in the first.
NAMESPACES = {
    "tf": tf,
    **{
        f"tf.{name}": getattr(tf, name)
        for name in (
            *("nn", "math", "linalg", "random", "image", "layers", "losses", "metrics", "train"),
            *("data", "summary", "initializers"),
        )
    },
}

# What makes ops of any type, or by itself, whatever the user calls.
MACHINERY = tuple(
    f"tensorgraph.{part}"
    for part in ("graph.graph", "graph.body", "passes.", "runtime.", "autodiff.")
)

DRAWS = 40  # samples of each op, in search of all its domains


class SeededDraw(HypothesisDraw):
    """The choices of a sample, the same in each run of this program; see `Draw`."""

    def __init__(self, seed: int) -> None:
        super().__init__(lambda strategy: None)
        self._random = random.Random(seed)

    def integer(self, low: int, high: int) -> int:
        """Return an integer of ``[low, high]``."""
        return self._random.randint(low, high)

    def choice(self, options: Sequence[Any]) -> Any:
        """Return one of the options."""
        return options[self.integer(0, len(options) - 1)]

    def boolean(self) -> bool:
        """Return False or True."""
        return self._random.random() < 0.5

    def size(self, low: int = 0) -> int:
        """Return a small size; 0 and 1 come often."""
        size: int = self.choice([n for n in SIZES if n >= low])
        return size


# Which functions make an op


def mentioned(node: ast.AST) -> Iterator[str]:
    """Yield the strings in code, as far as they may say which op is made."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        elif not is_no_use(child):
            yield from mentioned(child)


def is_no_use(node: ast.AST) -> bool:
    """Return whether code only has an op type's name for a name, a default or a comparison."""
    if isinstance(node, ast.Call):
        return getattr(node.func, "attr", "") == "name_scope"
    if isinstance(node, ast.keyword):
        return node.arg == "name"
    return isinstance(node, ast.arguments | ast.BoolOp | ast.Compare)


@cache
def definitions(module: str) -> dict[str, ast.AST]:
    """Return the functions and classes of a module's source by name."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    kinds = ast.FunctionDef | ast.ClassDef
    return {node.name: node for node in tree.body if isinstance(node, kinds)}


def definition_of(thing: Any) -> ast.AST | None:
    """Return the source of a function or class that may stand for an op; None of others."""
    module = getattr(thing, "__module__", None) or ""
    if not module.startswith("tensorgraph.") or module.startswith(MACHINERY):
        return None
    if not hasattr(thing, "__name__"):
        return None
    return definitions(module).get(thing.__name__)


def used_by(thing: Any) -> Iterator[Any]:
    """Yield what a function or class of this package refers to, by name or in a module."""
    node = definition_of(thing)
    scope = vars(sys.modules[thing.__module__])
    for part in ast.walk(node) if node else ():
        if isinstance(part, ast.Name):
            yield scope.get(part.id)
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            module = scope.get(part.value.id)
            if inspect.ismodule(module):
                yield getattr(module, part.attr, None)


def made_by(thing: Any, seen: set[int]) -> set[str]:
    """Return the op types that a function makes by itself, or by helpers that no user calls."""
    node = definition_of(thing)
    if node is None or id(thing) in seen:
        return set()
    seen.add(id(thing))
    types = set(mentioned(node)) & set(registered())
    for other in used_by(thing):
        if inspect.isclass(other) and issubclass(other, OpDef):
            types.add(getattr(other, "type", ""))
        elif id(other) not in public():
            types |= made_by(other, seen)
    return types & set(registered())


@cache
def public() -> dict[int, tuple[Any, list[str]]]:
    """Return the functions and classes that users call, each with its names, by identity."""
    found: dict[int, tuple[Any, list[str]]] = {}
    for prefix, space in NAMESPACES.items():
        for name in exported(space):
            thing = getattr(space, name)
            if not inspect.isfunction(thing) and not inspect.isclass(thing):
                continue
            names = found.setdefault(id(thing), (thing, []))[1]
            # A name in an earlier place is the one that people know.
            if not names or names[0].rpartition(".")[0] == prefix:
                names.append(f"{prefix}.{name}")
    return found


def exported(space: ModuleType) -> Sequence[str]:
    """Return the names that users may take from a module."""
    names: Sequence[str] = getattr(space, "__all__", None) or [
        name for name in vars(space) if not name.startswith("_")
    ]
    return sorted(names)


@cache
def makers() -> dict[str, list[str]]:
    """Return for each op type the names of what makes it, and the least besides."""
    found: dict[str, list[tuple[bool, int, list[str]]]] = {}
    for thing, names in public().values():
        types = made_by(thing, set())
        for op_type in types:
            # What stands in the op's own module is there for it.
            elsewhere = thing.__module__ != type(registered()[op_type]).__module__
            found.setdefault(op_type, []).append((elsewhere, len(types), names))
    result = {}
    for op_type, entries in found.items():
        best = min(entry[:2] for entry in entries)
        result[op_type] = sorted(
            n for *rank, names in entries if tuple(rank) == best for n in names
        )
    return result


# The columns of a table


def samples(definition: OpDef) -> list[Sample]:
    """Return random uses of an op, none where it cannot be drawn."""
    drawn = (definition.sample(SeededDraw(seed)) for seed in range(DRAWS))
    return [sample for sample in drawn if sample is not None]


def gradient(definition: OpDef, uses: Sequence[Sample]) -> str:
    """Return the cell on the gradient."""
    if not definition.differentiable:
        return "0"
    if type(definition).gradient is OpDef.gradient:
        return "–"
    return "2" if uses else "own tests"


def number(value: float) -> str:
    """Return a number with a true minus sign."""
    return f"{value:g}".replace("-", "−")


def interval(domain: Domain) -> str:
    """Return a domain in words."""
    if domain.distinct:
        return "distinct"
    text = f"{number(domain.low)}…{number(domain.high)}"
    places = [number(place) for place in domain.avoid if domain.low <= place <= domain.high]
    return f"{text} without {', '.join(places)}" if places else text


def domains(uses: Sequence[Sample]) -> str:
    """Return the domains of all floating-point inputs that are drawn, without repetition."""
    inputs = [i for use in uses for i in use.inputs if i.value is None]
    floating = [i.domain for i in inputs if i.dtype is None or i.dtype.is_floating]
    return "; ".join(dict.fromkeys(interval(domain) for domain in floating)) or "–"


def cell(text: str) -> str:
    """Return text as a table of Markdown holds it."""
    return text.replace("``", "`").replace("|", "\\|")


def summary(thing: Any) -> str:
    """Return the first sentence of a docstring, on one line."""
    paragraph = (inspect.getdoc(thing) or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def row(definition: OpDef) -> str:
    """Return the line of an op."""
    uses = samples(definition)
    names = ", ".join(f"`{name}`" for name in makers().get(definition.type, [])) or "–"
    columns = [
        f"`{definition.type}`",
        cell(summary(type(definition))),
        names,
        gradient(definition, uses),
        domains(uses),
        BACKENDS,
    ]
    return f"| {' | '.join(columns)} |"


def page() -> str:
    """Return the text of the page."""
    families: dict[str, list[OpDef]] = {}
    for definition in registered().values():
        families.setdefault(type(definition).__module__, []).append(definition)
    tables = []
    proven = 0
    for module in sorted(families):
        rows = [row(d) for d in sorted(families[module], key=lambda d: d.type)]
        proven += sum(" | 2 | " in line for line in rows)
        path = module.replace(".", "/")
        tables.append(
            f"## [`{path}.py`](../{path}.py)\n\n{summary(sys.modules[module])}\n\n"
            "| op | what it is | in TensorFlow | gradient | domain | tested on |\n"
            "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(rows)
        )
    total = (
        f"{len(registered())} operations, {proven} of them with gradients proven to second order."
    )
    return f"{HEAD}\n{total}\n\n" + "\n\n".join(tables) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
