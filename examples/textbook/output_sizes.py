"""How large is the result? (N + 2P - K) / S + 1, known before anything is computed.

    python examples/textbook/output_sizes.py

prints

    image      kernel  stride  padding   formula   result
    7x7x1      3x3          1        0      5.00   5x5x1
    7x7x1      3x3          2        0      3.00   3x3x1
    7x7x1      3x3          3        0      2.33   2x2x1  does not fit: the rest is dropped
    7x7x1      3x3          1        1      7.00   7x7x1
    32x32x3    5x5          1        0     28.00   28x28x1
    5x5x3      3x3          2        1      3.00   3x3x2
    Padding by (K - 1) / 2 keeps the size:
    9x9x1      3x3          1        1      9.00   9x9x1
    9x9x1      5x5          1        2      9.00   9x9x1
    9x9x1      7x7          1        3      9.00   9x9x1
"""

import tensorgraph as tf


def show(size, channels, kernel, stride, padding, filters=1):
    """Print a line on a convolution; the shape is that of its node, which never runs."""
    image = tf.placeholder(tf.float32, [None, size, size, channels])
    kernels = tf.placeholder(tf.float32, [kernel, kernel, channels, filters])
    pads = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    result = tf.nn.conv2d(image, kernels, stride, pads)

    fraction = (size + 2 * padding - kernel) / stride + 1
    note = "" if fraction.is_integer() else "  does not fit: the rest is dropped"
    line = [f"{size}x{size}x{channels}", f"{kernel}x{kernel}", stride, padding, fraction]
    shape = "x".join(str(n) for n in result.shape.as_list()[1:])
    print("{:10} {:6} {:7} {:8} {:9.2f}".format(*line), f"  {shape}{note}")
    return shape


print("image      kernel  stride  padding   formula   result")
shapes = [
    show(7, 1, 3, stride=1, padding=0),
    show(7, 1, 3, stride=2, padding=0),
    show(7, 1, 3, stride=3, padding=0),
    show(7, 1, 3, stride=1, padding=1),
    show(32, 3, 5, stride=1, padding=0),
    show(5, 3, 3, stride=2, padding=1, filters=2),
]
print("Padding by (K - 1) / 2 keeps the size:")
kept = [show(9, 1, kernel, stride=1, padding=(kernel - 1) // 2) for kernel in (3, 5, 7)]
