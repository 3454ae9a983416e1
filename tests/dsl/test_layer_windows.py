"""Convolution and pooling against the same computed place by place in NumPy."""

import itertools

import numpy as np
import pytest


def examples(*shape):
    return np.random.default_rng(0).normal(size=(2, *shape))


def same_padding(size, kernel, stride, dilation=1):
    """Return TensorFlow's zeros before and after an axis."""
    places = -(-size // stride)
    total = max((places - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def padded(x, padding, value=0.0):
    return np.pad(x, [(0, 0), *padding, (0, 0)], constant_values=value)


def windows(x, size, stride, dilation=None):
    """Yield each place, and the part of `x` (batch, axes…, channels) that its window meets."""
    dilation = dilation or (1,) * len(size)
    spans = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    counts = [(n - span) // s + 1 for n, span, s in zip(x.shape[1:-1], spans, stride, strict=True)]
    for place in itertools.product(*map(range, counts)):
        index = tuple(
            slice(i * s, i * s + span, d)
            for i, s, span, d in zip(place, stride, spans, dilation, strict=True)
        )
        yield place, x[(slice(None), *index)]


def convolve(x, kernel, stride, padding, dilation=None, groups=1):
    """Return the convolution, group by group, of anything with any number of axes."""
    size, outputs = kernel.shape[:-2], []
    for part, taps in zip(np.split(x, groups, -1), np.split(kernel, groups, -1), strict=True):
        axes = tuple(range(1, 2 + len(size)))
        values = {
            place: np.tensordot(window, taps, (axes, tuple(range(len(size) + 1))))
            for place, window in windows(padded(part, padding), size, stride, dilation)
        }
        outputs.append(collected(values))
    return np.concatenate(outputs, -1)


def spread(x, kernel, stride, size, before):
    """Return the transposed convolution: each value adds its kernel to the result."""
    spans = [k + (n - 1) * s for k, n, s in zip(kernel.shape, x.shape[1:-1], stride, strict=False)]
    room = [max(span, cut + n) for span, cut, n in zip(spans, before, size, strict=True)]
    total = np.zeros((len(x), *room, kernel.shape[-2]))
    for place in itertools.product(*map(range, x.shape[1:-1])):
        index = tuple(
            slice(i * s, i * s + k)
            for i, s, k in zip(place, stride, kernel.shape[:-2], strict=True)
        )
        total[(slice(None), *index)] += np.tensordot(x[(slice(None), *place)], kernel, (-1, -1))
    inner = tuple(slice(cut, cut + n) for cut, n in zip(before, size, strict=True))
    return total[(slice(None), *inner)]


def pool(x, size, stride, padding, reduce):
    """Return what `reduce` makes of the real values of each window; NaN stands for padding."""
    values = {
        place: reduce(window, tuple(range(1, 1 + len(size))))
        for place, window in windows(padded(x, padding, np.nan), size, stride)
    }
    return collected(values)


def collected(values):
    """Return results by place as an array (batch, axes…, channels)."""
    counts = [1 + max(place[i] for place in values) for i in range(len(next(iter(values))))]
    stacked = np.stack([values[place] for place in sorted(values)], 1)
    return stacked.reshape(len(stacked), *counts, -1)


def close(result, expected):
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-9)


def sizes(shape):
    return "x".join(map(str, shape))


# Convolution


@pytest.mark.parametrize(
    ("word", "shape", "size", "options", "stride", "dilation", "groups"),
    [
        ("conv1d", (9, 4), (3,), "", (1,), (1,), 1),
        ("conv1d", (9, 4), (3,), "stride=2 dilation=2 groups=2", (2,), (2,), 2),
        ("conv", (6, 7, 4), (3, 2), "stride=2x1", (2, 1), (1, 1), 1),
        ("conv", (7, 6, 4), (2, 3), "dilation=2x1 groups=4", (1, 1), (2, 1), 4),
        ("conv3d", (4, 5, 5, 2), (2, 3, 2), "stride=1x2x1", (1, 2, 1), (1, 1, 1), 1),
        ("conv3d", (4, 5, 5, 2), (2, 2, 2), "groups=2 dilation=1x2x1", (1,) * 3, (1, 2, 1), 2),
    ],
)
@pytest.mark.parametrize("padding", ["valid", "same", "pad=1"])
def test_convolution(run, word, shape, size, options, stride, dilation, groups, padding):
    x = examples(*shape)
    text = f"input {sizes(shape)}\n{word} 4 {sizes(size)} {options} {padding}"
    result, weights = run(text, x)
    pads = {
        "valid": [(0, 0)] * len(size),
        "pad=1": [(1, 1)] * len(size),
        "same": [
            same_padding(n, k, s, d)
            for n, k, s, d in zip(shape, size, stride, dilation, strict=False)
        ],
    }[padding]
    kernel, bias = weights[f"{word}/kernel"], weights[f"{word}/bias"]
    assert kernel.shape == (*size, shape[-1] // groups, 4)
    close(result, convolve(x, kernel, stride, pads, dilation, groups) + bias)


@pytest.mark.parametrize(
    ("shape", "size", "stride"),
    [((5, 3), (3,), (2,)), ((3, 4, 3), (3, 2), (2, 3)), ((2, 3, 2, 3), (2, 3, 2), (2, 1, 2))],
)
@pytest.mark.parametrize("padding", ["valid", "same", "pad=1"])
def test_transposed_convolution(run, shape, size, stride, padding):
    x = examples(*shape)
    text = f"input {sizes(shape)}\ndeconv 2 {sizes(size)} stride={sizes(stride)} {padding}"
    if padding == "pad=1" and min(size) < 3 and len(shape) > 3:
        text = text.replace("pad=1", "pad=0x1x0")
    result, weights = run(text, x)
    inside = shape[:-1]
    if padding == "same":
        made = [n * s for n, s in zip(inside, stride, strict=True)]
        before = [same_padding(n, k, s)[0] for n, k, s in zip(made, size, stride, strict=True)]
    else:
        cut = {"valid": 0, "pad=1": 1}[padding]
        cuts = [0, 1, 0] if "0x1x0" in text else [cut] * len(size)
        made = [
            n * s + max(k - s, 0) - 2 * c
            for n, k, s, c in zip(inside, size, stride, cuts, strict=True)
        ]
        before = cuts
    kernel, bias = weights["deconv/kernel"], weights["deconv/bias"]
    close(result, spread(x, kernel, stride, made, before) + bias)


def test_transposed_convolution_in_groups_and_with_gaps(run):
    x = examples(4, 4, 4)
    result, weights = run("input 4x4x4\ndeconv 6 3x3 groups=2 stride=2 same nobias", x)
    kernel = weights["deconv/kernel"]
    assert kernel.shape == (3, 3, 3, 4)
    halves = [
        spread(part, taps, (2, 2), (8, 8), (0, 0))
        for part, taps in zip(np.split(x, 2, -1), np.split(kernel, 2, -1), strict=True)
    ]
    close(result, np.concatenate(halves, -1))
    result, weights = run("input 4x4x4\ndeconv 2 2x2 dilation=3 nobias", x)
    gaps = np.zeros((4, 4, 2, 4))
    gaps[::3, ::3] = weights["deconv/kernel"]
    close(result, spread(x, gaps, (1, 1), (7, 7), (0, 0)))


@pytest.mark.parametrize(("shape", "size"), [((7, 3), (3,)), ((6, 5, 3), (3, 2))])
@pytest.mark.parametrize("options", ["", "stride=2", "dilation=2", "multiplier=2"])
def test_depthwise_and_separable_convolution(run, shape, size, options):
    x, axes = examples(*shape), len(size)
    stride = (2,) * axes if "stride" in options else (1,) * axes
    dilation = (2,) * axes if "dilation" in options else (1,) * axes
    pads = [same_padding(*of) for of in zip(shape, size, stride, dilation, strict=False)]

    def by_channel(kernel):
        channels = [
            convolve(x[..., i : i + 1], kernel[..., i : i + 1, :], stride, pads, dilation)
            for i in range(shape[-1])
        ]
        return np.concatenate(channels, -1)

    text = f"input {sizes(shape)}\n"
    result, weights = run(f"{text}depthwise {sizes(size)} {options} same", x)
    close(result, by_channel(weights["depthwise/kernel"]) + weights["depthwise/bias"])
    result, weights = run(f"{text}separable 4 {sizes(size)} {options} same", x)
    pointwise = weights["separable/pointwise_kernel"]
    assert pointwise.shape == (*[1] * axes, shape[-1] * (1 + ("mult" in options)), 4)
    mixed = by_channel(weights["separable/depthwise_kernel"]) @ pointwise.reshape(-1, 4)
    close(result, mixed + weights["separable/bias"])


# Pooling

POOLS = {"maxpool": np.nanmax, "avgpool": np.nanmean, "sumpool": np.nansum}


@pytest.mark.parametrize("word", POOLS)
@pytest.mark.parametrize("shape", [(9, 2), (7, 8, 2), (5, 4, 5, 2)])
@pytest.mark.parametrize(
    ("options", "stride", "padding"),
    [
        ("", 3, "valid"),
        ("stride=2 same", 2, "same"),
        ("stride=1 pad=1", 1, "pad"),
        ("stride=2 ceil", 2, "ceil"),
    ],
)
def test_pooling(run, word, shape, options, stride, padding):
    x, axes = examples(*shape), len(shape) - 1
    result, _ = run(f"input {sizes(shape)}\n{word} 3 {options}", x)
    pads = {
        "valid": [(0, 0)] * axes,
        "same": [same_padding(n, 3, stride) for n in shape[:-1]],
        "pad": [(1, 1)] * axes,
        "ceil": [(0, (n - 3) % 2) for n in shape[:-1]],
    }[padding]
    close(result, pool(x, (3,) * axes, (stride,) * axes, pads, POOLS[word]))


@pytest.mark.parametrize("shape", [(9, 2), (7, 8, 2), (5, 4, 5, 2)])
def test_global_pooling(run, shape):
    x, axes = examples(*shape), tuple(range(1, len(shape)))
    text = f"input {sizes(shape)}\n"
    close(run(f"{text}gap", x)[0], x.mean(axes))
    close(run(f"{text}gmp", x)[0], x.max(axes))
