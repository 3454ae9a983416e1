"""Normalisation: (x - μ) / σ has mean 0 and variance 1, whatever the units were.

    python examples/textbook/normalisation.py

prints

                                     height   weight
    mean μ                            1.700   70.000
    variance σ²                       0.005  179.600
    (x - μ) / σ:
                                     -1.414   -1.119
                                      0.000   -0.149
                                      1.414    0.746
                                      0.707    1.492
                                     -0.707   -0.970
    mean                              0.000    0.000
    variance                          1.000    1.000
    Batch norm with scale 2 and offsets 1 and -1:
    mean, the offset                  1.000   -1.000
    variance, the scale squared       4.000    4.000
"""

import numpy as np

import tensorgraph as tf

# Height in metres and weight in kilograms of five people: a row each.
people = np.array([[1.60, 55.0], [1.70, 68.0], [1.80, 80.0], [1.75, 90.0], [1.65, 57.0]])

x = tf.constant(people)
mean, variance = tf.nn.moments(x, axes=[0])
normal = (x - mean) / tf.sqrt(variance)
after = tf.nn.moments(normal, axes=[0])

# Batch normalisation does this to a batch, and then learns scale and offset anew.
scale, offset = tf.constant([2.0, 2.0], tf.float64), tf.constant([1.0, -1.0], tf.float64)
batch = tf.nn.batch_normalization(x, mean, variance, offset, scale, variance_epsilon=1e-12)
batch_moments = tf.nn.moments(batch, axes=[0])


def show(name, numbers):
    # Adding 0 makes a plain zero of -0.
    print(f"{name:30}", *(f"{round(number, 3) + 0:8.3f}" for number in numbers))


with tf.Session() as sess:
    print("                                 height   weight")
    show("mean μ", sess.run(mean))
    show("variance σ²", sess.run(variance))
    print("(x - μ) / σ:")
    for row in sess.run(normal):
        show("", row)
    normal_mean, normal_variance = sess.run(after)
    show("mean", normal_mean)
    show("variance", normal_variance)
    print("Batch norm with scale 2 and offsets 1 and -1:")
    new_mean, new_variance = sess.run(batch_moments)
    show("mean, the offset", new_mean)
    show("variance, the scale squared", new_variance)
