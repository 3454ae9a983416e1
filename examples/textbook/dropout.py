"""Dropout: in training a unit is kept with probability p, and divided by p so that sums stay.

    python examples/textbook/dropout.py

prints

    Ten units of 1, kept with p = 0.8, in three steps of training:
    1.25 1.25 1.25 1.25 1.25 1.25 1.25 1.25 0.00 0.00
    1.25 0.00 0.00 1.25 1.25 1.25 1.25 1.25 1.25 0.00
    1.25 0.00 0.00 0.00 0.00 1.25 1.25 1.25 1.25 1.25
    Of 200,000 units 0.80 are kept, each as 1.25; the mean stays 1.00.
    A neuron whose output is 0.5·1 - 1·2 + 2·3 = 4.5 in evaluation:
    not divided: mean in training 3.6, with weights times p 3.6
    divided:     mean in training 4.5, with the weights   4.5
"""

import numpy as np

import tensorgraph as tf

tf.set_random_seed(1)
P = 0.8

units = tf.ones([10])
dropped = tf.nn.dropout(units, keep_prob=P)
many = tf.nn.dropout(tf.ones([200000]), keep_prob=P)

# A neuron on three inputs. Its mean over many masks is the neuron without dropout, which is what
# evaluation computes. Who does not divide in training must scale the weights by p in evaluation.
inputs, weights = tf.constant([1.0, 2.0, 3.0]), tf.constant([0.5, -1.0, 2.0])
masks = tf.cast(tf.random_uniform([200000, 3]) < P, tf.float32)
undivided = tf.reduce_mean(tf.reduce_sum(inputs * masks * weights, 1))
divided = tf.reduce_mean(tf.reduce_sum(inputs * masks / P * weights, 1))
scaled = tf.reduce_sum(inputs * (P * weights))
whole = tf.reduce_sum(inputs * weights)

with tf.Session() as sess:
    print("Ten units of 1, kept with p = 0.8, in three steps of training:")
    for _ in range(3):
        print(" ".join(f"{unit:.2f}" for unit in sess.run(dropped)))
    values = sess.run(many)
    kept = np.mean(values > 0)
    print(f"Of 200,000 units {kept:.2f} are kept, each as {values.max():.2f};", end=" ")
    print(f"the mean stays {values.mean():.2f}.")
    means = sess.run([undivided, scaled, divided, whole])
print("A neuron whose output is 0.5·1 - 1·2 + 2·3 = 4.5 in evaluation:")
print("not divided: mean in training {:.1f}, with weights times p {:.1f}".format(*means[:2]))
print("divided:     mean in training {:.1f}, with the weights   {:.1f}".format(*means[2:]))
