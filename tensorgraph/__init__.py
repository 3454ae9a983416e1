"""A readable TensorFlow-1-style dataflow engine: ``import tensorgraph as tf``.

Build a static graph of typed operations, differentiate it with `gradients`, and run parts of it
with `Session.run`. Names, arguments and results are those of TensorFlow 1.15's graph mode.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tensorgraph import (
    app,
    contrib,
    data,
    flags,
    image,
    initializers,
    layers,
    linalg,
    logging,
    losses,
    math,
    metrics,
    nn,
    random,
    summary,
    train,
)
from tensorgraph.autodiff.gradients import gradients
from tensorgraph.base import display as _display
from tensorgraph.base import errors
from tensorgraph.base.advice import missing
from tensorgraph.base.dtypes import (
    DType,
    as_dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
)
from tensorgraph.base.dtypes import bool_ as bool
from tensorgraph.base.shapes import Dimension, TensorShape
from tensorgraph.base.version import __version__
from tensorgraph.behavior import disable_eager_execution, disable_v2_behavior, executing_eagerly
from tensorgraph.control.branch import case, cond
from tensorgraph.control.derivatives import hessian_vector_product, hessians, jacobian
from tensorgraph.control.functional import foldl, foldr, map_fn, scan
from tensorgraph.control.loop import while_loop
from tensorgraph.graph.defaults import (
    add_to_collection,
    control_dependencies,
    convert_to_tensor,
    device,
    get_collection,
    get_default_graph,
    name_scope,
    reset_default_graph,
    set_random_seed,
)
from tensorgraph.graph.graph import Graph
from tensorgraph.graph.graph_def import GraphDef, NodeDef
from tensorgraph.graph.importer import import_graph_def
from tensorgraph.graph.indexed_slices import IndexedSlices, IndexedSlicesValue
from tensorgraph.graph.indexing import newaxis
from tensorgraph.graph.keys import GraphKeys
from tensorgraph.graph.node import Operation, Tensor
from tensorgraph.graph.stacks import get_default_session
from tensorgraph.initializers import (
    constant_initializer,
    glorot_normal_initializer,
    glorot_uniform_initializer,
    ones_initializer,
    orthogonal_initializer,
    random_normal_initializer,
    random_uniform_initializer,
    truncated_normal_initializer,
    uniform_unit_scaling_initializer,
    variance_scaling_initializer,
    zeros_initializer,
)
from tensorgraph.metrics.classes import confusion_matrix
from tensorgraph.ops.arrangement import reverse, reverse_sequence, roll, split, tile, unstack
from tensorgraph.ops.array import broadcast_to, expand_dims, reshape, shape, squeeze, transpose
from tensorgraph.ops.blocks import concat, stack
from tensorgraph.ops.checks import add_check_numerics_ops, check_numerics, py_func
from tensorgraph.ops.checks import assert_ as Assert  # noqa: N812 - TensorFlow's name
from tensorgraph.ops.checks import print_ as Print  # noqa: N812
from tensorgraph.ops.clip import (
    clip_by_average_norm,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    global_norm,
)
from tensorgraph.ops.control_flow import group, no_op
from tensorgraph.ops.control_flow import tuple_ as tuple
from tensorgraph.ops.custom import custom_gradient
from tensorgraph.ops.decompositions import (
    cholesky,
    matrix_determinant,
    matrix_inverse,
    matrix_solve,
    matrix_triangular_solve,
)
from tensorgraph.ops.diagonal import (
    diag,
    diag_part,
    matrix_band_part,
    matrix_diag,
    matrix_diag_part,
    matrix_set_diag,
    trace,
)
from tensorgraph.ops.division import (
    div,
    div_no_nan,
    floor_div,
    floordiv,
    floormod,
    log_sigmoid,
    reciprocal,
    rsqrt,
    squared_difference,
    truncatediv,
    truncatemod,
)
from tensorgraph.ops.division import floormod as mod
from tensorgraph.ops.einsum import einsum, matrix_transpose, tensordot
from tensorgraph.ops.gather import gather, gather_nd, one_hot, scatter_nd
from tensorgraph.ops.linalg import matmul
from tensorgraph.ops.lookup import boolean_mask
from tensorgraph.ops.math import abs_ as abs
from tensorgraph.ops.math import (
    add,
    add_n,
    cast,
    divide,
    equal,
    exp,
    expm1,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    sigmoid,
    sign,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from tensorgraph.ops.math import divide as truediv
from tensorgraph.ops.math import pow_ as pow
from tensorgraph.ops.padding import depth_to_space, pad, space_to_depth
from tensorgraph.ops.random import random_normal, random_uniform, truncated_normal
from tensorgraph.ops.ranges import eye, linspace, meshgrid, rank, sequence_mask
from tensorgraph.ops.ranges import linspace as lin_space
from tensorgraph.ops.ranges import range_ as range
from tensorgraph.ops.reduction import (
    argmax,
    argmin,
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
    size,
)
from tensorgraph.ops.reduction import argmax as arg_max
from tensorgraph.ops.reduction import argmin as arg_min
from tensorgraph.ops.sampling import multinomial, random_crop, random_gamma, random_shuffle
from tensorgraph.ops.scan import cumprod, cumsum
from tensorgraph.ops.segments import (
    segment_max,
    segment_mean,
    segment_min,
    segment_sum,
    unsorted_segment_max,
    unsorted_segment_mean,
    unsorted_segment_min,
    unsorted_segment_sum,
)
from tensorgraph.ops.slicing import slice_ as slice
from tensorgraph.ops.slicing import strided_slice
from tensorgraph.ops.sorting import argsort, invert_permutation, sort, unique, unique_with_counts
from tensorgraph.ops.sources import (
    constant,
    fill,
    identity,
    ones,
    ones_like,
    placeholder,
    placeholder_with_default,
    stop_gradient,
    zeros,
    zeros_like,
)
from tensorgraph.ops.special import digamma, erf, erfc, lgamma, polygamma
from tensorgraph.ops.statistics import count_nonzero, norm, reduce_logsumexp
from tensorgraph.ops.tensor_array import TensorArray
from tensorgraph.ops.trigonometry import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    ceil,
    cos,
    cosh,
    floor,
    is_finite,
    is_inf,
    is_nan,
    logical_xor,
    rint,
    sin,
    sinh,
    tan,
)
from tensorgraph.ops.trigonometry import round_ as round
from tensorgraph.ops.variables import (
    Variable,
    assign,
    assign_add,
    assign_sub,
    global_variables,
    global_variables_initializer,
    is_variable_initialized,
    local_variables,
    local_variables_initializer,
    model_variables,
    report_uninitialized_variables,
    scatter_add,
    scatter_sub,
    scatter_update,
    trainable_variables,
    variables_initializer,
)
from tensorgraph.runtime.explanation import GradientPath, explain_gradient
from tensorgraph.runtime.listing import print_graph
from tensorgraph.runtime.options import (
    GPUOptions,
    GraphOptions,
    OptimizerOptions,
    RunMetadata,
    RunOptions,
)
from tensorgraph.runtime.session import ConfigProto, InteractiveSession, Session
from tensorgraph.scopes import AUTO_REUSE, VariableScope, get_variable_scope, variable_scope
from tensorgraph.shared_variables import get_local_variable, get_variable
from tensorgraph.train.meta_graph import MetaGraphDef
from tensorgraph.train.moving_average import moving_average_variables

__all__ = [
    "AUTO_REUSE",
    "Assert",
    "ConfigProto",
    "DType",
    "Dimension",
    "GPUOptions",
    "GradientPath",
    "Graph",
    "GraphDef",
    "GraphKeys",
    "GraphOptions",
    "IndexedSlices",
    "IndexedSlicesValue",
    "InteractiveSession",
    "MetaGraphDef",
    "NodeDef",
    "Operation",
    "OptimizerOptions",
    "Print",
    "RunMetadata",
    "RunOptions",
    "Session",
    "Tensor",
    "TensorArray",
    "TensorShape",
    "Variable",
    "VariableScope",
    "__version__",
    "abs",
    "acos",
    "acosh",
    "add",
    "add_check_numerics_ops",
    "add_n",
    "add_to_collection",
    "app",
    "arg_max",
    "arg_min",
    "argmax",
    "argmin",
    "argsort",
    "as_dtype",
    "asin",
    "asinh",
    "assign",
    "assign_add",
    "assign_sub",
    "atan",
    "atan2",
    "atanh",
    "bool",
    "boolean_mask",
    "broadcast_to",
    "case",
    "cast",
    "ceil",
    "check_numerics",
    "cholesky",
    "clip_by_average_norm",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "concat",
    "cond",
    "confusion_matrix",
    "constant",
    "constant_initializer",
    "contrib",
    "control_dependencies",
    "convert_to_tensor",
    "cos",
    "cosh",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "custom_gradient",
    "data",
    "depth_to_space",
    "device",
    "diag",
    "diag_part",
    "digamma",
    "disable_eager_execution",
    "disable_v2_behavior",
    "div",
    "div_no_nan",
    "divide",
    "einsum",
    "equal",
    "erf",
    "erfc",
    "errors",
    "executing_eagerly",
    "exp",
    "expand_dims",
    "explain_gradient",
    "expm1",
    "eye",
    "fill",
    "flags",
    "float16",
    "float32",
    "float64",
    "floor",
    "floor_div",
    "floordiv",
    "floormod",
    "foldl",
    "foldr",
    "gather",
    "gather_nd",
    "get_collection",
    "get_default_graph",
    "get_default_session",
    "get_local_variable",
    "get_variable",
    "get_variable_scope",
    "global_norm",
    "global_variables",
    "global_variables_initializer",
    "glorot_normal_initializer",
    "glorot_uniform_initializer",
    "gradients",
    "greater",
    "greater_equal",
    "group",
    "hessian_vector_product",
    "hessians",
    "identity",
    "image",
    "import_graph_def",
    "initializers",
    "int8",
    "int16",
    "int32",
    "int64",
    "invert_permutation",
    "is_finite",
    "is_inf",
    "is_nan",
    "is_variable_initialized",
    "jacobian",
    "layers",
    "less",
    "less_equal",
    "lgamma",
    "lin_space",
    "linalg",
    "linspace",
    "local_variables",
    "local_variables_initializer",
    "log",
    "log1p",
    "log_sigmoid",
    "logging",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "losses",
    "map_fn",
    "math",
    "matmul",
    "matrix_band_part",
    "matrix_determinant",
    "matrix_diag",
    "matrix_diag_part",
    "matrix_inverse",
    "matrix_set_diag",
    "matrix_solve",
    "matrix_transpose",
    "matrix_triangular_solve",
    "maximum",
    "meshgrid",
    "metrics",
    "minimum",
    "mod",
    "model_variables",
    "moving_average_variables",
    "multinomial",
    "multiply",
    "name_scope",
    "negative",
    "newaxis",
    "nn",
    "no_op",
    "norm",
    "not_equal",
    "one_hot",
    "ones",
    "ones_initializer",
    "ones_like",
    "orthogonal_initializer",
    "pad",
    "placeholder",
    "placeholder_with_default",
    "polygamma",
    "pow",
    "print_graph",
    "py_func",
    "random",
    "random_crop",
    "random_gamma",
    "random_normal",
    "random_normal_initializer",
    "random_shuffle",
    "random_uniform",
    "random_uniform_initializer",
    "range",
    "rank",
    "reciprocal",
    "reduce_all",
    "reduce_any",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_sum",
    "report_uninitialized_variables",
    "reset_default_graph",
    "reshape",
    "reverse",
    "reverse_sequence",
    "rint",
    "roll",
    "round",
    "rsqrt",
    "scan",
    "scatter_add",
    "scatter_nd",
    "scatter_sub",
    "scatter_update",
    "segment_max",
    "segment_mean",
    "segment_min",
    "segment_sum",
    "sequence_mask",
    "set_random_seed",
    "shape",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "size",
    "slice",
    "sort",
    "space_to_depth",
    "split",
    "sqrt",
    "square",
    "squared_difference",
    "squeeze",
    "stack",
    "stop_gradient",
    "strided_slice",
    "string",
    "subtract",
    "summary",
    "tan",
    "tanh",
    "tensordot",
    "tile",
    "trace",
    "train",
    "trainable_variables",
    "transpose",
    "truediv",
    "truncated_normal",
    "truncated_normal_initializer",
    "truncatediv",
    "truncatemod",
    "tuple",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "uniform_unit_scaling_initializer",
    "unique",
    "unique_with_counts",
    "unsorted_segment_max",
    "unsorted_segment_mean",
    "unsorted_segment_min",
    "unsorted_segment_sum",
    "unstack",
    "variable_scope",
    "variables_initializer",
    "variance_scaling_initializer",
    "where",
    "while_loop",
    "zeros",
    "zeros_initializer",
    "zeros_like",
]


def _paint(obj: Any) -> dict[str, Any]:
    """Draw an object for a notebook; what draws is imported when it is used."""
    bundle: dict[str, Any] = importlib.import_module("tensorgraph.viz.notebook").draw_for_notebook(
        obj
    )
    return bundle


_display.painter = _paint

if not TYPE_CHECKING:  # so that type checkers still know what does not exist

    def __getattr__(name: str) -> Any:
        if name == "Summary":  # a message of protocol buffers, whose library is not always there
            return summary.Summary
        if name in ("python", "testing", "viz"):  # tools, imported when they are used
            return importlib.import_module(f"tensorgraph.{name}")
        raise missing("tf", name, __all__)
