"""Max-pooling and its switches: the gradient goes back to the maximum alone.

    python examples/textbook/max_pooling.py

prints

    The image:
    [[1 1 2 4]
     [5 6 7 8]
     [3 2 1 0]
     [1 2 3 4]]
    The largest of each 2x2:
    [[6. 8.]
     [3. 4.]]
    Where it was (row, column): (1, 1) (1, 3) (2, 0) (3, 3)
    Gradients of 10, 20, 30, 40 go back just there; the other pixels did not matter:
    [[ 0.  0.  0.  0.]
     [ 0. 10.  0. 20.]
     [30.  0.  0.  0.]
     [ 0.  0.  0. 40.]]
"""

import numpy as np

import tensorgraph as tf

image = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])

x = tf.constant(image.reshape(1, 4, 4, 1), tf.float32)
y, places = tf.nn.max_pool_with_argmax(x, [1, 2, 2, 1], [1, 2, 2, 1], "VALID")
incoming = tf.constant([10.0, 20.0, 30.0, 40.0], shape=[1, 2, 2, 1])
(back,) = tf.gradients(y, x, grad_ys=incoming)

with tf.Session() as sess:
    largest, switches, gradient = sess.run([y, places, back])

print(f"The image:\n{image}")
print(f"The largest of each 2x2:\n{largest[0, :, :, 0]}")
switches = [divmod(int(place), 4) for place in switches.ravel()]
print("Where it was (row, column):", *switches)
print("Gradients of 10, 20, 30, 40 go back just there; the other pixels did not matter:")
print(gradient[0, :, :, 0])
