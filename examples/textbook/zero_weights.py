"""All weights zero at the start: every neuron of a layer learns the same, for ever.

    python examples/textbook/zero_weights.py

prints

    Two inputs, three hidden neurons, a column for each. After 200 steps from zero:
         -3.38  -3.38  -3.38
          0.31   0.31   0.31
    The columns are equal: three neurons, as good as one. From different numbers:
          1.95  -2.65  -2.51
          0.46   1.64  -1.08
"""

import numpy as np

import tensorgraph as tf

# Eight points on a circle; those far to the right are of class 1.
angles = np.arange(8) * np.pi / 4 + 0.3
points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
classes = (points[:, 0] > 0.5).astype(np.float64).reshape(8, 1)


def hidden_weights(start):
    """Train two inputs, three hidden neurons, one output; return the hidden layer's weights."""
    with tf.Graph().as_default(), tf.Session() as sess:
        hidden = tf.Variable(start)
        out = tf.Variable(np.zeros([3, 1]))
        logits = tf.matmul(tf.sigmoid(tf.matmul(tf.constant(points), hidden)), out)
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=classes, logits=logits)
        step = tf.train.GradientDescentOptimizer(1.0).minimize(tf.reduce_mean(losses))
        sess.run(tf.global_variables_initializer())
        for _ in range(200):
            sess.run(step)
        return sess.run(hidden)


def show(weights):
    for row in weights:
        print("   ", " ".join(f"{weight:6.2f}" for weight in row))


alike = hidden_weights(np.zeros([2, 3]))
different = hidden_weights(np.array([[0.5, -0.5, 0.1], [0.2, 0.1, -0.4]]))
print("Two inputs, three hidden neurons, a column for each. After 200 steps from zero:")
show(alike)
print("The columns are equal: three neurons, as good as one. From different numbers:")
show(different)
