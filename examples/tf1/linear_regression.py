"""A line through points: a variable for each number, a loss, an optimizer, a loop.

    python examples/tf1/linear_regression.py

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import numpy as np

import tensorgraph as tf


def main():
    random = np.random.RandomState(0)
    inputs = random.uniform(-1, 1, 100)
    outputs = 3 * inputs + 2 + random.normal(0, 0.1, 100)

    x = tf.placeholder(tf.float32, [None], name="x")
    y = tf.placeholder(tf.float32, [None], name="y")
    slope = tf.Variable(0.0, name="slope")
    intercept = tf.Variable(0.0, name="intercept")
    prediction = slope * x + intercept
    loss = tf.reduce_mean(tf.square(prediction - y))

    # The steps become smaller: by a tenth after every fifty.
    global_step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.2, global_step, 50, 0.9, staircase=True)
    train_op = tf.train.GradientDescentOptimizer(rate).minimize(loss, global_step)

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(200):
            start = step % 10 * 10
            batch = slice(start, start + 10)
            sess.run(train_op, feed_dict={x: inputs[batch], y: outputs[batch]})
            if step % 50 == 49:
                value, now = sess.run([loss, rate], feed_dict={x: inputs, y: outputs})
                print(f"step {step + 1}: loss {value:.5f} at learning rate {now:.4f}")
        found = sess.run([slope, intercept, loss], feed_dict={x: inputs, y: outputs})
    print("y = {:.3f} x + {:.3f}, mean square error {:.5f}".format(*found))
    return [float(v) for v in found]


if __name__ == "__main__":
    main()
