"""The words that the language reserves, those of later versions among them.

Words that are reserved but not yet understood get a message of their own ("`residual` is not in
this version"), so that a file written for a later version is never misread.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What this version understands without a table of its own.
STATEMENTS = _words("net input let from output train")
CONSTANTS = _words("true false")
PROPERTIES = _words("channels height width features classes")

# What later versions understand.
LATER_STATEMENTS = _words("repeat if else residual shortcut branch block import use freeze")
LATER_LAYERS = _words(
    "conv1d conv3d deconv depthwise separable sumpool gap gmp batchnorm layernorm lrn"
    " spatial_dropout noise reshape permute upsample zeropad crop embedding rnn lstm gru"
    " mul max average lambda"
)
LATER_ACTIVATIONS = _words("gelu")
LATER_INITIALIZERS = _words("identity edge sharpen box_blur gaussian3 gaussian5 unsharp")
LATER_OPTIONS = _words("groups l1 l2 max_norm")
LATER_FLAGS = _words("noscale nocenter bilinear bidirectional frozen")
LATER_FUNCTIONS = _words("choose uniform log_uniform integer")
LATER_SETTINGS = _words("preprocess augment regularize clip stop checkpoint ensemble snapshots")
LATER_DATA = _words("fashion_mnist cifar10 cifar100")
LATER_DATA_OPTIONS = _words("target resize")
LATER_LOSSES = _words("mae huber hinge kl")
LATER_OPTIMIZERS = _words("rmsprop adagrad adadelta adamw adamax nadam")
LATER_SCHEDULES = _words("step exponential onecycle plateau")
LATER_METRICS = _words("top5 mae confusion")
