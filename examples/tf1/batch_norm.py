"""Batch normalisation: what a training step has to run, and what is different after training.

    python examples/tf1/batch_norm.py

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
    deviation = np.sqrt(2 / np.prod(shape[:-1]))
    return tf.constant(random.normal(0, deviation, shape), dtype)


def network(images, training):
    """Return the logits of the ten digits: two normalised layers, and a plain one."""
    h = images
    for i, units in enumerate([64, 32]):
        # The bias would be taken out again by the normalisation, which has one of its own.
        h = tf.layers.dense(h, units, use_bias=False, kernel_initializer=drawn, name=f"hidden{i}")
        h = tf.layers.batch_normalization(h, momentum=0.9, training=training, name=f"norm{i}")
        h = tf.nn.relu(h)
    return tf.layers.dense(h, 10, kernel_initializer=drawn, name="logits")


def main():
    random.seed(0)
    examples = data.load("digits")

    x = tf.placeholder(tf.float32, [None, 64], name="images")
    y = tf.placeholder(tf.int64, [None], name="labels")
    training = tf.placeholder(tf.bool, [], name="training")

    logits = network(x, training)
    loss = tf.losses.sparse_softmax_cross_entropy(labels=y, logits=logits)
    correct = tf.equal(tf.argmax(logits, 1), y)
    accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))

    # The moving averages are no part of the loss: without these lines nothing updates them, and the
    # network is good in training and bad after it.
    update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(update_ops):
        train_op = tf.train.MomentumOptimizer(0.05, 0.9).minimize(loss)
    print("updates:", ", ".join(op.name for op in update_ops))

    losses = []
    images, test_images = (a.reshape(-1, 64) for a in (examples.x_train, examples.x_test))
    test = {x: test_images, y: examples.y_test, training: False}
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(10):
            order = random.permutation(len(images))
            for start in range(0, len(order), 50):
                batch = order[start : start + 50]
                feed = {x: images[batch], y: examples.y_train[batch], training: True}
                sess.run(train_op, feed_dict=feed)
            losses.append(float(sess.run(loss, feed_dict=test)))
        result = sess.run(accuracy, feed_dict=test)
        print(f"test accuracy {result:.4f} by the moving averages")

        # With them set back to where they began, the same weights are worth much less.
        averages = [v for v in tf.global_variables() if "moving" in v.name]
        sess.run(tf.variables_initializer(averages))
        forgotten = sess.run(accuracy, feed_dict=test)
        print(f"test accuracy {forgotten:.4f} without them")
    return [*losses, float(result), float(forgotten)]


if __name__ == "__main__":
    main()
