"""Kernels that people wrote by hand: edges, sharpening, blur, on a bright square.

    python examples/textbook/image_kernels.py

prints

    Along the row through the middle of the square:
    identity         0     0     0   256   256   256   256   256   256     0     0     0
    corners          0     0     0     0     0     0     0     0     0     0     0     0
    edges            0     0   256  -256     0     0     0     0  -256   256     0     0
    more edges       0     0  -768   768     0     0     0     0   768  -768     0     0
    vertical         0     0   768   768     0     0     0     0  -768  -768     0     0
    horizontal       0     0     0     0     0     0     0     0     0     0     0     0
    sharpen          0     0  -256   512   256   256   256   256   512  -256     0     0
    box blur         0     0    85   171   256   256   256   256   171    85     0     0
    Gaussian 3       0     0    64   192   256   256   256   256   192    64     0     0
    Gaussian 5       0    16    80   176   240   256   256   240   176    80    16     0
    unsharp          0   -16   -80   336   272   256   256   272   336   -80   -16     0
    Along the square's upper edge, which is horizontal and ends in corners:
    identity         0     0     0   256   256   256   256   256   256     0     0     0
    corners          0     0   256   256     0     0     0     0  -256  -256     0     0
    vertical         0     0   512   512     0     0     0     0  -512  -512     0     0
    horizontal       0     0   256   512   768   768   768   768   512   256     0     0
    Even areas are multiplied by the sum of a kernel's numbers. Kernels of the sums 0 and 1:
    0: corners, edges, more edges, vertical, horizontal
    1: identity, sharpen, box blur, Gaussian 3, Gaussian 5, unsharp
"""

import numpy as np

import tensorgraph as tf

# 12x12, dark, with a bright square in the middle.
picture = np.zeros([12, 12])
picture[3:9, 3:9] = 256

binomial = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])
unsharp = binomial.copy()
unsharp[2, 2] = -476
upright = [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]
KERNELS = {
    "identity": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "corners": [[1, 0, -1], [0, 0, 0], [-1, 0, 1]],
    "edges": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "more edges": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
    "vertical": upright,
    "horizontal": np.transpose(upright),
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "box blur": np.ones([3, 3]) / 9,
    "Gaussian 3": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16,
    "Gaussian 5": binomial / 256,
    "unsharp": unsharp / -256,
}


def filtered(kernel):
    """Return the picture after a kernel, of the same size."""
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.constant(picture.reshape(1, 12, 12, 1))
        k = tf.constant(np.reshape(kernel, [*np.shape(kernel), 1, 1]).astype(np.float64))
        return sess.run(tf.nn.conv2d(x, k, strides=1, padding="SAME"))[0, :, :, 0]


def show(name, numbers):
    print(f"{name:12}", *(f"{number:5.0f}" for number in numbers))


results = {name: filtered(kernel) for name, kernel in KERNELS.items()}
print("Along the row through the middle of the square:")
for name, result in results.items():
    show(name, result[5])
print("Along the square's upper edge, which is horizontal and ends in corners:")
for name in ("identity", "corners", "vertical", "horizontal"):
    show(name, results[name][3])
print("Even areas are multiplied by the sum of a kernel's numbers. Kernels of the sums 0 and 1:")
sums = {name: float(np.sum(kernel)) for name, kernel in KERNELS.items()}
for total in (0, 1):
    print(f"{total}:", ", ".join(name for name, s in sums.items() if abs(s - total) < 1e-9))
