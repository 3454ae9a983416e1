"""Linear algebra, under the names of ``tf.linalg``."""

from tensorgraph.ops.decompositions import cholesky, slogdet
from tensorgraph.ops.decompositions import matrix_determinant as det
from tensorgraph.ops.decompositions import matrix_inverse as inv
from tensorgraph.ops.decompositions import matrix_solve as solve
from tensorgraph.ops.decompositions import matrix_triangular_solve as triangular_solve
from tensorgraph.ops.diagonal import diag as tensor_diag
from tensorgraph.ops.diagonal import diag_part as tensor_diag_part
from tensorgraph.ops.diagonal import matrix_band_part as band_part
from tensorgraph.ops.diagonal import matrix_diag as diag
from tensorgraph.ops.diagonal import matrix_diag_part as diag_part
from tensorgraph.ops.diagonal import matrix_set_diag as set_diag
from tensorgraph.ops.diagonal import trace
from tensorgraph.ops.einsum import einsum, matrix_transpose, tensordot
from tensorgraph.ops.einsum import matrix_transpose as transpose
from tensorgraph.ops.linalg import matmul
from tensorgraph.ops.normalization import l2_normalize
from tensorgraph.ops.ranges import eye
from tensorgraph.ops.statistics import norm

__all__ = [
    "band_part",
    "cholesky",
    "det",
    "diag",
    "diag_part",
    "einsum",
    "eye",
    "inv",
    "l2_normalize",
    "matmul",
    "matrix_transpose",
    "norm",
    "set_diag",
    "slogdet",
    "solve",
    "tensor_diag",
    "tensor_diag_part",
    "tensordot",
    "trace",
    "transpose",
    "triangular_solve",
]
