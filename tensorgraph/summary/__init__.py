"""Summaries and the files of TensorBoard, under the names of ``tf.summary``.

The library that writes them comes with the extra ``tensorboard``:
``pip install 'tensorgraph-engine[tensorboard]'``.

>>> tf.summary.scalar("loss", loss)
>>> merged = tf.summary.merge_all()
>>> with tf.summary.FileWriter("run", sess.graph) as writer:
...     writer.add_summary(sess.run(merged, feeds), step)
"""

from typing import TYPE_CHECKING, Any

from tensorgraph.base.advice import missing
from tensorgraph.ops.summary import histogram, image, merge, merge_all, protocol, scalar, text
from tensorgraph.summary.writer import FileWriter

__all__ = ["FileWriter", "histogram", "image", "merge", "merge_all", "scalar", "text"]

if not TYPE_CHECKING:  # so that type checkers still know what does not exist

    def __getattr__(name: str) -> Any:
        # The message itself, for scripts that fill one by hand.
        if name == "Summary":
            return protocol().Summary
        raise missing("tf.summary", name, [*__all__, "Summary"])
