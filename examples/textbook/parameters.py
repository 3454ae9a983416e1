"""How many numbers does a layer learn? Count the elements of its variables.

    python examples/textbook/parameters.py

prints

    five 3x3 kernels on 7x7x1                      50  5 · (3·3·1 weights + 1 bias)
    one dense neuron on 32x32x3, weights        3,072  a weight for each pixel and channel
    one dense neuron on 200x200x3, weights      120,000  so larger images need other layers
    1,024 dense units on 200x200           40,961,024  about 41 million
    ReLU on 7x7x5                                   0  a fixed function
    max-pooling 2x2 of 7x7x5                        0  its size and stride are hyper-parameters
"""

import tensorgraph as tf


def count(layer, *shape, use="all"):
    """Return how many elements the variables have that a layer makes for an input of a shape."""
    with tf.Graph().as_default():
        layer(tf.placeholder(tf.float32, [None, *shape]))
        made = [v for v in tf.trainable_variables() if use == "all" or use in v.name]
        return sum(v.shape.num_elements() for v in made)


def show(name, number, why):
    print(f"{name:36} {number:12,}  {why}")
    return number


def five_kernels(x):
    return tf.layers.conv2d(x, filters=5, kernel_size=3)


def neuron(x):
    return tf.layers.dense(tf.layers.flatten(x), 1)


def hidden_layer(x):
    return tf.layers.dense(tf.layers.flatten(x), 1024)


def pooling(x):
    return tf.layers.max_pooling2d(x, pool_size=2, strides=2)


numbers = [
    show("five 3x3 kernels on 7x7x1", count(five_kernels, 7, 7, 1), "5 · (3·3·1 weights + 1 bias)"),
    show(
        "one dense neuron on 32x32x3, weights",
        count(neuron, 32, 32, 3, use="kernel"),
        "a weight for each pixel and channel",
    ),
    show(
        "one dense neuron on 200x200x3, weights",
        count(neuron, 200, 200, 3, use="kernel"),
        "so larger images need other layers",
    ),
    show("1,024 dense units on 200x200", count(hidden_layer, 200, 200, 1), "about 41 million"),
    show("ReLU on 7x7x5", count(tf.nn.relu, 7, 7, 5), "a fixed function"),
    show(
        "max-pooling 2x2 of 7x7x5",
        count(pooling, 7, 7, 5),
        "its size and stride are hyper-parameters",
    ),
]
