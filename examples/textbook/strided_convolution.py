"""Stride and padding: a 3x3 kernel in steps of 2 over a 5x5 image with a border of zeros.

    python examples/textbook/strided_convolution.py

prints

    The image with its zero-padding of 1:
    [[0 0 0 0 0 0 0]
     [0 2 2 3 3 3 0]
     [0 0 1 3 0 3 0]
     [0 2 3 0 1 3 0]
     [0 3 3 2 1 2 0]
     [0 3 3 0 2 3 0]
     [0 0 0 0 0 0 0]]
    The kernel:
    [[2 0 1]
     [1 0 0]
     [0 1 1]]
    Every second place, in both directions:
    [[ 1.  5.  6.]
     [ 7.  8.  3.]
     [ 3. 10.  4.]]
    That is 3x3, for (5 + 2·1 - 3) / 2 + 1 = 3.
    padding="SAME" pads as much here, so the result is the same: True
"""

import numpy as np

import tensorgraph as tf

image = np.array(
    [[2, 2, 3, 3, 3], [0, 1, 3, 0, 3], [2, 3, 0, 1, 3], [3, 3, 2, 1, 2], [3, 3, 0, 2, 3]]
)
kernel = np.array([[2, 0, 1], [1, 0, 0], [0, 1, 1]])

x = tf.constant(image.reshape(1, 5, 5, 1), tf.float32)
k = tf.constant(kernel.reshape(3, 3, 1, 1), tf.float32)
padded = tf.pad(image, [[1, 1], [1, 1]])
y = tf.nn.conv2d(x, k, strides=2, padding=[[0, 0], [1, 1], [1, 1], [0, 0]])
same = tf.nn.conv2d(x, k, strides=2, padding="SAME")

with tf.Session() as sess:
    border, result, as_same = sess.run([padded, y, same])
result, as_same = result[0, :, :, 0], as_same[0, :, :, 0]

print(f"The image with its zero-padding of 1:\n{border}")
print(f"The kernel:\n{kernel}")
print(f"Every second place, in both directions:\n{result}")
print("That is 3x3, for (5 + 2·1 - 3) / 2 + 1 = 3.")
print(f'padding="SAME" pads as much here, so the result is the same: {(as_same == result).all()}')
