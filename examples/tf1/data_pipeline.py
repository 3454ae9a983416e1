"""A tf.data pipeline: examples from arrays and from a generator, one iterator for two sets.

    python examples/tf1/data_pipeline.py

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import numpy as np

import tensorgraph as tf
from tensorgraph import data

BATCH = 60


def pipeline(images, labels):
    """Return batches of flat images and one-hot labels."""
    dataset = tf.data.Dataset.from_tensor_slices((images, labels))
    # The functions build operations; they are called once, and what they built runs for each
    # example. A training set would be shuffled here, by `.shuffle(len(images))`: left out, so that
    # every run gives the same numbers.
    dataset = dataset.map(lambda x, n: (tf.reshape(x, [64]), tf.one_hot(n, 10)))
    return dataset.batch(BATCH).prefetch(1)


def word_lengths():
    """Count what a Python generator yields, by words of different lengths in one batch."""

    def words():
        for text in ("a", "few", "words", "of", "text"):
            yield [ord(letter) for letter in text]

    dataset = tf.data.Dataset.from_generator(words, tf.int32, [None])
    dataset = dataset.filter(lambda letters: tf.size(letters) > 1).padded_batch(4, [None])
    letters = dataset.make_one_shot_iterator().get_next()
    with tf.Session() as sess:
        return sess.run(tf.reduce_sum(tf.cast(letters > 0, tf.int32), axis=1)).tolist()


def main():
    examples = data.load("digits")
    train_set = pipeline(examples.x_train, examples.y_train)
    test_set = pipeline(examples.x_test, examples.y_test)

    iterator = tf.data.Iterator.from_structure(train_set.output_types, train_set.output_shapes)
    images, labels = iterator.get_next()
    begin_training = iterator.make_initializer(train_set)
    begin_test = iterator.make_initializer(test_set)

    w = tf.Variable(tf.zeros([64, 10]))
    b = tf.Variable(tf.zeros([10]))
    logits = tf.matmul(images, w) + b
    losses = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
    train_op = tf.train.GradientDescentOptimizer(0.5).minimize(tf.reduce_mean(losses))
    hits = tf.cast(tf.equal(tf.argmax(logits, 1), tf.argmax(labels, 1)), tf.float32)

    def each_batch(sess, begin, fetch):
        """Return what `fetch` gives for every batch of a set."""
        sess.run(begin)
        found = []
        while True:
            try:
                found.append(sess.run(fetch))
            except tf.errors.OutOfRangeError:
                return found

    results = []
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for epoch in range(5):
            steps = len(each_batch(sess, begin_training, train_op))
            accuracy = np.concatenate(each_batch(sess, begin_test, hits)).mean()
            print(f"epoch {epoch + 1}: {steps} steps, test accuracy {accuracy:.4f}")
            results.append(float(accuracy))
    lengths = word_lengths()
    print("word lengths:", lengths)
    return [*results, *lengths]


if __name__ == "__main__":
    main()
