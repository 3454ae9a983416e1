"""A variational autoencoder: a code with a distribution, from which new digits can be drawn.

    python examples/tf1/vae.py

Kingma and Welling, arXiv:1312.6114. The noise is fed, so that any engine draws the same numbers;
`tf.random_normal(tf.shape(mean))` would do it in the graph.

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import numpy as np

import tensorgraph as tf
from tensorgraph import data

CODE = 4
random = np.random.RandomState(0)


def dense(x, units, name):
    inputs = x.shape.as_list()[1]
    values = random.normal(0, np.sqrt(1 / inputs), [inputs, units])
    with tf.variable_scope(name, reuse=tf.AUTO_REUSE):
        weights = tf.get_variable(
            "weights", [inputs, units], initializer=tf.constant_initializer(values)
        )
        bias = tf.get_variable("bias", [units], initializer=tf.zeros_initializer())
    return tf.matmul(x, weights) + bias


def encoder(x):
    hidden = tf.nn.elu(dense(x, 32, "encoder/hidden"))
    return dense(hidden, CODE, "encoder/mean"), dense(hidden, CODE, "encoder/log_variance")


def decoder(code):
    """Return the logits of an image; a second call shares the variables of the first."""
    return dense(tf.nn.elu(dense(code, 32, "decoder/hidden")), 64, "decoder/image")


def main():
    random.seed(0)
    images = data.load("digits").x_train.reshape(-1, 64)

    x = tf.placeholder(tf.float32, [None, 64], name="images")
    noise = tf.placeholder(tf.float32, [None, CODE], name="noise")
    mean, log_variance = encoder(x)
    # The draw is mean + σ · noise: the gradient passes the noise by, to mean and variance.
    logits = decoder(mean + tf.exp(0.5 * log_variance) * noise)
    drawn = tf.sigmoid(decoder(noise), name="drawn")

    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=logits)
    reconstruction = tf.reduce_mean(tf.reduce_sum(losses, axis=1))
    # How far the code's distribution is from the standard normal one.
    parts = tf.square(mean) + tf.exp(log_variance) - log_variance - 1.0
    divergence = tf.reduce_mean(0.5 * tf.reduce_sum(parts, axis=1))
    train_op = tf.train.AdamOptimizer(0.005).minimize(reconstruction + divergence)
    print(len(tf.trainable_variables()), "variables, for both uses of the decoder")

    results = []
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(6):
            for start in range(0, len(images), 50):
                batch = images[start : start + 50]
                feed = {x: batch, noise: random.normal(size=[len(batch), CODE])}
                sess.run(train_op, feed_dict=feed)
            feed = {x: images, noise: np.zeros([len(images), CODE])}
            values = sess.run([reconstruction, divergence], feed_dict=feed)
            results += [float(v) for v in values]
            print("epoch {}: reconstruction {:.3f}, divergence {:.3f}".format(epoch + 1, *values))
        new = sess.run(drawn, feed_dict={noise: random.normal(size=[4, CODE])})
    print("New digits:")
    for row in np.concatenate(new.reshape(4, 8, 8), axis=1):
        print("".join(" .:-=+*#%@"[int(9.99 * pixel)] * 2 for pixel in row))
    return [*results, *new.ravel().tolist()]


if __name__ == "__main__":
    main()
