"""Layers of the language against those of Keras with the same weights.

Needs the extra `peers`, and so runs only where it is asked for: ``pytest -m keras``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dsl
import tensorgraph as tf

SAME: dict[str, Any] = {"padding": "same"}
CASES: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "9x7x4; conv 6 3x2 stride=2x1 same": ("Conv2D", (6, (3, 2)), SAME | {"strides": (2, 1)}),
    "9x7x4; conv 6 3 dilation=2 groups=2": ("Conv2D", (6, 3), {"dilation_rate": 2, "groups": 2}),
    "15x4; conv1d 6 4 stride=3 same": ("Conv1D", (6, 4), SAME | {"strides": 3}),
    "5x6x7x2; conv3d 3 3 stride=2 same": ("Conv3D", (3, 3), SAME | {"strides": 2}),
    "7x4; deconv 3 3 stride=2 same": ("Conv1DTranspose", (3, 3), SAME | {"strides": 2}),
    "5x6x4; deconv 3 3 stride=2 same": ("Conv2DTranspose", (3, 3), SAME | {"strides": 2}),
    "5x6x4; deconv 3 2 stride=3": ("Conv2DTranspose", (3, 2), {"strides": 3}),
    "5x6x4; deconv 3 5x4 stride=2": ("Conv2DTranspose", (3, (5, 4)), {"strides": 2}),
    "3x4x3x2; deconv 3 3 stride=2 same": ("Conv3DTranspose", (3, 3), SAME | {"strides": 2}),
    "9x4; depthwise 3 dilation=2": ("DepthwiseConv1D", (3,), {"dilation_rate": 2}),
    "9x8x4; depthwise 3 stride=2 multiplier=2 same": (
        "DepthwiseConv2D",
        (3,),
        SAME | {"strides": 2, "depth_multiplier": 2},
    ),
    "9x4; separable 5 3 stride=2": ("SeparableConv1D", (5, 3), {"strides": 2}),
    "9x8x4; separable 5 3 multiplier=2 same": (
        "SeparableConv2D",
        (5, 3),
        SAME | {"depth_multiplier": 2},
    ),
    "9x4; avgpool 3 stride=2 same": ("AveragePooling1D", (3,), SAME | {"strides": 2}),
    "9x8x4; avgpool 3 stride=2 same": ("AveragePooling2D", (3,), SAME | {"strides": 2}),
    "5x8x4x2; maxpool 2 same": ("MaxPooling3D", (2,), SAME),
    "9x8x4; batchnorm": ("BatchNormalization", (), {}),
    "9x4; layernorm": ("LayerNormalization", (), {}),
    "3x4x2; upsample 2x3 bilinear": ("UpSampling2D", ((2, 3),), {"interpolation": "bilinear"}),
    "3x4x2x2; upsample 2": ("UpSampling3D", (2,), {}),
    "3x4x2; zeropad 1x2": ("ZeroPadding2D", ((1, 2),), {}),
    "5x6x2; crop 1x2": ("Cropping2D", ((1, 2),), {}),
    "5x6; permute 2 1": ("Permute", ((2, 1),), {}),
    "9x4; gelu": ("Activation", ("gelu",), {}),
    "9x4; selu": ("Activation", ("selu",), {}),
    "9x4; relu6": ("Activation", ("relu6",), {}),
    "7x5; rnn 4 return=all": ("SimpleRNN", (4,), {"return_sequences": True}),
    "7x5; lstm 4 return=all": ("LSTM", (4,), {"return_sequences": True}),
    "7x5; gru 4 return=all": ("GRU", (4,), {"return_sequences": True, "reset_after": False}),
}


def reordered(word: str, weights: list[Any]) -> list[Any]:
    """Return weights of Keras as a layer of the language has them."""
    if word not in ("rnn", "lstm", "gru"):
        return weights
    # One kernel for input and state.
    kernel, bias = np.concatenate(weights[:2], 0), weights[2]
    if word == "rnn":
        return [kernel, bias]
    gates, biases = (np.split(w, {"lstm": 4, "gru": 3}[word], -1) for w in (kernel, bias))
    if word == "gru":
        (z, r, h), (bz, br, bh) = gates, biases
        return [np.hstack([r, z]), np.hstack([br, bz]), h, bh]
    (i, f, c, o), (bi, bf, bc, bo) = gates, biases
    # TensorFlow 1 adds 1 to the forget gate, which Keras has in its bias.
    return [np.hstack([i, c, f, o]), np.hstack([bi, bc, bf - 1, bo])]


@pytest.mark.keras
@pytest.mark.parametrize("case", CASES)
def test_the_same_weights_give_the_same_result(case: str) -> None:
    keras = pytest.importorskip("keras", reason="needs Keras: pip install '.[peers]'")
    name, arguments, options = CASES[case]
    shape, _, statement = case.partition("; ")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *map(int, shape.split("x")))).astype(np.float32)
    layer = getattr(keras.layers, name)(*arguments, **options)
    layer(x)
    layer.set_weights(
        [rng.uniform(0.2, 1, np.shape(w)).astype(np.float32) for w in layer.get_weights()]
    )
    expected = np.array(layer(x))

    net = dsl.check(dsl.parse(f"input {shape}\n{statement}"))
    weights = reordered(net.layers[0].kind, layer.get_weights())
    with tf.Graph().as_default(), tf.Session() as session:
        model = dsl.compile_net(net)
        session.run(tf.global_variables_initializer())
        for variable, value in zip(model.variables.values(), weights, strict=True):
            session.run(tf.assign(variable, np.reshape(value, variable.shape.as_list())))
        result = session.run(model.apply().output, {model.input: x})
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)
