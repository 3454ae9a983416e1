"""Matrix products as the BLAS does them fastest: in slabs, and shared between workers."""

from __future__ import annotations

from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.shares import Block

# A BLAS copies its inputs into an order of its own, unless the product is small. From tall and thin
# matrices that takes longer than it saves.
SMALL_PRODUCT = 10**6
# Adding up takes longer than what slabs of fewer rows save.
WORTHWHILE_SLAB = 96
# Products of fewer multiplications are the BLAS's own: its threads wait in a loop, and are at work
# before one of ours has woken up.
SHARED_PRODUCT = 1 << 24


def product(xp: Any, a: Any, b: Any, out: Any) -> None:
    """Write ``a @ b``, in slabs of rows that the BLAS multiplies as they are.

    A product of at most `SMALL_PRODUCT` multiplications is not copied first, which for 288 columns
    and 64 results is worth a quarter of the time. The slabs are whole eights of rows, for that is
    how the BLAS takes them.

    Parameters
    ----------
    xp : module
        The array module.
    a, b : array (m, k), (k, n)
        The matrices. A transpose in place of `b` is multiplied in one piece.
    out : array (m, n)
        Where to write; its rows may lie apart.
    """
    rows, inner = a.shape
    slab = SMALL_PRODUCT // max(inner * b.shape[1], 1) // 8 * 8
    count = rows // slab if slab and b.flags.c_contiguous else 0
    if count:
        xp.matmul(_slabs(xp, a, count, slab), b, out=_slabs(xp, out, count, slab))
    if count * slab < rows:
        xp.matmul(a[count * slab :], b, out=out[count * slab :])


def product_over_rows(block: Block, a: Any, b: Any, out: Any) -> None:
    """Write ``a.T @ b`` for two tall matrices, as the sum of such products of slabs of rows.

    Parameters
    ----------
    block : Block
        Whose scratch memory holds what is added up.
    a, b : array (rows, m), (rows, n)
        The matrices.
    out : array (m, n)
        Where to write.
    """
    xp, slab = block.k.xp, SMALL_PRODUCT // max(out.size, 1) // 8 * 8
    count = len(a) // slab if slab >= WORTHWHILE_SLAB else 0
    if count < 2:
        xp.matmul(a.T, b, out=out)
        return
    parts = block.scratch("slabs", (count + 1, *out.shape), out.dtype)
    left, right = (_slabs(xp, matrix, count, slab) for matrix in (a, b))
    xp.matmul(left.swapaxes(1, 2), right, out=parts[:count])
    xp.matmul(a[count * slab :].T, b[count * slab :], out=parts[count])
    xp.add.reduce(parts, 0, out=out)


def _slabs(xp: Any, matrix: Any, count: int, rows: int) -> Any:
    """Return a view (count, rows, columns) of a matrix's first rows."""
    step, item = matrix.strides
    return xp.lib.stride_tricks.as_strided(
        matrix, (count, rows, matrix.shape[1]), (step * rows, step, item)
    )


def shared_product(k: KernelContext, a: Any, b: Any, out: Any) -> None:
    """Write ``a @ b`` for two matrices; the workers share the longer side of the result."""
    rows, columns = out.shape
    work = rows * columns * a.shape[1]
    if work < SHARED_PRODUCT:
        k.xp.matmul(a, b, out=out)
        return
    workers = min(k.backend.workers, max(rows, columns))

    def share(worker: int) -> None:
        longer = max(rows, columns)
        part = slice(worker * longer // workers, (worker + 1) * longer // workers)
        if rows >= columns:
            product(k.xp, a[part], b, out[part])
        else:
            k.xp.matmul(a, b[:, part], out=out[:, part])

    k.backend.spread(workers, share)
