"""Convolution: a 2x2 kernel over a 4x4 image, stride 1, no padding.

    python examples/textbook/convolution.py

prints

    The image:
    [[5 2 3 4]
     [6 7 8 5]
     [4 5 4 5]
     [1 0 2 3]]
    The kernel:
    [[ 1  0]
     [ 1 -1]]
    At the upper left: 5·1 + 2·0 + 6·1 + 7·(-1) = 4. Everywhere the kernel fits:
    [[4. 1. 6.]
     [5. 8. 7.]
     [5. 3. 3.]]
    That is 3x3, for (4 - 2) / 1 + 1 = 3.
"""

import numpy as np

import tensorgraph as tf

image = np.array([[5, 2, 3, 4], [6, 7, 8, 5], [4, 5, 4, 5], [1, 0, 2, 3]])
kernel = np.array([[1, 0], [1, -1]])

# An image has a batch and a channel axis beside its own two, a kernel input and output channels.
x = tf.constant(image.reshape(1, 4, 4, 1), tf.float32)
k = tf.constant(kernel.reshape(2, 2, 1, 1), tf.float32)
y = tf.nn.conv2d(x, k, strides=[1, 1, 1, 1], padding="VALID")

with tf.Session() as sess:
    result = sess.run(y)[0, :, :, 0]

print(f"The image:\n{image}")
print(f"The kernel:\n{kernel}")
print("At the upper left: 5·1 + 2·0 + 6·1 + 7·(-1) = 4. Everywhere the kernel fits:")
print(result)
print("That is 3x3, for (4 - 2) / 1 + 1 = 3.")
