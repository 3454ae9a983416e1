"""What to use in place of names of TensorFlow 1 that are not here.

Each namespace hands its missing names to `missing`, so that the error says what helps.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LOOP = "a loop around session.run, with tf.train.Saver to save and tf.summary.FileWriter to log"

# What to do, and in place of which names (without "tf.").
_GROUPS = (
    # The names of TensorFlow before 1.0
    ("use tf.concat", "concat_v2"),
    ("use tf.global_variables", "all_variables"),
    ("use tf.global_variables_initializer", "initialize_all_variables"),
    ("use tf.local_variables_initializer", "initialize_local_variables"),
    ("use tf.variables_initializer", "initialize_variables"),
    ("use tf.matmul", "batch_matmul"),
    ("use tf.multiply", "mul"),
    ("use tf.negative", "neg"),
    ("use tf.stack", "pack"),
    ("use tf.subtract", "sub"),
    ("use tf.unstack", "unpack"),
    ("use tf.where", "select"),
    ("use tf.summary.scalar", "scalar_summary"),
    ("use tf.summary.histogram", "histogram_summary"),
    ("use tf.summary.image", "image_summary"),
    ("use tf.summary.merge", "merge_summary"),
    ("use tf.summary.merge_all", "merge_all_summaries"),
    (
        "use tf.summary.FileWriter",
        "train.SummaryWriter summary.FileWriterCache contrib.tensorboard",
    ),
    # Other ways to build and to run
    (
        "leave it out: graphs are built first, and tf.Session().run computes their tensors",
        "enable_eager_execution enable_v2_behavior contrib.eager function",
    ),
    ("use tf.gradients", "GradientTape"),
    ("use tf.cond and tf.while_loop", "contrib.autograph"),
    ("use tf.layers, tf.nn and an optimizer of tf.train, or a network in a .net file", "keras"),
    (
        f"use a function that builds the graph, and {_LOOP}",
        "estimator contrib.learn contrib.training contrib.tpu",
    ),
    ("use arrays as inputs, with tf.one_hot for categories", "feature_column"),
    (
        f"use tf.Session, in {_LOOP}",
        """
        train.MonitoredSession train.MonitoredTrainingSession train.SessionManager
        train.SingularMonitoredSession train.Supervisor train.Scaffold
        """,
    ),
    (
        f"use {_LOOP}",
        """
        train.CheckpointSaverHook train.FeedFnHook train.FinalOpsHook
        train.LoggingTensorHook train.NanTensorHook train.ProfilerHook
        train.SecondOrStepTimer train.SessionRunArgs train.SessionRunHook
        train.StepCounterHook train.StopAtStepHook train.SummarySaverHook
        """,
    ),
    (
        "leave it out: a session runs where the script runs, on one machine",
        """
        contrib.distribute distribute train.ChiefSessionCreator train.ClusterDef
        train.ClusterSpec train.JobDef train.Server train.ServerDef
        train.SyncReplicasOptimizer train.WorkerSessionCreator
        train.replica_device_setter
        """,
    ),
    # Where data comes from
    (
        "use a tf.data.Dataset, which needs no queues and no threads",
        """
        FIFOQueue PaddingFIFOQueue QueueBase RandomShuffleQueue train.Coordinator
        train.LooperThread train.QueueRunner train.add_queue_runner train.batch
        train.batch_join train.input_producer train.limit_epochs train.maybe_batch
        train.queue_runner train.range_input_producer train.shuffle_batch
        train.shuffle_batch_join train.slice_input_producer train.start_queue_runners
        train.string_input_producer contrib.data
        """,
    ),
    (
        "use Python's open(): feed what it reads, or yield it for tf.data.Dataset.from_generator",
        """
        read_file write_file matching_files gfile io TextLineReader WholeFileReader
        data.TextLineDataset
        """,
    ),
    (
        "use Pillow: feed numpy.asarray(PIL.Image.open(path)), or yield it from a generator",
        """
        image.decode_bmp image.decode_gif image.decode_image image.decode_jpeg
        image.decode_png
        """,
    ),
    ("use Pillow on what session.run returns", "image.encode_jpeg image.encode_png"),
    (
        "use a Python reader of the files, for tf.data.Dataset.from_generator",
        """
        FixedLenFeature TFRecordReader VarLenFeature data.FixedLengthRecordDataset
        data.TFRecordDataset data.experimental decode_csv decode_raw parse_example
        parse_single_example python_io train.Example train.Feature train.Features
        """,
    ),
    # Saving
    ("use tf.train.Saver, whose .meta file holds the graph", "saved_model"),
    ("use tf.train.Saver", "train.Checkpoint train.CheckpointManager"),
    ("use tf.train.Saver with a dict of names, and its restore", "train.init_from_checkpoint"),
    ("use Graph.as_graph_def and tf.import_graph_def", "graph_util"),
    # tf.contrib, and what no script should have used
    ("use tf.layers and tf.losses", "contrib.slim"),
    ("use tf.get_variable, tf.variable_scope and tf.train", "contrib.framework"),
    ("use tf.losses", "contrib.losses"),
    ("use tf.metrics", "contrib.metrics"),
    ("use tf.nn.dynamic_rnn, or a loop by tf.while_loop", "contrib.seq2seq"),
    ("use tf.summary", "contrib.summary"),
    (
        "use scikit-learn, which needs no graph for it",
        "contrib.boosted_trees contrib.factorization contrib.tensor_forest",
    ),
    ("use tf itself, which has the public names", "compat contrib.compiler"),
    # Kinds of values
    ("use a dense tensor", "SparseTensor sparse_placeholder SparseTensorValue"),
    ("use two tensors, the real and the imaginary part", "complex64 complex128"),
    ("use tf.float16", "bfloat16"),
    ("use tf.int8", "qint8"),
    ("use tf.summary.histogram or tf.summary.text", "summary.tensor_summary"),
    ("use a sound file of its own", "summary.audio"),
)

ADVICE = {name: advice for advice, names in _GROUPS for name in names.split()}


def missing(namespace: str, name: str, known: Iterable[str] = ()) -> AttributeError:
    """Return the error for a name that a namespace does not have.

    Parameters
    ----------
    namespace : str
        The namespace: ``"tf"``, ``"tf.train"``.
    name : str
        The name.
    known : iterable of str
        The names that it has, to find the one that was meant.
    """
    full = f"{namespace}.{name}"
    advice = ADVICE.get(full.removeprefix("tf."))
    if advice is not None:
        return AttributeError(f"{full} is not part of tensorgraph: {advice}")
    near = difflib.get_close_matches(name, [k for k in known if not k.startswith("_")], n=3)
    hint = f": did you mean {' or '.join(near)}?" if near else ""
    return AttributeError(f"{namespace} has no {name!r}{hint}")
