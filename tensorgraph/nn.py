"""Neural networks, under the names of ``tf.nn``."""

from typing import TYPE_CHECKING, NoReturn

from tensorgraph.base.advice import missing
from tensorgraph.ops.activations import crelu, gelu, relu6, swish
from tensorgraph.ops.activations import swish as silu
from tensorgraph.ops.candidates import (
    log_uniform_candidate_sampler,
    nce_loss,
    sampled_softmax_loss,
    uniform_candidate_sampler,
)
from tensorgraph.ops.conv import conv2d
from tensorgraph.ops.conv_variants import (
    atrous_conv2d,
    avg_pool1d,
    conv1d,
    conv2d_transpose,
    conv3d,
    conv3d_transpose,
    max_pool1d,
)
from tensorgraph.ops.depthwise import depthwise_conv2d, depthwise_conv2d_native, separable_conv2d
from tensorgraph.ops.lookup import embedding_lookup
from tensorgraph.ops.math import sigmoid, tanh
from tensorgraph.ops.nn import (
    bias_add,
    dropout,
    elu,
    l2_loss,
    leaky_relu,
    log_softmax,
    relu,
    selu,
    sigmoid_cross_entropy_with_logits,
    softmax,
    softmax_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    softplus,
    softsign,
    sparse_softmax_cross_entropy_with_logits,
)
from tensorgraph.ops.normalization import (
    batch_norm_with_global_normalization,
    batch_normalization,
    fused_batch_norm,
    l2_normalize,
    local_response_normalization,
)
from tensorgraph.ops.normalization import local_response_normalization as lrn
from tensorgraph.ops.pool import avg_pool, avg_pool3d, max_pool, max_pool3d
from tensorgraph.ops.pool import avg_pool as avg_pool2d
from tensorgraph.ops.pool import max_pool as max_pool2d
from tensorgraph.ops.pool_places import max_pool_with_argmax
from tensorgraph.ops.sorting import in_top_k, top_k
from tensorgraph.ops.statistics import moments, weighted_moments
from tensorgraph.rnn import rnn_cell
from tensorgraph.rnn.unrolled import (
    bidirectional_dynamic_rnn,
    dynamic_rnn,
    static_bidirectional_rnn,
    static_rnn,
)

__all__ = [
    "atrous_conv2d",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm_with_global_normalization",
    "batch_normalization",
    "bias_add",
    "bidirectional_dynamic_rnn",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "crelu",
    "depthwise_conv2d",
    "depthwise_conv2d_native",
    "dropout",
    "dynamic_rnn",
    "elu",
    "embedding_lookup",
    "fused_batch_norm",
    "gelu",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "local_response_normalization",
    "log_softmax",
    "log_uniform_candidate_sampler",
    "lrn",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_pool_with_argmax",
    "moments",
    "nce_loss",
    "relu",
    "relu6",
    "rnn_cell",
    "sampled_softmax_loss",
    "selu",
    "separable_conv2d",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "silu",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "softplus",
    "softsign",
    "sparse_softmax_cross_entropy_with_logits",
    "static_bidirectional_rnn",
    "static_rnn",
    "swish",
    "tanh",
    "top_k",
    "uniform_candidate_sampler",
    "weighted_moments",
]


if not TYPE_CHECKING:  # so that type checkers still know what does not exist

    def __getattr__(name: str) -> NoReturn:
        raise missing("tf.nn", name, globals())
