"""Is it a three or an eight? Logistic regression, with a penalty on large weights.

    python examples/tf1/logistic_regression.py

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import tensorgraph as tf
from tensorgraph import data

THREE, EIGHT = 3, 8


def chosen(images, labels):
    """Return the images of the two digits as rows, and 1 for each eight, 0 for each three."""
    keep = (labels == THREE) | (labels == EIGHT)
    return images[keep].reshape(-1, 64), (labels[keep] == EIGHT).astype("float32")


def main():
    examples = data.load("digits")
    images, labels = chosen(examples.x_train, examples.y_train)
    test_images, test_labels = chosen(examples.x_test, examples.y_test)

    x = tf.placeholder(tf.float32, [None, 64], name="images")
    y = tf.placeholder(tf.float32, [None], name="is_eight")
    weights = tf.get_variable("weights", [64], initializer=tf.zeros_initializer())
    bias = tf.get_variable("bias", [], initializer=tf.zeros_initializer())
    logits = tf.tensordot(x, weights, axes=1) + bias

    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits)
    penalty = 0.01 * tf.nn.l2_loss(weights)
    loss = tf.add(tf.reduce_mean(losses), penalty, name="loss")
    train_op = tf.train.GradientDescentOptimizer(1.0).minimize(loss)

    # How often it is right when it says "eight", and how many of the eights it finds.
    says_eight = tf.cast(tf.greater(logits, 0.0), tf.float32)
    hits = tf.reduce_sum(says_eight * y)
    precision = hits / tf.reduce_sum(says_eight)
    recall = hits / tf.reduce_sum(y)

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(200):
            value, _ = sess.run([loss, train_op], feed_dict={x: images, y: labels})
            if step % 50 == 0:
                print(f"step {step:3d}: loss {value:.4f}")
        test = {x: test_images, y: test_labels}
        right, found = sess.run([precision, recall], feed_dict=test)
        print(f"precision {right:.3f}, recall {found:.3f} on {len(test_labels)} test images")

        # A weight for each pixel: where ink speaks for an eight (+) or for a three (-).
        picture = sess.run(weights).reshape(8, 8)
    for row in picture:
        print(" ".join("+" if w > 0.25 else "-" if w < -0.25 else "." for w in row))
    return [float(value), float(right), float(found), *picture.ravel().tolist()]


if __name__ == "__main__":
    main()
