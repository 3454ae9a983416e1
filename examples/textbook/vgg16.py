"""VGG-16's table: activations and weights of each layer, counted on the graph.

    python examples/textbook/vgg16.py

prints

    layer      volume       activations      weights
    image      224x224x3       150,528            0
    conv3-64   224x224x64    3,211,264        1,728
    conv3-64   224x224x64    3,211,264       36,864
    pool 2x2   112x112x64      802,816            0
    conv3-128  112x112x128   1,605,632       73,728
    conv3-128  112x112x128   1,605,632      147,456
    pool 2x2   56x56x128       401,408            0
    conv3-256  56x56x256       802,816      294,912
    conv3-256  56x56x256       802,816      589,824
    conv3-256  56x56x256       802,816      589,824
    pool 2x2   28x28x256       200,704            0
    conv3-512  28x28x512       401,408    1,179,648
    conv3-512  28x28x512       401,408    2,359,296
    conv3-512  28x28x512       401,408    2,359,296
    pool 2x2   14x14x512       100,352            0
    conv3-512  14x14x512       100,352    2,359,296
    conv3-512  14x14x512       100,352    2,359,296
    conv3-512  14x14x512       100,352    2,359,296
    pool 2x2   7x7x512          25,088            0
    dense      4096              4,096  102,760,448
    dense      4096              4,096   16,777,216
    dense      1000              1,000    4,096,000
    138,344,128 weights, most of them in the first dense layer
"""

import tensorgraph as tf

table = []


def show(name, x, weights):
    shape = x.shape.as_list()[1:]
    size = x.shape[1:].num_elements()
    table.append((size, weights))
    volume = "x".join(str(n) for n in shape)
    print(f"{name:10} {volume:12} {size:10,} {weights:12,}")
    return x


def conv(x, filters):
    kernel = [3, 3, x.shape.as_list()[3], filters]
    weights = tf.placeholder(tf.float32, kernel)
    y = tf.nn.relu(tf.nn.conv2d(x, weights, strides=1, padding="SAME"))
    return show(f"conv3-{filters}", y, weights.shape.num_elements())


def pool(x):
    return show("pool 2x2", tf.nn.max_pool(x, 2, 2, "VALID"), 0)


def dense(x, units):
    weights = tf.placeholder(tf.float32, [x.shape.as_list()[1], units])
    return show("dense", tf.matmul(x, weights), weights.shape.num_elements())


print("layer      volume       activations      weights")
x = show("image", tf.placeholder(tf.float32, [None, 224, 224, 3]), 0)
for filters, layers in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
    for _ in range(layers):
        x = conv(x, filters)
    x = pool(x)
x = tf.layers.flatten(x)
for units in (4096, 4096, 1000):
    x = dense(x, units)
total = sum(weights for _, weights in table)
print(f"{total:,} weights, most of them in the first dense layer")
