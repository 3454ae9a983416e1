"""word2vec: words that stand beside the same words come to lie beside each other.

    python examples/tf1/word2vec.py

The skip-gram model of Mikolov et al., arXiv:1301.3781, trained with noise-contrastive estimation:
each word must tell its true neighbour from a few words drawn at random. They are drawn here, so
that any engine has the same; without `sampled_values`, the loss draws them by itself.

With `import tensorflow.compat.v1 as tf; tf.disable_v2_behavior()` in place of the import below, it
runs on TensorFlow as it stands.
"""

import numpy as np

import tensorgraph as tf

SIZE, SAMPLED, BATCH = 8, 6, 32
random = np.random.RandomState(0)

KINDS = {
    "animals": ["cat", "dog", "horse", "cow"],
    "food": ["bread", "cheese", "soup", "rice"],
    "places": ["house", "garden", "street", "field"],
}
SENTENCES = [
    "the {animals} runs in the {places}",
    "a {animals} sleeps behind the {places}",
    "we eat {food} with hot {food}",
    "she cooks {food} and {food}",
    "he walks from the {places} to the {places}",
]


def corpus(count):
    """Return a text of made-up sentences, as a list of words."""
    text = []
    for _ in range(count):
        sentence = SENTENCES[random.randint(len(SENTENCES))]
        for word in sentence.split():
            kind = KINDS.get(word.strip("{}"))
            text.append(kind[random.randint(len(kind))] if kind else word)
    return text


def main():
    random.seed(0)
    text = corpus(1500)
    words, counts = np.unique(text, return_counts=True)
    numbers = {word: i for i, word in enumerate(words)}
    ids = np.array([numbers[word] for word in text])
    # Each word with those up to two places away.
    pairs = [(ids[:-d], ids[d:]) for d in (1, 2)] + [(ids[d:], ids[:-d]) for d in (1, 2)]
    centres, neighbours = (np.concatenate(side) for side in zip(*pairs, strict=True))

    centre = tf.placeholder(tf.int32, [BATCH], name="centre")
    neighbour = tf.placeholder(tf.int64, [BATCH, 1], name="neighbour")
    sampled = tf.placeholder(tf.int64, [SAMPLED], name="sampled")
    # Words are drawn as often as they stand in the text; the loss wants to know how often that is.
    often = tf.constant(SAMPLED * counts / counts.sum(), tf.float32)
    candidates = (sampled, tf.gather(often, neighbour), tf.gather(often, sampled))

    start = random.uniform(-0.5, 0.5, [len(words), SIZE]).astype(np.float32)
    embeddings = tf.Variable(start, name="embeddings")
    nce_weights = tf.Variable(tf.zeros([len(words), SIZE]), name="nce_weights")
    nce_biases = tf.Variable(tf.zeros([len(words)]), name="nce_biases")
    losses = tf.nn.nce_loss(
        weights=nce_weights,
        biases=nce_biases,
        labels=neighbour,
        inputs=tf.nn.embedding_lookup(embeddings, centre),
        num_sampled=SAMPLED,
        num_classes=len(words),
        sampled_values=candidates,
    )
    loss = tf.reduce_mean(losses)
    train_op = tf.train.AdagradOptimizer(0.5).minimize(loss)

    normal = tf.nn.l2_normalize(embeddings, axis=1)
    _, nearest = tf.nn.top_k(tf.matmul(normal, normal, transpose_b=True), 4)

    values = []
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(1500):
            chosen = random.randint(len(centres), size=BATCH)
            feed = {
                centre: centres[chosen],
                neighbour: neighbours[chosen, None],
                sampled: random.choice(ids, SAMPLED),
            }
            value, _ = sess.run([loss, train_op], feed_dict=feed)
            values.append(float(value))
            if step % 300 == 299:
                print(f"step {step + 1}: mean loss of the last 300 {np.mean(values[-300:]):.4f}")
        order = sess.run(nearest)
    found = []
    for kind in KINDS.values():
        for word in kind:
            others = [words[i] for i in order[numbers[word]] if i != numbers[word]][:3]
            found.append(sum(other in kind for other in others))
            print(f"nearest to {word}: {', '.join(others)}")
    print(f"{sum(found)} of {3 * len(found)} are of the same kind")
    return [float(sum(found)), *values[::100]]


if __name__ == "__main__":
    main()
