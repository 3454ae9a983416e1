"""Cross-entropy, -Σ y' log y: how wrong probabilities are, and the slope that training follows.

    python examples/textbook/cross_entropy.py

prints

    logits                  2.000   1.000   0.100
    y = softmax(logits)     0.659   0.242   0.099
    y' the true class       0.000   1.000   0.000
    Only the true class counts: -log 0.242 = 1.417
    The operation on logits gives the same: 1.417
    Its slope is y - y'     0.659  -0.758   0.099
    Guessing among 10 classes alike costs log 10 = 2.303
    Logits of 0 and 1000, the first one true: the formula gives nan, the operation 1000
"""

import numpy as np

import tensorgraph as tf

logits = tf.constant([2.0, 1.0, 0.1])
label = tf.constant([0.0, 1.0, 0.0])


def formula(label, logits):
    """Return -Σ y' log y, with y as the softmax's formula has it."""
    y = tf.exp(logits) / tf.reduce_sum(tf.exp(logits))
    return -tf.reduce_sum(label * tf.log(y))


def operation(label, logits):
    return tf.nn.softmax_cross_entropy_with_logits(labels=label, logits=logits)


y = tf.nn.softmax(logits)
by_formula, by_operation = formula(label, logits), operation(label, logits)
(slope,) = tf.gradients(by_operation, logits)
alike = operation(tf.one_hot(3, 10), tf.zeros([10]))
# e^1000 is more than a float can hold: infinity / infinity. The operation takes the largest out.
extreme = [f(tf.constant([1.0, 0.0]), tf.constant([0.0, 1000.0])) for f in (formula, operation)]


def show(name, numbers):
    print(f"{name:21}", *(f"{number:7.3f}" for number in numbers))


with tf.Session() as sess:
    show("logits", sess.run(logits))
    show("y = softmax(logits)", sess.run(y))
    show("y' the true class", sess.run(label))
    losses = sess.run([by_formula, by_operation])
    print(f"Only the true class counts: -log {sess.run(y)[1]:.3f} = {losses[0]:.3f}")
    print(f"The operation on logits gives the same: {losses[1]:.3f}")
    slopes = sess.run(slope)
    show("Its slope is y - y'", slopes)
    print(f"Guessing among 10 classes alike costs log 10 = {sess.run(alike):.3f}")
    with np.errstate(all="ignore"):
        bad, good = sess.run(extreme)
print("Logits of 0 and 1000, the first one true:", end=" ")
print(f"the formula gives {bad:.0f}, the operation {good:.0f}")
