"""What training writes for TensorBoard: curves, distributions, pictures, and the graph.

    python examples/tf1/tensorboard.py [FOLDER]
    tensorboard --logdir FOLDER

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import os
import sys
import tempfile

import numpy as np

import tensorgraph as tf
from tensorgraph import data


def main(arguments=()):
    examples = data.load("digits")
    x = tf.placeholder(tf.float32, [None, 8, 8, 1], name="images")
    y = tf.placeholder(tf.int64, [None], name="labels")
    with tf.name_scope("softmax"):
        w = tf.Variable(tf.zeros([64, 10]), name="w")
        logits = tf.matmul(tf.reshape(x, [-1, 64]), w, name="logits")
    with tf.name_scope("loss"):
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
        loss = tf.reduce_mean(losses)
    with tf.name_scope("accuracy"):
        accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), y), tf.float32))
    train_op = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)

    tf.summary.scalar("loss_now", loss)
    tf.summary.scalar("accuracy_now", accuracy)
    tf.summary.histogram("weights", w)
    # What each digit's weights look like: a picture of eight by eight.
    pictures = tf.reshape(tf.transpose(w), [10, 8, 8, 1])
    tf.summary.image("weights_of_digits", pictures, max_outputs=10)
    merged = tf.summary.merge_all()

    folder = arguments[0] if arguments else os.path.join(tempfile.gettempdir(), "tf1-tensorboard")
    test = {x: examples.x_test, y: examples.y_test}
    with tf.Session() as sess:
        writers = {
            name: tf.summary.FileWriter(os.path.join(folder, name), sess.graph)
            for name in ("train", "test")
        }
        sess.run(tf.global_variables_initializer())
        for step in range(40):
            rows = np.arange(step * 100, step * 100 + 100) % len(examples.x_train)
            feed = {x: examples.x_train[rows], y: examples.y_train[rows]}
            summary, _ = sess.run([merged, train_op], feed_dict=feed)
            writers["train"].add_summary(summary, step)
            if step % 10 == 9:
                summary, value = sess.run([merged, accuracy], feed_dict=test)
                writers["test"].add_summary(summary, step)
                print(f"step {step + 1}: test accuracy {value:.4f}")
        for writer in writers.values():
            writer.close()
        result = sess.run([loss, accuracy], feed_dict=test)
    print(f"see it: tensorboard --logdir {folder}")
    return [float(v) for v in result]


if __name__ == "__main__":
    main(sys.argv[1:])
