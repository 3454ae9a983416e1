"""A recurrent network that reads a digit row by row, from the top to the bottom.

    python examples/tf1/lstm_digits.py

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import numpy as np

import tensorgraph as tf
from tensorgraph import data

random = np.random.RandomState(0)


def drawn(shape, dtype=tf.float32, partition_info=None):
    """Initialise with numbers that NumPy draws, so that any engine begins with the same ones."""
    shape = tf.TensorShape(shape).as_list()
    deviation = np.sqrt(1 / np.prod(shape[:-1]))
    return tf.constant(random.normal(0, deviation, shape), dtype)


def main():
    random.seed(0)
    examples = data.load("digits")

    # Each image is a sequence of eight rows with eight pixels each.
    x = tf.placeholder(tf.float32, [None, 8, 8], name="rows")
    y = tf.placeholder(tf.int64, [None], name="labels")

    # The cells make their variables where they are called: in a scope that knows how to draw them.
    cells = [tf.nn.rnn_cell.LSTMCell(32), tf.nn.rnn_cell.GRUCell(32)]
    with tf.variable_scope("reader", initializer=drawn):
        outputs, states = tf.nn.dynamic_rnn(tf.nn.rnn_cell.MultiRNNCell(cells), x, dtype=tf.float32)
    print("outputs", outputs.shape, "and last states", [s.shape for s in (states[0].h, states[1])])

    # What the upper cell remembers after the last row decides.
    with tf.variable_scope("logits", initializer=drawn):
        weights = tf.get_variable("weights", [32, 10])
        bias = tf.get_variable("bias", [10], initializer=tf.zeros_initializer())
    logits = tf.matmul(states[1], weights) + bias
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), y), tf.float32))

    # Gradients through many steps can explode: their norm is limited before they are applied.
    optimizer = tf.train.AdamOptimizer(0.01)
    gradients, variables = zip(*optimizer.compute_gradients(loss), strict=True)
    clipped, norm = tf.clip_by_global_norm(gradients, 5.0)
    train_op = optimizer.apply_gradients(zip(clipped, variables, strict=True))
    for variable in variables:
        print(variable.name, variable.shape)

    norms = []
    images, test_images = (a.reshape(-1, 8, 8) for a in (examples.x_train, examples.x_test))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(8):
            order = random.permutation(len(images))
            for start in range(0, len(order), 50):
                batch = order[start : start + 50]
                feed = {x: images[batch], y: examples.y_train[batch]}
                _, size = sess.run([train_op, norm], feed_dict=feed)
            norms.append(float(size))
            result = sess.run(accuracy, feed_dict={x: test_images, y: examples.y_test})
            print(f"epoch {epoch + 1}: test accuracy {result:.4f}, last gradient norm {size:.2f}")
    return [*norms, float(result)]


if __name__ == "__main__":
    main()
