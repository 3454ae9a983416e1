"""X or O: how a feature finds the places of a picture that look like it, and pooling keeps them.

    python examples/textbook/x_or_o.py

prints

    . . . . . . . . .
    . X . . . . . X .
    . . X . . . X . .
    . . . X . X . . .
    . . . . X . . . .
    . . . X . X . . .
    . . X . . . X . .
    . X . . . . . X .
    . . . . . . . . .
    The mean of the nine products, at each place of the feature (a falling diagonal):
     0.78 -0.11  0.11  0.33  0.56 -0.11  0.33
    -0.11  1.00 -0.11  0.33 -0.11  0.11 -0.11
     0.11 -0.11  1.00 -0.33  0.11 -0.11  0.56
     0.33  0.33 -0.33  0.56 -0.33  0.33  0.33
     0.56 -0.11  0.11 -0.33  1.00 -0.11  0.11
    -0.11  0.11 -0.11  0.33 -0.11  1.00 -0.11
     0.33 -0.11  0.56  0.33  0.11 -0.11  0.78
    Max-pooling 2x2, stride 2, keeps the best of each four, and 1.00 on the diagonal:
     1.00  0.33  0.56  0.33
     0.33  1.00  0.33  0.56
     0.56  0.33  1.00  0.11
     0.33  0.56  0.11  0.78
    ReLU of the map: 49 numbers, of which 20 were negative and are 0 now.
    The toy net: conv 7x7, pool 4x4, conv 2x2, pool 1x1, flatten 1, dense 2: X or O.
"""

import numpy as np

import tensorgraph as tf

picture = np.full([9, 9], -1.0)
for i in range(1, 8):
    picture[i, i] = picture[i, 8 - i] = 1.0
feature = np.array([[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]])


def show(matrix):
    for row in matrix:
        print(" ".join(f"{number:5.2f}" for number in row))


x = tf.constant(picture.reshape(1, 9, 9, 1))
kernel = tf.constant(feature.reshape(3, 3, 1, 1) / 9)
responses = tf.nn.conv2d(x, kernel, strides=1, padding="VALID")
# SAME keeps the windows that the border cuts: 7 become 4, not 3.
pooled = tf.nn.max_pool(responses, ksize=2, strides=2, padding="SAME")
positive = tf.nn.relu(responses)

# Stacked: convolution, ReLU, pooling, the same again, and a dense layer that decides.
second = tf.nn.conv2d(tf.nn.max_pool(positive, 2, 2, "SAME"), kernel, 1, "VALID")
last = tf.nn.max_pool(tf.nn.relu(second), 2, 2, "SAME")
flat = tf.layers.flatten(last)
decision = tf.layers.dense(flat, 2)

with tf.Session() as sess:
    found, best, rectified = (a[0, :, :, 0] for a in sess.run([responses, pooled, positive]))

for row in picture:
    print(" ".join("X" if pixel > 0 else "." for pixel in row))
print("The mean of the nine products, at each place of the feature (a falling diagonal):")
show(found)
print("Max-pooling 2x2, stride 2, keeps the best of each four, and 1.00 on the diagonal:")
show(best)
print(
    f"ReLU of the map: {rectified.size} numbers, of which {(found < 0).sum()} were negative"
    " and are 0 now."
)
sizes = [f"{t.shape[1]}x{t.shape[2]}" for t in (responses, pooled, second, last)]
print("The toy net: conv {}, pool {}, conv {}, pool {},".format(*sizes), end=" ")
print(f"flatten {flat.shape[1]}, dense {decision.shape[1]}: X or O.")
