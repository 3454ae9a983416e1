"""Activation functions: each by its formula, and by the operation that computes it.

    python examples/textbook/activations.py

prints

    z                                  -2.000  -0.500   0.000   1.000   3.000
    sigmoid     1 / (1 + e^-z)          0.119   0.378   0.500   0.731   0.953  agree: True
    tanh        2 / (1 + e^-2z) - 1    -0.964  -0.462   0.000   0.762   0.995  agree: True
    ReLU        max(0, z)               0.000   0.000   0.000   1.000   3.000  agree: True
    leaky ReLU  max(0.1 z, z)          -0.200  -0.050   0.000   1.000   3.000  agree: True
    softmax     e^z_i / Σ e^z_j         0.006   0.025   0.041   0.111   0.818  agree: True
    Softmax turns any numbers into probabilities; here they add up to 1.000.
    The slopes at 0: sigmoid 0.25, tanh 1.00. A sigmoid passes on a quarter at best.
"""

import numpy as np

import tensorgraph as tf

z = tf.constant([-2.0, -0.5, 0.0, 1.0, 3.0])
pairs = {
    "sigmoid     1 / (1 + e^-z)": (1 / (1 + tf.exp(-z)), tf.sigmoid(z)),
    "tanh        2 / (1 + e^-2z) - 1": (2 / (1 + tf.exp(-2 * z)) - 1, tf.tanh(z)),
    "ReLU        max(0, z)": (tf.maximum(0.0, z), tf.nn.relu(z)),
    "leaky ReLU  max(0.1 z, z)": (tf.maximum(0.1 * z, z), tf.nn.leaky_relu(z, alpha=0.1)),
    "softmax     e^z_i / Σ e^z_j": (tf.exp(z) / tf.reduce_sum(tf.exp(z)), tf.nn.softmax(z)),
}
total = tf.reduce_sum(tf.nn.softmax(z))

origin = tf.constant(0.0)
slopes = [tf.gradients(function(origin), origin)[0] for function in (tf.sigmoid, tf.tanh)]


def show(name, numbers, end="\n"):
    print(f"{name:33}", *(f"{number:7.3f}" for number in numbers), end=end)


values = {}
with tf.Session() as sess:
    show("z", sess.run(z))
    for name, both in pairs.items():
        formula, operation = values[name.split()[0]] = sess.run(both)
        show(name, operation, end=f"  agree: {np.allclose(formula, operation)}\n")
    print(
        f"Softmax turns any numbers into probabilities; here they add up to {sess.run(total):.3f}."
    )
    sigmoid_slope, tanh_slope = sess.run(slopes)
print(
    f"The slopes at 0: sigmoid {sigmoid_slope:.2f}, tanh {tanh_slope:.2f}."
    " A sigmoid passes on a quarter at best."
)
