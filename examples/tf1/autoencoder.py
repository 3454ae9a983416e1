"""An autoencoder: digits through a layer of ten numbers, and back again.

    python examples/tf1/autoencoder.py

The decoder uses the encoder's weights the other way round, so each is learnt from both sides.

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import numpy as np

import tensorgraph as tf
from tensorgraph import data


def show(*images):
    """Draw images beside each other."""
    for row in np.concatenate([image.reshape(8, 8) for image in images], axis=1):
        print("".join(" .:-=+*#%@"[int(9.99 * min(max(pixel, 0), 1))] * 2 for pixel in row))


def main():
    random = np.random.RandomState(0)
    examples = data.load("digits")
    images, test_images = (a.reshape(-1, 64) for a in (examples.x_train, examples.x_test))

    x = tf.placeholder(tf.float32, [None, 64], name="images")
    weights = tf.Variable(random.normal(0, 0.1, [64, 10]).astype(np.float32), name="weights")
    into_code = tf.Variable(tf.zeros([10]), name="into_code")
    into_image = tf.Variable(tf.zeros([64]), name="into_image")

    with tf.name_scope("encoder"):
        code = tf.tanh(tf.matmul(x, weights) + into_code)
    with tf.name_scope("decoder"):
        restored = tf.sigmoid(tf.matmul(code, weights, transpose_b=True) + into_image)
    loss = tf.reduce_mean(tf.reduce_sum(tf.squared_difference(restored, x), axis=1))
    train_op = tf.train.AdamOptimizer(0.01).minimize(loss)

    errors = []
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(8):
            for start in range(0, len(images), 50):
                sess.run(train_op, feed_dict={x: images[start : start + 50]})
            errors.append(float(sess.run(loss, feed_dict={x: test_images})))
            print(f"epoch {epoch + 1}: squared error of a test image {errors[-1]:.4f}")
        numbers, pictures = sess.run([code, restored], feed_dict={x: test_images[:3]})
    # The mean image as the answer to everything is what an autoencoder must beat.
    plain = np.square(test_images - images.mean(axis=0)).sum(axis=1).mean()
    print(f"the mean image would give {plain:.4f}")
    show(*test_images[:3])
    show(*pictures)
    return [*errors, float(plain), *numbers.ravel().tolist()]


if __name__ == "__main__":
    main()
