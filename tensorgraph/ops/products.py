"""Matrix products as the BLAS does them fastest: in slabs, and shared between workers."""

from __future__ import annotations

import functools
from typing import Any

from tensorgraph.graph.opdef import KernelContext
from tensorgraph.ops.shares import Block

# A BLAS copies its inputs into an order of its own. From tall and thin matrices that takes longer
# than it saves, and these kernels of OpenBLAS do not, if the product is small.
WITHOUT_COPIES = ("skylakex", "cooperlake", "sapphirerapids")
SMALL_PRODUCT = 10**6
# A matrix of at most so many columns is thin: slabs of it are fast, however few rows they have.
THIN = 64
# Of wider matrices, and where slabs are added up, fewer rows cost more than they save.
WORTHWHILE_SLAB = 96
# Parts of a matrix have at least so many columns.
LEAST_COLUMNS = 16
# Products of fewer multiplications are the BLAS's own: its threads wait in a loop, and are at work
# before one of ours has woken up.
SHARED_PRODUCT = 1 << 24

# While it computes a product of fewer results, NumPy's matmul lets no other thread run.
FEW_RESULTS = 512


def inner_product(xp: Any, a: Any, b: Any, out: Any) -> None:
    """Write ``a @ b``: what may be few results of large matrices, or of a vector and a matrix.

    Parameters
    ----------
    xp : module
        The array module.
    a, b : array (m, k) or (k,), (k, n)
        What is multiplied.
    out : array (m, n) or (n,)
        Where to write.
    """
    if out.size < FEW_RESULTS and out.flags.c_contiguous:
        xp.dot(a, b, out=out)
    else:
        xp.matmul(a, b, out=out)


@functools.cache
def small_product() -> int:
    """Return up to how many multiplications the BLAS copies nothing; 0 if it always does."""
    # Imported here: only large work needs it.
    from threadpoolctl import threadpool_info

    kernels = [str(library.get("architecture")).lower() for library in threadpool_info()]
    return SMALL_PRODUCT if any(name in kernels for name in WITHOUT_COPIES) else 0


def product(xp: Any, a: Any, b: Any, out: Any) -> None:
    """Write ``a @ b`` for a thin matrix `b`, in slabs of rows that the BLAS multiplies as they are.

    A product of at most `small_product` multiplications is not copied first, which for 288 columns
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
    slab = small_product() // max(inner * b.shape[1], 1) // 8 * 8
    worthwhile = slab >= (WORTHWHILE_SLAB if b.shape[1] > THIN else 8)
    count = rows // slab if worthwhile and b.flags.c_contiguous else 0
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
    xp, slab = block.k.xp, small_product() // max(out.size, 1) // 8 * 8
    count = len(a) // slab if slab >= WORTHWHILE_SLAB else 0
    if count < 2:
        inner_product(xp, a.T, b, out)
        return
    parts = block.scratch("slabs", (count + 1, *out.shape), out.dtype)
    left, right = (_slabs(xp, matrix, count, slab) for matrix in (a, b))
    xp.matmul(left.swapaxes(1, 2), right, out=parts[:count])
    inner_product(xp, a[count * slab :].T, b[count * slab :], parts[count])
    xp.add.reduce(parts, 0, out=out)


def product_over_columns(xp: Any, a: Any, b: Any, out: Any) -> None:
    """Write ``a @ b`` for a wide matrix `b`, in slabs of columns: see `product`.

    Parameters
    ----------
    xp : module
        The array module.
    a, b : array (m, k), (k, n)
        The matrices.
    out : array (m, n)
        Where to write.
    """
    columns, slab = b.shape[1], small_product() // max(a.size, 1) // 8 * 8
    count = columns // slab if slab else 0
    if count > 1:
        xp.matmul(a, _column_slabs(xp, b, count, slab), out=_column_slabs(xp, out, count, slab))
    else:
        count = 0
    if count * slab < columns:
        xp.matmul(a, b[:, count * slab :], out=out[:, count * slab :])


def in_column_parts(k: KernelContext, name: str, matrix: Any, rows: int) -> Any:
    """Return a matrix as parts of its columns, such that products with so many rows are small.

    For a matrix that many are multiplied with, one after the other; see `product_with_parts`.

    Parameters
    ----------
    k : KernelContext
        The node, whose scratch memory they are in.
    name : str
        Different matrices have different names.
    matrix : array (k, n)
        The matrix.
    rows : int
        How many rows are multiplied with it at a time.

    Returns
    -------
    array (parts, k, n / parts)
    """
    inner, columns = matrix.shape
    limit, count = small_product(), 1
    while (
        limit
        and rows * matrix.size > count * limit
        and columns % (2 * count) == 0
        and columns >= 2 * count * LEAST_COLUMNS
    ):
        count *= 2
    parts = k.scratch(name, (count, inner, columns // count), matrix.dtype)
    parts[...] = matrix.reshape(inner, count, -1).swapaxes(0, 1)
    return parts


def product_with_parts(xp: Any, a: Any, parts: Any, out: Any) -> None:
    """Write ``a @ b`` for a matrix `b` in `in_column_parts`."""
    count, _, columns = parts.shape
    xp.matmul(a, parts, out=out.reshape(len(out), count, columns).swapaxes(0, 1))


def _column_slabs(xp: Any, matrix: Any, count: int, columns: int) -> Any:
    """Return a view (count, rows, columns) of a matrix's first columns."""
    step, item = matrix.strides
    return xp.lib.stride_tricks.as_strided(
        matrix, (count, matrix.shape[0], columns), (item * columns, step, item)
    )


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
