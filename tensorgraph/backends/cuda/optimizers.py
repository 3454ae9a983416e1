"""Updates of variables: all of one optimizer in one launch, each number read and written once.

A launch is given a table of where variables, slots and gradients are, by value: it needs no copy
to the device, and a captured step keeps it. A block updates a piece of one variable.

Where a gradient has some rows only, a block takes one of them. The first of equal rows adds all of
them up, in their order, so that two runs give the same to the last bit; the others do nothing.
Nothing is sorted, and the host need not know how many different rows there are. A row that the
variable does not have is left out: to look would be to wait for the device.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tensorgraph.backends.cuda.program import FLOATS, source
from tensorgraph.backends.cuda.update_rules import RULES, Rule
from tensorgraph.base.backend import Array
from tensorgraph.graph.kernel import KernelContext

# A launch takes 4 KB of arguments, which so many variables fill.
MOST_VARIABLES = 72
# What a block updates, with so many threads.
PIECE, THREADS = 4096, 256
# Of rows: threads that look for equal rows, and add up their columns.
ROW_THREADS = 128

_INDICES = (np.dtype(np.int32), np.dtype(np.int64))

_DENSE = """
struct Table {
    void *places[OWN][MOST];
    int64 sizes[MOST];
    unsigned first[MOST + 1];  // the first block of each variable
    int count;
};
extern "C" __global__ void update(const Table table, int nesterov SETTINGS) {
    int low = 0;
    for (int high = table.count; high - low > 1;) {
        const int middle = (low + high) / 2;
        (table.first[middle] <= blockIdx.x ? low : high) = middle;
    }
    READ_SETTINGS
    POINTERS
    const int64 begin = (int64)(blockIdx.x - table.first[low]) * PIECE;
    const int64 end = min(begin + PIECE, table.sizes[low]);
    for (int64 i = begin + threadIdx.x; i < end; i += blockDim.x) {
        LOAD
        CODE
        STORE
    }
}
"""

_SPARSE = """
extern "C" __global__ void update_rows(
    POINTER_PARAMETERS const I *indices, int64 count, int64 rows, int64 columns, int nesterov
    SETTINGS
) {
    __shared__ unsigned equal[WARPS];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int64 row = indices[blockIdx.x];
    if (row < 0 || row >= rows) return;
    bool earlier = false;
    for (int64 i = threadIdx.x; i < blockIdx.x; i += blockDim.x) earlier |= indices[i] == row;
    if (__syncthreads_or(earlier)) return;
    READ_SETTINGS
    for (int64 start = 0; start < columns; start += blockDim.x) {
        const int64 column = start + threadIdx.x;
        Tc grad = 0;
        for (int64 tile = blockIdx.x; tile < count; tile += blockDim.x) {
            const int64 own = tile + threadIdx.x;
            const unsigned found = __ballot_sync(0xffffffffu, own < count && indices[own] == row);
            if (lane == 0) equal[warp] = found;
            __syncthreads();
            for (int i = 0; i < WARPS; ++i)
                for (unsigned left = equal[i]; left; left &= left - 1) {
                    const int64 other = tile + i * 32 + __ffs((int)left) - 1;
                    if (column < columns) grad += (Tc)grads[other * columns + column];
                }
            __syncthreads();
        }
        if (column >= columns) continue;
        const int64 i = row * columns + column;
        LOAD
        CODE
        STORE
    }
}
"""


def _filled(text: str, rule: Rule) -> str:
    """Return the text of a kernel for a rule."""
    changed = rule.own[:-1]
    words = {
        "READ_SETTINGS": " ".join(f"const Tc {s} = (Tc)*{s}_;" for s in rule.settings),
        "SETTINGS": "".join(f", const T *{s}_" for s in rule.settings),
        "POINTERS": " ".join(
            f"{'const ' * (name == 'grad')}T *{name}s = (T *)table.places[{n}][low];"
            for n, name in enumerate(rule.own)
        ),
        "POINTER_PARAMETERS": "".join(f"T *{name}s, " for name in changed) + "const T *grads,",
        "LOAD": " ".join(f"Tc {name} = (Tc){name}s[i];" for name in changed),
        "CODE": rule.code.strip(),
        "STORE": " ".join(f"{name}s[i] = T({name});" for name in changed),
        "OWN": str(len(rule.own)),
        "MOST": str(MOST_VARIABLES),
        "PIECE": str(PIECE),
        "WARPS": str(ROW_THREADS // 32),
    }
    if "Table" in text:
        words["LOAD"] += " const Tc grad = (Tc)grads[i];"
    for word, replacement in words.items():
        text = text.replace(word, replacement)
    return text


_DENSE_SOURCES = {
    name: source(name, _filled(_DENSE, rule), T=FLOATS) for name, rule in RULES.items()
}
# Adam is not among these: its moments decay in all rows.
_SPARSE_SOURCES = {
    f"Sparse{name}": source(f"Sparse{name}", _filled(_SPARSE, rule), T=FLOATS, I=_INDICES)
    for name, rule in RULES.items()
    if name != "ApplyAdam"
}


@functools.cache
def _table_type(own: int) -> np.dtype[Any]:
    """Return the type of the table, as C lays it out."""
    fields = [
        ("places", np.uint64, (own, MOST_VARIABLES)),
        ("sizes", np.int64, MOST_VARIABLES),
        ("first", np.uint32, MOST_VARIABLES + 1),
        ("count", np.int32),
    ]
    return np.dtype(fields, align=True)


def _update(k: KernelContext, *inputs: Any) -> Any:
    """Compute an operation of the rules: of one variable, or of several."""
    definition, rule = k.op.definition, RULES[k.op.type]
    own = [arg.ref or arg.name == "grad" for arg in definition.inputs]
    several = (len(inputs) - len(own)) // sum(own) + 1
    remaining = iter(inputs)
    given = {
        arg.name: [next(remaining) for _ in range(several if is_own else 1)]
        for arg, is_own in zip(definition.inputs, own, strict=True)
    }
    cells = given["var"]
    arrays = [[cell.read() for cell in given[name]] for name in rule.own[:-1]]
    settings = [given[name][0] for name in rule.settings]
    if not _suit(arrays, settings):
        return definition.kernel(k, *inputs)
    pairs = zip(given["grad"], arrays[0], strict=True)
    arrays.append([_like(k, grad, variable) for grad, variable in pairs])
    launch = _DENSE_SOURCES[k.op.type].load(k.backend, "update", T=arrays[0][0].dtype)
    nesterov = np.int32(bool(k.op.attrs.get("use_nesterov")))
    for table, blocks in _tables(arrays):
        launch((blocks,), (THREADS,), (table, nesterov, *settings))
    return tuple(cells) if several > 1 else cells[0]


def _suit(arrays: Sequence[Sequence[Array]], settings: Sequence[Array]) -> bool:
    """Return whether all lies as the kernels want it: as a rule it does."""
    return all(s.size == 1 for s in settings) and all(
        a.flags.c_contiguous for several in arrays for a in several
    )


def _like(k: KernelContext, grad: Array, variable: Array) -> Array:
    """Return a gradient of the shape of its variable, in one piece."""
    return k.xp.ascontiguousarray(k.xp.broadcast_to(grad, variable.shape))


def _tables(arrays: Sequence[Sequence[Array]]) -> Iterator[tuple[Any, int]]:
    """Yield the table of each launch, and how many blocks it takes."""
    present = [i for i, variable in enumerate(arrays[0]) if variable.size]
    for start in range(0, len(present), MOST_VARIABLES):
        part = present[start : start + MOST_VARIABLES]
        sizes = [arrays[0][i].size for i in part]
        ends = np.cumsum([-(-size // PIECE) for size in sizes])
        # An array of one element is passed by value.
        table = np.zeros(1, _table_type(len(arrays)))
        for places, several in zip(table["places"][0], arrays, strict=True):
            places[: len(part)] = [several[i].data.ptr for i in part]
        table["sizes"][0, : len(part)] = sizes
        table["first"][0, 1 : len(part) + 1] = ends
        table["count"] = len(part)
        yield table, int(ends[-1])


def _update_rows(k: KernelContext, *inputs: Any) -> Any:
    """Compute an operation of the rules for the rows that have a gradient."""
    definition, rule = k.op.definition, RULES[k.op.type.removeprefix("Sparse")]
    given = dict(zip((arg.name for arg in definition.inputs), inputs, strict=True))
    arrays = [[given[name].read()] for name in rule.own[:-1]]
    settings = [given[name] for name in rule.settings]
    if not _suit(arrays, settings):
        return definition.kernel(k, *inputs)
    variable = arrays[0][0]
    indices, grad = (k.xp.ascontiguousarray(given[name]) for name in ("indices", "grad"))
    if variable.size and indices.size:
        sources = _SPARSE_SOURCES[k.op.type]
        launch = sources.load(k.backend, "update_rows", T=variable.dtype, I=indices.dtype)
        counts = (indices.size, len(variable), variable.size // len(variable))
        nesterov = np.int32(bool(k.op.attrs.get("use_nesterov")))
        slots = [array for several in arrays for array in several]
        args = (*slots, grad, indices, *map(np.int64, counts), nesterov, *settings)
        launch((indices.size,), (ROW_THREADS,), args)
    return inputs[0]


KERNELS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(_DENSE_SOURCES, _update),
    **dict.fromkeys(_SPARSE_SOURCES, _update_rows),
}
