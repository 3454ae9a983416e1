"""A convolutional network for digits, of tf.layers, tf.losses and tf.metrics.

    python examples/tf1/convnet_layers.py

The mask of the dropout is fed, so that any engine drops the same features;
`tf.layers.dropout(h, 0.3, training=training)` would draw it in the graph.

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import numpy as np

import tensorgraph as tf
from tensorgraph import data

FEATURES, KEPT = 128, 0.7
random = np.random.RandomState(0)


def drawn(shape, dtype=tf.float32, partition_info=None):
    """Initialise with numbers that NumPy draws, so that any engine begins with the same ones."""
    shape = tf.TensorShape(shape).as_list()
    deviation = np.sqrt(2 / np.prod(shape[:-1]))
    return tf.constant(random.normal(0, deviation, shape), dtype)


def network(images, mask):
    """Return the logits of the ten digits."""
    with tf.variable_scope("features", initializer=drawn):
        h = tf.layers.conv2d(images, 16, 3, padding="same", activation=tf.nn.relu)
        h = tf.layers.max_pooling2d(h, 2, 2)
        h = tf.layers.conv2d(h, 32, 3, padding="same", activation=tf.nn.relu)
        h = tf.layers.max_pooling2d(h, 2, 2)
    h = tf.layers.flatten(h) * mask
    return tf.layers.dense(h, 10, kernel_initializer=drawn, name="logits")


def main():
    random.seed(0)
    examples = data.load("digits")

    x = tf.placeholder(tf.float32, [None, 8, 8, 1], name="images")
    y = tf.placeholder(tf.int64, [None], name="labels")
    # Nothing is dropped unless a mask is fed.
    everything = np.ones([1, FEATURES], np.float32)
    mask = tf.placeholder_with_default(everything, [None, FEATURES], name="mask")

    logits = network(x, mask)
    loss = tf.losses.sparse_softmax_cross_entropy(labels=y, logits=logits)
    train_op = tf.train.AdamOptimizer(0.003).minimize(loss)
    accuracy, update_accuracy = tf.metrics.accuracy(labels=y, predictions=tf.argmax(logits, 1))

    for v in tf.trainable_variables():
        print(f"{v.op.name:28} {v.shape.as_list()}")

    results = []
    images, test_images = examples.x_train, examples.x_test
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(6):
            order = random.permutation(len(images))
            losses = []
            for start in range(0, len(order), 50):
                batch = order[start : start + 50]
                # What is kept is scaled up, so that the sum expected of it stays the same.
                kept = (random.uniform(size=[len(batch), FEATURES]) < KEPT) / KEPT
                feed = {x: images[batch], y: examples.y_train[batch], mask: kept}
                losses.append(sess.run([loss, train_op], feed_dict=feed)[0])
            # The metric counts over as many batches as there are; its variables are local ones.
            sess.run(tf.local_variables_initializer())
            for start in range(0, len(test_images), 100):
                part = slice(start, start + 100)
                feed = {x: test_images[part], y: examples.y_test[part]}
                sess.run(update_accuracy, feed_dict=feed)
            result = sess.run(accuracy)
            results.append(float(np.mean(losses)))
            print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, test accuracy {result:.4f}")
    return [*results, float(result)]


if __name__ == "__main__":
    main()
