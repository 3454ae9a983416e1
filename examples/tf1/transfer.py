"""What was learnt in one scope is carried over to another: features of 0 to 4 serve for 5 to 9.

    python examples/tf1/transfer.py

A network learns the digits 0 to 4 from many examples. Its hidden layer is copied into the scope of
a second network, which has ten examples of each of the other digits, and learns only a new head.

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import numpy as np

import tensorgraph as tf
from tensorgraph import data

random = np.random.RandomState(0)


def dense(x, units, name):
    inputs = x.shape.as_list()[1]
    values = random.normal(0, np.sqrt(1 / inputs), [inputs, units])
    with tf.variable_scope(name):
        weights = tf.get_variable(
            "weights", [inputs, units], initializer=tf.constant_initializer(values)
        )
        bias = tf.get_variable("bias", [units], initializer=tf.zeros_initializer())
    return tf.matmul(x, weights) + bias


class Network:
    """Two layers under a scope; `trained` says which part of them learns."""

    def __init__(self, scope, x, y, trained=""):
        with tf.variable_scope(scope):
            logits = dense(tf.nn.relu(dense(x, 8, "features")), 5, "head")
            cross_entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
            self.loss = tf.reduce_mean(cross_entropy)
            variables = tf.trainable_variables(f"{scope}/{trained}")
            # Few examples are soon learnt by heart: with a smaller epsilon, RMSProp would go on to
            # make whole steps of gradients that are only rounding errors.
            optimizer = tf.train.RMSPropOptimizer(0.01, epsilon=1e-3)
            self.train_op = optimizer.minimize(self.loss, var_list=variables)
        correct = tf.equal(tf.argmax(logits, 1), y)
        self.accuracy = tf.reduce_mean(tf.cast(correct, tf.float64))


def copy(source, target):
    """Return the operation that gives the variables of a scope the values of another scope's."""
    values = {v.op.name: v for v in tf.global_variables(f"{source}/")}
    return tf.group(
        *[
            tf.assign(v, values[v.op.name.replace(target, source, 1)])
            for v in tf.global_variables(f"{target}/")
            if v.op.name.replace(target, source, 1) in values
        ]
    )


def main():
    random.seed(0)
    examples = data.load("digits")
    low = examples.y_train < 5
    images = examples.x_train.reshape(-1, 64)
    test_images, test_labels = examples.x_test.reshape(-1, 64), examples.y_test
    few = np.concatenate([np.where(examples.y_train == digit)[0][:10] for digit in range(5, 10)])

    x = tf.placeholder(tf.float32, [None, 64], name="images")
    y = tf.placeholder(tf.int64, [None], name="labels")
    first = Network("first", x, y)
    second = Network("second", x, y, trained="head")
    transfer = copy("first/features", "second/features")

    def accuracy(network, start):
        part = (test_labels >= start) & (test_labels < start + 5)
        feed = {x: test_images[part], y: test_labels[part] - start}
        return float(sess.run(network.accuracy, feed_dict=feed))

    few_examples = {x: images[few], y: examples.y_train[few] - 5}
    results = []
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        fresh = {v.name: sess.run(v) for v in tf.global_variables("second/")}
        for _ in range(150):
            sess.run(second.train_op, feed_dict=few_examples)
        results.append(accuracy(second, 5))
        print(f"5 to 9 on random features:       {results[-1]:.4f}")

        for _ in range(150):
            sess.run(first.train_op, feed_dict={x: images[low], y: examples.y_train[low]})
        results.append(accuracy(first, 0))
        print(f"0 to 4, the first network:       {results[-1]:.4f}")

        for v in tf.global_variables("second/"):
            v.load(fresh[v.name], sess)
        sess.run(transfer)
        for _ in range(150):
            sess.run(second.train_op, feed_dict=few_examples)
        results.append(accuracy(second, 5))
        print(f"5 to 9 on the first's features:  {results[-1]:.4f}")

        kept = sess.run(
            [tf.reduce_sum(tf.abs(v)) for v in tf.trainable_variables("[a-z]*/features/weights")]
        )
    print("the copy has stayed what it was:", kept[0] == kept[1])
    return [*results, float(kept[0]), float(kept[1])]


if __name__ == "__main__":
    main()
