"""A generative adversarial network in one dimension: noise learns to look like the data.

    python examples/tf1/gan.py

Goodfellow et al., arXiv:1406.2661. Two networks, each with an optimizer for its own variables. The
noise is fed, so that any engine draws the same numbers.

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import numpy as np

import tensorgraph as tf

MEAN, DEVIATION = 3.0, 0.5
random = np.random.RandomState(0)


def dense(x, units, name):
    inputs = x.shape.as_list()[1]
    values = random.normal(0, 0.5, [inputs, units])
    with tf.variable_scope(name):
        weights = tf.get_variable(
            "weights", [inputs, units], tf.float64, tf.constant_initializer(values)
        )
        bias = tf.get_variable("bias", [units], tf.float64, tf.zeros_initializer())
    return tf.matmul(x, weights) + bias


def generator(noise):
    with tf.variable_scope("generator"):
        return dense(tf.nn.softplus(dense(noise, 8, "hidden")), 1, "number")


def discriminator(x, reuse):
    """Return the logit of "this is data"; the second call reuses the first one's variables."""
    with tf.variable_scope("discriminator", reuse=reuse):
        # Beside the number its square: so it can see how far numbers lie apart.
        features = tf.concat([x, tf.square(x)], axis=1)
        return dense(tf.tanh(dense(features, 16, "hidden")), 1, "logit")


def cross_entropy(logits, is_data):
    labels = tf.fill(tf.shape(logits), tf.constant(is_data, tf.float64))
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits)
    return tf.reduce_mean(losses)


def main():
    random.seed(0)
    x = tf.placeholder(tf.float64, [None, 1], name="data")
    noise = tf.placeholder(tf.float64, [None, 1], name="noise")
    made = generator(noise)
    on_data, on_made = discriminator(x, reuse=False), discriminator(made, reuse=True)

    discriminator_loss = cross_entropy(on_data, 1.0) + cross_entropy(on_made, 0.0)
    generator_loss = cross_entropy(on_made, 1.0)
    steps = []
    for loss, scope in [(discriminator_loss, "discriminator"), (generator_loss, "generator")]:
        variables = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope=scope)
        print(f"{scope}: {len(variables)} variables")
        optimizer = tf.train.AdamOptimizer(0.005, beta1=0.5)
        steps.append(optimizer.minimize(loss, var_list=variables))

    results = []
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for i in range(1201):
            feed = {
                x: random.normal(MEAN, DEVIATION, [64, 1]),
                noise: random.normal(size=[64, 1]),
            }
            # The generator learns from what the discriminator knows, so that one goes ahead.
            for step in [steps[0]] * 3 + [steps[1]]:
                sess.run(step, feed_dict=feed)
            if i % 200 == 0:
                numbers = sess.run(made, feed_dict={noise: np.linspace(-2, 2, 101)[:, None]})
                results += [float(numbers.mean()), float(numbers.std())]
                print(
                    f"step {i}: made numbers of mean {results[-2]:.3f}, deviation {results[-1]:.3f}"
                )
    print(f"the data: mean {MEAN}, deviation {DEVIATION}")
    return results


if __name__ == "__main__":
    main()
