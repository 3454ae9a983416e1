"""The numbers of the textbooks, and the table around them."""

import json

import pytest

import dsl

LENET = "conv 6 5x5 tanh; avgpool 2; conv 16 5x5 tanh; avgpool 2; dense 120 tanh; dense 84 tanh"
ALEXNET = """
input 227x227x3
conv 96 11x11 stride=4 relu
maxpool 3 stride=2
conv 256 5x5 pad=2 relu
maxpool 3 stride=2
conv 384 3x3 pad=1 relu
conv 384 3x3 pad=1 relu
conv 256 3x3 pad=1 relu
maxpool 3 stride=2
dense 4096 relu
dense 4096 relu
dense 1000 softmax
"""


def summary(text):
    return dsl.summarize(dsl.check(dsl.parse(text, "a.net")))


def test_lenet5_has_61706_parameters():
    s = summary(f"input 32x32x1; {LENET}; dense 10 softmax")
    assert s.parameters == s.trainable == 61_706
    assert [layer.parameters for layer in s.layers] == [156, 0, 2416, 0, 48_120, 10_164, 850]
    assert [layer.output_shape for layer in s.layers[:4]] == [
        (28, 28, 6),
        (14, 14, 6),
        (10, 10, 16),
        (5, 5, 16),
    ]
    assert s.layers[0].multiply_adds == 28 * 28 * 6 * 25
    assert s.layers[2].multiply_adds == 10 * 10 * 16 * 25 * 6
    assert s.layers[4].multiply_adds == 400 * 120


def test_volumes_of_alexnet():
    s = summary(ALEXNET)
    assert [layer.output_shape for layer in s.layers] == [
        (55, 55, 96),
        (27, 27, 96),
        (27, 27, 256),
        (13, 13, 256),
        (13, 13, 384),
        (13, 13, 384),
        (13, 13, 256),
        (6, 6, 256),
        (4096,),
        (4096,),
        (1000,),
    ]
    assert s.layers[0].activation_bytes == 55 * 55 * 96 * 4


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("input 7x7x1; conv 5 3x3", 50),
        ("input 32x32x3; dense 1 nobias", 3072),
        ("input 200x200x3; dense 1 nobias", 120_000),
        ("input 200x200x1; dense 1024", 40_961_024),
        ("input 224x224x3; conv 64 3x3 same nobias", 1728),
        ("input 224x224x64; conv 64 3x3 same nobias", 36_864),
        ("input 7x7x512; dense 4096 nobias", 102_760_448),
    ],
)
def test_parameters_of_the_textbooks(text, parameters):
    assert summary(text).parameters == parameters


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("input 7x7x1; conv 1 3x3", (5, 5, 1)),
        ("input 7x7x1; conv 1 3x3 stride=2", (3, 3, 1)),
        ("input 7x7x1; conv 1 3x3 pad=1", (7, 7, 1)),
        ("input 32x32x1; conv 1 5x5", (28, 28, 1)),
        ("input 5x5x3; conv 2 3x3 pad=1 stride=2", (3, 3, 2)),
        ("input 7x7x1; maxpool 2 ceil", (4, 4, 1)),
        ("input 9x9x1; conv 1 3x3 dilation=2", (5, 5, 1)),
    ],
)
def test_output_sizes_of_the_textbooks(text, shape):
    assert summary(text).layers[-1].output_shape == shape


def test_receptive_fields():
    s = summary("input 28x28x1; conv 8 3x3 relu; conv 8 3x3; maxpool 2; conv 8 3x3; relu; dense 2")
    fields = [layer.receptive_field for layer in s.layers]
    assert fields == [(3, 3), (5, 5), (6, 6), (10, 10), (10, 10), (28, 28)]
    assert summary("input 9x9x1; conv 1 3x3 dilation=2").layers[0].receptive_field == (5, 5)
    assert summary("input 9; dense 2").layers[0].receptive_field is None


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("input 99x9; conv1d 4 5; maxpool 2; conv1d 4 3 dilation=2; gap", [5, 6, 14, 99]),
        ("input 99 of 50; embedding 8; conv1d 4 5; lstm 4", [1, 5, 99]),
        ("input 9x9x9x1; conv3d 4 3; avgpool 2x1x1; depth = conv3d 4 3", "3x3x3 4x3x3 8x5x5"),
        # Half a pixel apart, three neighbours see two pixels.
        ("input 9x9x1; upsample 2; conv 4 3x3; upsample 2 bilinear", "1x1 2x2 3x3"),
        ("input 9x9x1; maxpool 2 ceil; deconv 4 2x2 stride=2; conv 4 3x3", "2x2 2x2 4x4"),
        ("input 9x9x1; deconv 4 4x4 stride=2 same; deconv 4 3x3", "2x2 3x3"),
        ("input 9x9x2; separable 4 3x3; depthwise 3x3 stride=2; batchnorm", "3x3 5x5 5x5"),
        ("input 8x8x2; conv 2 3x3; reshape 6x12; conv1d 2 3", "3x3 3x3 -"),
        ("input 8x8x2; reshape 8x16; rnn 4", "1x1 8x8"),
    ],
)
def test_receptive_fields_of_every_kind(text, fields):
    if isinstance(fields, str):
        fields = [None if f == "-" else tuple(map(int, f.split("x"))) for f in fields.split()]
    found = [layer.receptive_field for layer in summary(text).layers]
    assert found == [(f,) if isinstance(f, int) else f for f in fields]


@pytest.mark.parametrize(
    ("text", "parameters", "multiply_adds"),
    [
        # AlexNet's second layer, in two groups.
        ("input 27x27x96; conv 256 5x5 pad=2 groups=2", 307_456, 27 * 27 * 307_200),
        # MobileNet's first pair: a depthwise convolution and one of 1x1.
        ("input 112x112x32; depthwise 3x3 same nobias", 288, 112 * 112 * 288),
        ("input 112x112x32; separable 64 3x3 same nobias", 288 + 2048, 112 * 112 * 2336),
        ("input 7x7x8; depthwise 3x3 same multiplier=2", 3 * 3 * 8 * 2 + 16, 49 * 144),
        ("input 7x7x8; deconv 4 3x3 stride=2 same", 3 * 3 * 4 * 8 + 4, 49 * 288),
        ("input 128x9; conv1d 16 3", 3 * 9 * 16 + 16, 126 * 432),
        ("input 4x8x8x2; conv3d 8 3 same", 27 * 2 * 8 + 8, 4 * 8 * 8 * 432),
        ("input 8x8x3; batchnorm", 12, 0),
        ("input 8x8x3; batchnorm noscale", 9, 0),
        ("input 8x8x3; layernorm", 6, 0),
    ],
)
def test_cost_of_other_layers(text, parameters, multiply_adds):
    (layer,) = summary(text).layers
    assert layer.parameters == parameters
    assert layer.multiply_adds == multiply_adds


def test_moving_statistics_and_frozen_weights_are_not_trained():
    s = summary("input 8x8x3; batchnorm; conv 2 3x3 frozen; dense 4 frozen")
    assert [(layer.parameters, layer.trainable) for layer in s.layers] == [
        (12, 6),
        (56, 0),
        (292, 0),
    ]


def test_json_has_the_schema_of_the_command():
    s = summary("input 4x4x1\nconv 2 3x3 relu\ndense 3 softmax")
    data = s.to_json()
    assert json.loads(json.dumps(data)) == data
    assert data == {
        "net": "a",
        "parameters": 20 + 27,
        "trainable": 47,
        "non_trainable": 0,
        "multiply_adds": 4 * 18 + 24,
        "activation_bytes": (8 + 3) * 4,
        "layers": [
            {
                "name": "conv",
                "kind": "conv",
                "line": 2,
                "output_shape": [2, 2, 2],
                "parameters": 20,
                "trainable": 20,
                "non_trainable": 0,
                "multiply_adds": 72,
                "activation_bytes": 32,
                "receptive_field": [3, 3],
            },
            {
                "name": "dense",
                "kind": "dense",
                "line": 3,
                "output_shape": [3],
                "parameters": 27,
                "trainable": 27,
                "non_trainable": 0,
                "multiply_adds": 24,
                "activation_bytes": 12,
                "receptive_field": [4, 4],
            },
        ],
    }


def test_table_has_a_row_a_layer_and_the_totals():
    from dsl.summary import HEADERS

    rows = summary("input 227x227x3\nconv 96 11x11 stride=4 relu\ndense 10").rows()
    assert rows == [
        ("conv", "2", "55x55x96", "34,944", "105,415,200", "1.1 MiB", "11x11"),
        ("dense", "3", "10", "2,904,010", "2,904,000", "40 B", "227x227"),
        ("total", "", "", "2,938,954", "108,319,200", "1.1 MiB", ""),
    ]
    assert {len(row) for row in rows} == {len(HEADERS)}


def test_what_is_not_known_is_null():
    s = summary("conv 8 3x3; dense 3")
    assert (s.parameters, s.multiply_adds, s.activation_bytes) == (None, None, None)
    assert s.rows()[0] == ("conv", "1", "?", "?", "?", "?", "")
    opened = summary("input ?x?x3; conv 8 3x3")
    assert opened.parameters == 224
    assert opened.multiply_adds is None
    assert opened.layers[0].output_shape == (None, None, 8)
