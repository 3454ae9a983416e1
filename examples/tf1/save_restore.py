"""Training that is interrupted, goes on from a checkpoint, and ends as if it had not been.

    python examples/tf1/save_restore.py [FOLDER]

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import os
import sys
import tempfile

import numpy as np

import tensorgraph as tf

POINTS = np.random.RandomState(1).uniform(-1, 1, (64, 3)).astype(np.float32)
TARGETS = np.tanh(POINTS @ np.array([1.0, -2.0, 0.5], np.float32))


def build():
    """Build the network; Adam keeps two slots for each weight, which are saved too."""
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    y = tf.placeholder(tf.float32, [None], name="y")
    w = tf.Variable(tf.zeros([3]), name="w")
    prediction = tf.tanh(tf.reduce_sum(x * w, axis=1), name="prediction")
    loss = tf.reduce_mean(tf.square(prediction - y), name="loss")
    step = tf.train.get_or_create_global_step()
    tf.train.AdamOptimizer(0.1).minimize(loss, global_step=step, name="train")


def train(sess, steps):
    for _ in range(steps):
        sess.run("train", feed_dict={"x:0": POINTS, "y:0": TARGETS})


def weights_after(steps, folder=None):
    """Train from the beginning, or from where the last checkpoint of a folder left off."""
    with tf.Graph().as_default(), tf.Session() as sess:
        build()
        saver = tf.train.Saver(max_to_keep=3)
        latest = folder and tf.train.latest_checkpoint(folder)
        if latest:
            saver.restore(sess, latest)
        else:
            sess.run(tf.global_variables_initializer())
        done = sess.run(tf.train.get_global_step())
        train(sess, steps - done)
        if folder:
            path = saver.save(sess, os.path.join(folder, "model.ckpt"), tf.train.get_global_step())
            print(f"from step {done} to step {steps}, saved to {os.path.basename(path)}")
        return sess.run("w:0")


def predictions_of_the_saved_graph(folder):
    """Use the latest checkpoint without the code that built its graph."""
    with tf.Graph().as_default(), tf.Session() as sess:
        latest = tf.train.latest_checkpoint(folder)
        saver = tf.train.import_meta_graph(f"{latest}.meta")
        saver.restore(sess, latest)
        print("variables:", ", ".join(name for name, _ in tf.train.list_variables(folder)))
        return sess.run("prediction:0", feed_dict={"x:0": POINTS[:3]})


def main(arguments=()):
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments[0] if arguments else temporary
        for steps in (10, 25, 40):
            interrupted = weights_after(steps, folder)
        straight = weights_after(40)
        print("interrupted twice:", interrupted, " in one go:", straight)
        print("the same:", np.allclose(interrupted, straight, rtol=1e-6))
        saved = predictions_of_the_saved_graph(folder)
    return [*interrupted.tolist(), *straight.tolist(), *saved.tolist()]


if __name__ == "__main__":
    main(sys.argv[1:])
