"""Every name of TensorFlow 1 that 128 tutorial scripts use: it is here, or says what to use."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import tensorgraph as tf
from tensorgraph.base.advice import ADVICE

# A static count over the scripts gave these, without "tf.".
_COUNTED = """
    AUTO_REUSE ConfigProto GraphKeys.GLOBAL_VARIABLES GraphKeys.TRAINABLE_VARIABLES
    GraphKeys.UPDATE_OPS InteractiveSession NodeDef Session TensorShape Variable abs add add_n
    app.flags.DEFINE_boolean app.flags.DEFINE_integer app.flags.DEFINE_string app.flags.FLAGS
    app.run arg_min argmax assign bool cast concat cond constant constant_initializer
    contrib.eager contrib.layers.flatten contrib.learn.RunConfig contrib.rnn.BasicLSTMCell
    contrib.rnn.static_rnn control_dependencies convert_to_tensor cos data
    data.Dataset.from_generator data.Dataset.from_tensor_slices data.Iterator.from_structure
    device div divide enable_eager_execution equal errors.OutOfRangeError estimator.Estimator
    estimator.EstimatorSpec estimator.ModeKeys.PREDICT estimator.inputs.numpy_input_fn exp
    expand_dims float32 floor_div floordiv gather gather_nd get_collection get_default_graph
    get_variable global_variables global_variables_initializer gradients group identity
    image.decode_image image.decode_jpeg image.resize_images image.rgb_to_grayscale int16 int32
    int32.as_numpy_dtype int64 layers.Dense layers.average_pooling2d layers.batch_normalization
    layers.conv2d layers.conv2d_transpose layers.dense layers.dropout layers.max_pooling2d
    linspace local_variables_initializer log logging.ERROR logging.INFO logging.set_verbosity
    losses.mean_squared_error losses.softmax_cross_entropy losses.sparse_softmax_cross_entropy
    matmul metrics.accuracy minimum multinomial multiply name_scope negative nn.avg_pool
    nn.batch_norm_with_global_normalization nn.bias_add nn.conv2d nn.conv2d_transpose nn.dropout
    nn.dynamic_rnn nn.embedding_lookup nn.max_pool nn.moments nn.nce_loss nn.relu
    nn.rnn_cell.BasicLSTMCell nn.rnn_cell.BasicRNNCell nn.rnn_cell.DropoutWrapper
    nn.rnn_cell.GRUCell nn.rnn_cell.LSTMCell nn.rnn_cell.MultiRNNCell nn.sigmoid
    nn.sigmoid_cross_entropy_with_logits nn.softmax nn.softmax_cross_entropy_with_logits
    nn.softmax_cross_entropy_with_logits_v2 nn.softplus
    nn.sparse_softmax_cross_entropy_with_logits nn.tanh one_hot ones_like placeholder
    placeholder_with_default pow random_normal random_normal_initializer random_uniform
    random_uniform_initializer range read_file reduce_max reduce_mean reduce_sum
    reset_default_graph reshape set_random_seed shape sigmoid sign sin split sqrt square
    squared_difference squeeze stack string summary.FileWriter summary.histogram
    summary.merge_all summary.scalar tanh tensordot train.AdamOptimizer train.ClusterSpec
    train.ExponentialMovingAverage train.GradientDescentOptimizer train.MomentumOptimizer
    train.MonitoredTrainingSession train.RMSPropOptimizer train.Saver train.Server
    train.StopAtStepHook train.batch train.checkpoint_exists train.get_checkpoint_state
    train.get_global_step train.get_or_create_global_step train.latest_checkpoint
    train.replica_device_setter train.slice_input_producer train.start_queue_runners
    trainable_variables transpose truediv truncated_normal truncated_normal_initializer
    truncatediv unstack variable_scope zeros zeros_initializer zeros_like
"""
NAMES = _COUNTED.split()

# What has no counterpart here, and why is part of the message.
ABSENT = {
    "contrib.eager": "leave it out: graphs are built first",
    "contrib.learn.RunConfig": "a function that builds the graph",
    "enable_eager_execution": "leave it out: graphs are built first",
    "estimator.Estimator": "a function that builds the graph",
    "estimator.EstimatorSpec": "a function that builds the graph",
    "estimator.ModeKeys.PREDICT": "a function that builds the graph",
    "estimator.inputs.numpy_input_fn": "a function that builds the graph",
    "image.decode_image": "Pillow",
    "image.decode_jpeg": "Pillow",
    "read_file": "Python's open()",
    "train.ClusterSpec": "on one machine",
    "train.MonitoredTrainingSession": "use tf.Session",
    "train.Server": "on one machine",
    "train.StopAtStepHook": "a loop around session.run",
    "train.batch": "tf.data.Dataset",
    "train.replica_device_setter": "on one machine",
    "train.slice_input_producer": "tf.data.Dataset",
    "train.start_queue_runners": "tf.data.Dataset",
}


def find(name: str) -> Any:
    found: Any = tf
    for part in name.split("."):
        found = getattr(found, part)
    return found


def test_the_list_is_whole() -> None:
    assert len(NAMES) == len(set(NAMES)) == 186
    assert set(ABSENT) < set(NAMES)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ABSENT])
def test_a_name_is_there(name: str) -> None:
    assert find(name) is not None


@pytest.mark.parametrize("name", ABSENT)
def test_a_name_that_is_absent_says_what_to_use(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        find(name)
    assert "is not part of tensorgraph" in str(caught.value)
    assert ABSENT[name] in str(caught.value)


@pytest.mark.parametrize("name", ADVICE)
def test_no_advice_is_given_for_what_is_there(name: str) -> None:
    with pytest.raises(AttributeError, match=ADVICE[name].split("(")[0]):
        find(name)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("matmull", "tf has no 'matmull': did you mean matmul"),
        ("train.AdamOptimiser", "tf.train has no 'AdamOptimiser': did you mean AdamOptimizer"),
        ("nn.softmaxx", "tf.nn has no 'softmaxx': did you mean softmax"),
        ("data.DataSet", "did you mean Dataset"),
        ("summary.scalars", "did you mean scalar"),
        ("image.flip_leftright", "did you mean flip_left_right"),
        ("qqqqqq", "tf has no 'qqqqqq'$"),
    ],
)
def test_a_slip_of_the_pen_is_corrected(name: str, what: str) -> None:
    with pytest.raises(AttributeError, match=what):
        find(name)


def test_modules_of_the_package_can_still_be_imported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from tensorgraph import testing; import tensorgraph.viz"],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_version_twos_switches_do_nothing() -> None:
    tf.disable_v2_behavior()
    tf.disable_eager_execution()
    assert not tf.executing_eagerly()
