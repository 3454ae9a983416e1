"""The total error of a network's outputs: ½ Σ (target - output)².

    python examples/textbook/total_error.py

prints

    targets 0 0 1 0
    outputs 0.2 0.4 0.1 0.3 before training: ½ (0.04 + 0.16 + 0.81 + 0.09) = 0.55
    outputs 0.1 0.1 0.7 0.1 after it:        ½ (0.01 + 0.01 + 0.09 + 0.01) = 0.06
    The slope by each output is output - target: 0.2 0.4 -0.9 0.3
"""

import tensorgraph as tf

target = tf.constant([0.0, 0.0, 1.0, 0.0])
output = tf.placeholder(tf.float32, [4])
squares = tf.square(target - output)
error = 0.5 * tf.reduce_sum(squares)
(slope,) = tf.gradients(error, output)


def text(numbers):
    return " ".join(f"{number:.1f}" for number in numbers)


before, after = [0.2, 0.4, 0.1, 0.3], [0.1, 0.1, 0.7, 0.1]
errors = []
print("targets 0 0 1 0")
with tf.Session() as sess:
    for numbers, when in [(before, "before training:"), (after, "after it:       ")]:
        parts, total = sess.run([squares, error], feed_dict={output: numbers})
        errors.append(total)
        terms = " + ".join(f"{part:.2f}" for part in parts)
        print(f"outputs {text(numbers)} {when} ½ ({terms}) = {total:.2f}")
    slopes = sess.run(slope, feed_dict={output: before})
print(f"The slope by each output is output - target: {text(slopes)}")
