"""L2 and L1: a penalty on the weights, and what it does to a step of gradient descent.

    python examples/textbook/weight_penalties.py

prints

    A step of ε = 0.1 with α = 0.5, from w = 4.00 -1.00 0.10, where ∇J = 1.00 1.00 1.00
    no penalty  w - ε∇J                   3.900  -1.100   0.000
    L2          (1 - εα) w - ε∇J          3.700  -1.050  -0.005  the optimizer's step too: True
    L1          w - ε (α sign(w) + ∇J)    3.850  -1.050  -0.050  the optimizer's step too: True
    With the penalties alone, after 20 steps:
    L2          all by one factor         1.434  -0.358   0.036
    L1          all by one amount         3.000   0.000   0.000
"""

import numpy as np

import tensorgraph as tf

STEP, ALPHA = 0.1, 0.5
START = [4.0, -1.0, 0.1]

w = tf.Variable(START)
J = tf.reduce_sum(w)  # its gradient is 1 for each weight
l2 = ALPHA / 2 * tf.reduce_sum(tf.square(w))
l1 = ALPHA * tf.reduce_sum(tf.abs(w))

(slope,) = tf.gradients(J, w)
formulas = {
    "L2": (1 - STEP * ALPHA) * w - STEP * slope,
    "L1": w - STEP * (ALPHA * tf.sign(w) + slope),
}
optimizer = tf.train.GradientDescentOptimizer(STEP)
steps = {"L2": optimizer.minimize(J + l2), "L1": optimizer.minimize(J + l1)}
alone = {"L2": optimizer.minimize(l2), "L1": optimizer.minimize(l1)}


def text(numbers):
    # Adding 0 makes a plain zero of -0.
    return " ".join(f"{round(float(number), 3) + 0:7.3f}" for number in numbers)


stepped, shrunk = {}, {}
with tf.Session() as sess:
    sess.run(w.initializer)
    print("A step of ε = 0.1 with α = 0.5, from w = 4.00 -1.00 0.10, where ∇J =", end=" ")
    print(" ".join(f"{number:.2f}" for number in sess.run(slope)))
    print(f"no penalty  w - ε∇J                 {text(sess.run(w - STEP * slope))}")
    for name, formula in [("L2", "(1 - εα) w - ε∇J"), ("L1", "w - ε (α sign(w) + ∇J)")]:
        sess.run(w.initializer)
        wanted = sess.run(formulas[name])
        sess.run(steps[name])
        stepped[name] = sess.run(w)
        same = np.allclose(stepped[name], wanted)
        print(f"{name:11} {formula:23} {text(wanted)}  the optimizer's step too: {same}")
    print("With the penalties alone, after 20 steps:")
    for name, how in [("L2", "all by one factor"), ("L1", "all by one amount")]:
        sess.run(w.initializer)
        for _ in range(20):
            sess.run(alone[name])
        shrunk[name] = sess.run(w)
        print(f"{name:11} {how:23} {text(shrunk[name])}")
