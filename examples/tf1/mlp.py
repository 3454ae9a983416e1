"""A multilayer perceptron for digits, of plain variables in variable scopes.

    python examples/tf1/mlp.py

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import numpy as np

import tensorgraph as tf
from tensorgraph import data

random = np.random.RandomState(0)


def dense(x, units, name, activation=None):
    """Return a dense layer; its penalty goes to the collection of losses."""
    inputs = x.shape.as_list()[1]
    values = random.normal(0, np.sqrt(2 / inputs), [inputs, units])
    with tf.variable_scope(name):
        weights = tf.get_variable(
            "weights", [inputs, units], initializer=tf.constant_initializer(values)
        )
        bias = tf.get_variable("bias", [units], initializer=tf.zeros_initializer())
        tf.add_to_collection(tf.GraphKeys.LOSSES, 1e-4 * tf.nn.l2_loss(weights))
        y = tf.nn.bias_add(tf.matmul(x, weights), bias)
        return y if activation is None else activation(y)


def main():
    random.seed(0)
    examples = data.load("digits")
    images, test_images = (a.reshape(-1, 64) for a in (examples.x_train, examples.x_test))

    x = tf.placeholder(tf.float32, [None, 64], name="images")
    y = tf.placeholder(tf.int64, [None], name="labels")
    with tf.variable_scope("mlp"):
        hidden = dense(x, 48, "hidden1", tf.nn.relu)
        hidden = dense(hidden, 32, "hidden2", tf.tanh)
        logits = dense(hidden, 10, "logits")
    for v in tf.trainable_variables():
        print(f"{v.name:24} {v.shape}")

    cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    loss = tf.reduce_mean(cross_entropy) + tf.add_n(tf.get_collection(tf.GraphKeys.LOSSES))
    correct = tf.nn.in_top_k(logits, y, 1)
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))

    step = tf.train.get_or_create_global_step()
    rate = tf.train.piecewise_constant(step, [60, 100], [0.1, 0.05, 0.02])
    train_op = tf.train.MomentumOptimizer(rate, 0.9).minimize(loss, global_step=step)

    losses = []
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(5):
            for start in range(0, len(images), 50):
                batch = slice(start, start + 50)
                feed = {x: images[batch], y: examples.y_train[batch]}
                sess.run(train_op, feed_dict=feed)
            value = sess.run(loss, feed_dict={x: images, y: examples.y_train})
            losses.append(float(value))
            result = sess.run(accuracy, feed_dict={x: test_images, y: examples.y_test})
            print(f"epoch {epoch + 1}: loss {value:.4f}, test accuracy {result:.4f}")
    return [*losses, float(result)]


if __name__ == "__main__":
    main()
