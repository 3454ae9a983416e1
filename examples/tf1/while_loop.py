"""How long is the pendulum? A simulation as a loop in the graph, and gradients through it.

    python examples/tf1/while_loop.py

A pendulum was let go, and its angle was measured, now and then. The loop below computes the angle
step by step, for a length that is a variable: gradient descent through all the steps finds the
length at which the angles are those measured.

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import numpy as np

import tensorgraph as tf

GRAVITY, STEP, STEPS = 9.81, 0.01, 150
TRUE_LENGTH = 1.7


def swing(length, steps):
    """Return the angle after each step; the pendulum is let go at an angle of 1."""

    def more(i, angle, speed, angles):
        return i < steps

    def move(i, angle, speed, angles):
        speed = speed - STEP * GRAVITY / length * tf.sin(angle)
        angle = angle + STEP * speed
        return i + 1, angle, speed, angles.write(i, angle)

    start = [tf.constant(0), tf.constant(1.0), tf.constant(0.0), tf.TensorArray(tf.float32, steps)]
    _, _, _, angles = tf.while_loop(more, move, start)
    return angles.stack()


def main():
    random = np.random.default_rng(0)
    length = tf.Variable(1.0, name="length")
    steps = tf.placeholder(tf.int32, [], name="steps")
    measured = tf.placeholder(tf.float32, [None], name="measured")

    angles = swing(length, steps)
    loss = tf.reduce_mean(tf.square(angles[::10] - measured))
    (slope,) = tf.gradients(loss, [length])
    train_op = tf.train.AdamOptimizer(0.02).minimize(loss)

    # How many times it comes through the middle: a loop that holds a branch.
    def count(i, crossings):
        crosses = angles[i] * angles[i + 1] < 0.0
        return i + 1, tf.cond(crosses, lambda: crossings + 1, lambda: crossings)

    crossings = tf.while_loop(lambda i, _: i < steps - 1, count, [0, 0])[1]

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(length.assign(TRUE_LENGTH))
        truth = sess.run(angles, feed_dict={steps: STEPS})[::10]
        data = {steps: STEPS, measured: truth + 0.01 * random.standard_normal(truth.shape)}

        sess.run(tf.global_variables_initializer())
        for i in range(151):
            value, error, by_length, _ = sess.run([length, loss, slope, train_op], feed_dict=data)
            if i % 30 == 0:
                print(f"{i:3d}: length {value:.4f}, error {error:.5f}, slope {by_length:+.5f}")
        found = sess.run(length)
        print("in ten seconds it comes through the middle", end=" ")
        print(sess.run(crossings, feed_dict={steps: 1000}), "times")
    print(f"length {found:.3f}, where {TRUE_LENGTH} is right")
    return [float(found), float(error)]


if __name__ == "__main__":
    main()
