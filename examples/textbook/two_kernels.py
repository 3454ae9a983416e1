"""Two kernels over one image make a result of two channels, one feature map for each kernel.

    python examples/textbook/two_kernels.py

prints

    The image, 6x6:
    [[1 0 0 0 0 1]
     [0 1 0 0 1 0]
     [0 0 1 1 0 0]
     [1 0 0 0 1 0]
     [0 1 0 0 1 0]
     [0 0 1 0 1 0]]
    Stride 1 gives (1, 4, 4, 2): batch, height, width, channels.
    Kernel 1 looks for a diagonal; 3 is a perfect match:
    [[ 3. -1. -3. -1.]
     [-3.  1.  0. -3.]
     [-3. -3.  0.  1.]
     [ 3. -2. -2. -1.]]
    Kernel 2 looks for an upright line:
    [[-1. -1. -1. -1.]
     [-1. -1. -2.  1.]
     [-1. -1. -2.  1.]
     [-1.  0. -4.  3.]]
    Stride 2 gives (1, 2, 2, 2), and kernel 1:
    [[ 3. -3.]
     [-3.  0.]]
    (6 - 3) / 2 + 1 = 2.5 is no whole number: the last row and column are never looked at.
"""

import numpy as np

import tensorgraph as tf

image = np.array(
    [
        [1, 0, 0, 0, 0, 1],
        [0, 1, 0, 0, 1, 0],
        [0, 0, 1, 1, 0, 0],
        [1, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 1, 0],
        [0, 0, 1, 0, 1, 0],
    ]
)
diagonal = [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]]
upright = [[-1, 1, -1], [-1, 1, -1], [-1, 1, -1]]

x = tf.constant(image.reshape(1, 6, 6, 1), tf.float32)
# Height, width, input channels, output channels: the kernels stand along the last axis.
kernels = tf.constant(np.stack([diagonal, upright], axis=-1).reshape(3, 3, 1, 2), tf.float32)
y = tf.nn.conv2d(x, kernels, strides=1, padding="VALID")
sparse = tf.nn.conv2d(x, kernels, strides=2, padding="VALID")

with tf.Session() as sess:
    maps, strided = sess.run([y, sparse])

print(f"The image, 6x6:\n{image}")
print(f"Stride 1 gives {maps.shape}: batch, height, width, channels.")
print(f"Kernel 1 looks for a diagonal; 3 is a perfect match:\n{maps[0, :, :, 0]}")
print(f"Kernel 2 looks for an upright line:\n{maps[0, :, :, 1]}")
print(f"Stride 2 gives {strided.shape}, and kernel 1:\n{strided[0, :, :, 0]}")
print("(6 - 3) / 2 + 1 = 2.5 is no whole number: the last row and column are never looked at.")
