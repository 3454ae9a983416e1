"""AlexNet's volumes, from the image to the 1,000 classes, as the graph infers them.

    python examples/textbook/alexnet.py

prints

    image                        227x227x3
    conv 11x11, 96, stride 4     55x55x96
    pool 3x3, stride 2           27x27x96
    conv 5x5, 256                27x27x256
    pool 3x3, stride 2           13x13x256
    conv 3x3, 384                13x13x384
    conv 3x3, 384                13x13x384
    conv 3x3, 256                13x13x256
    pool 3x3, stride 2           6x6x256
    flatten                      9216
    dense 4096                   4096
    dense 4096                   4096
    dense 1000                   1000
"""

import tensorgraph as tf

volumes = []


def show(name, x):
    volumes.append(x.shape.as_list()[1:])
    print(f"{name:28}", "x".join(str(n) for n in volumes[-1]))
    return x


def conv(x, filters, size, stride=1, padding="same"):
    name = f"conv {size}x{size}, {filters}" + (f", stride {stride}" if stride > 1 else "")
    return show(name, tf.layers.conv2d(x, filters, size, stride, padding, activation=tf.nn.relu))


def pool(x):
    return show("pool 3x3, stride 2", tf.layers.max_pooling2d(x, 3, 2))


def dense(x, units):
    return show(f"dense {units}", tf.layers.dense(x, units))


x = show("image", tf.placeholder(tf.float32, [None, 227, 227, 3]))
x = pool(conv(x, 96, 11, stride=4, padding="valid"))
x = conv(tf.nn.lrn(x), 256, 5)
x = pool(x)
x = conv(tf.nn.lrn(x), 384, 3)
x = conv(x, 384, 3)
x = pool(conv(x, 256, 3))
x = show("flatten", tf.layers.flatten(x))
x = dense(dense(dense(x, 4096), 4096), 1000)
