"""`Saver`: the values of variables, saved to checkpoints and restored from them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tensorgraph.base import shapes
from tensorgraph.base.errors import InvalidArgumentError
from tensorgraph.graph.defaults import get_default_graph
from tensorgraph.graph.node import Tensor
from tensorgraph.ops.variables import Variable, global_variables
from tensorgraph.runtime.session import Session
from tensorgraph.train.checkpoint_files import (
    CheckpointReader,
    checkpoint_exists,
    remove_checkpoint,
    write_checkpoint,
)
from tensorgraph.train.checkpoint_state import update_checkpoint_state
from tensorgraph.train.meta_graph import (
    MetaGraphDef,
    export_meta_graph,
    import_graph_and_collections,
    read_meta_graph,
)


class Saver:
    """Saves the values of variables to files and restores them.

    Parameters
    ----------
    var_list : list of Variable, or dict of str to Variable, optional
        The variables; the keys of a dict are the names that they have in the files. Default is
        all global variables that there are when the saver is made.
    reshape : bool, default False
        Restore values of another shape, if they have as many elements.
    sharded : bool
        Accepted for TensorFlow's sake.
    max_to_keep : int or None, default 5
        How many of the latest checkpoints are kept; None or 0 keeps all.
    keep_checkpoint_every_n_hours : float, default 10000
        One checkpoint in so many hours is never deleted.
    name, restore_sequentially, saver_def, builder, defer_build, write_version, filename
        Accepted for TensorFlow's sake.
    allow_empty : bool, default False
        There may be no variables.
    pad_step_number : bool, default False
        Write the global step with leading zeros, in eight digits.
    save_relative_paths : bool, default False
        Write the file ``checkpoint`` so that the folder can be moved.

    Raises
    ------
    TypeError
        If `var_list` is neither list nor dict, or holds something else than variables.
    ValueError
        If there are no variables, or two of one name.

    Examples
    --------
    >>> saver = tf.train.Saver()
    >>> saver.save(sess, "run/model.ckpt", global_step=100)
    'run/model.ckpt-100'
    >>> saver.restore(sess, tf.train.latest_checkpoint("run"))
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: Any = None,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
    ) -> None:
        del sharded, name, restore_sequentially, saver_def, builder, defer_build, write_version
        del filename
        self._variables = _by_saved_name(global_variables() if var_list is None else var_list)
        if not self._variables and not allow_empty:
            raise ValueError("no variables to save: make the saver after the variables")
        self._reshape = reshape
        self._max_to_keep = max_to_keep or 0
        self._hours_between_kept = keep_checkpoint_every_n_hours
        self._pad_step_number = pad_step_number
        self._save_relative_paths = save_relative_paths
        self._next_kept_time = time.time() + keep_checkpoint_every_n_hours * 3600
        self._last: list[tuple[str, float]] = []

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints that are kept and may be deleted, the oldest first."""
        return [path for path, _ in self._last]

    def set_last_checkpoints(self, last_checkpoints: Sequence[str]) -> None:
        """Take over checkpoints of an earlier run, the oldest first: they count and are deleted."""
        self._last = [(path, float("inf")) for path in last_checkpoints]

    def set_last_checkpoints_with_time(
        self, last_checkpoints_with_time: Sequence[tuple[str, float]]
    ) -> None:
        """Do as `set_last_checkpoints`, with the time when each was saved."""
        self._last = list(last_checkpoints_with_time)

    def recover_last_checkpoints(self, checkpoint_paths: Sequence[str]) -> None:
        """Do as `set_last_checkpoints`, with those of the checkpoints that exist."""
        self._last = [
            (path, os.path.getmtime(f"{path}.index"))
            for path in checkpoint_paths
            if checkpoint_exists(path)
        ]

    def save(
        self,
        sess: Session,
        save_path: str,
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str:
        """Save the variables' values, and return the path to restore them from.

        Parameters
        ----------
        sess : Session
            Where the values are.
        save_path : str
            Path of the files without endings; its folder is made where there is none.
        global_step : int, Tensor or Variable, optional
            Is appended to the path.
        latest_filename : str, default "checkpoint"
            Name of the file that lists the checkpoints.
        meta_graph_suffix : str, default "meta"
            Ending of the file with the graph.
        write_meta_graph, write_state : bool, default True
            Write the graph; bring the file ``checkpoint`` up to date.
        strip_default_attrs, save_debug_info : bool
            Accepted for TensorFlow's sake.

        Raises
        ------
        TypeError
            If `sess` is no session.
        ValueError
            If `latest_filename` is no plain name, or the name of the checkpoint.
        FailedPreconditionError
            If a variable has no value.
        OSError
            If the files cannot be written.
        """
        del strip_default_attrs, save_debug_info
        if not isinstance(sess, Session):
            raise TypeError(f"'sess' must be a Session, not {sess!r}")
        listing = latest_filename or "checkpoint"
        if os.path.split(listing)[0]:
            raise ValueError(f"latest_filename must be a plain name, not {listing!r}")
        path = os.fspath(save_path)
        folder, base = os.path.split(path)
        if base == listing:
            raise ValueError(f"a checkpoint cannot be called {base!r}: that file lists them")
        if global_step is not None:
            path = f"{path}-{self._step_number(sess, global_step)}"
        values = {k: np.asarray(v) for k, v in sess.run(self._variables).items()}
        os.makedirs(folder or ".", exist_ok=True)
        if write_meta_graph:
            with sess.graph.as_default():
                self.export_meta_graph(f"{path}.{meta_graph_suffix}")
        write_checkpoint(path, values)
        deleted = self._remember(path)
        if write_state:
            update_checkpoint_state(
                folder,
                path,
                self.last_checkpoints,
                latest_filename,
                save_relative_paths=self._save_relative_paths,
            )
        for old in deleted:
            remove_checkpoint(old, meta_graph_suffix=meta_graph_suffix)
        return path

    def _step_number(self, sess: Session, global_step: Any) -> str:
        if not isinstance(global_step, int | np.integer):
            global_step = sess.run(global_step)
        return f"{int(global_step):08d}" if self._pad_step_number else str(int(global_step))

    def _remember(self, path: str) -> list[str]:
        """Note a new checkpoint; return those that are to be deleted."""
        if not self._max_to_keep:
            return []
        self._last = [(p, t) for p, t in self._last if p != path] + [(path, time.time())]
        deleted = []
        while len(self._last) > self._max_to_keep:
            old, saved = self._last.pop(0)
            if saved > self._next_kept_time:
                self._next_kept_time += self._hours_between_kept * 3600
            else:
                deleted.append(old)
        return deleted

    def restore(self, sess: Session, save_path: str | None) -> None:
        """Give the variables the values that were saved; they need not be initialised.

        Parameters
        ----------
        sess : Session
            Where the values go.
        save_path : str
            What `save` or `latest_checkpoint` returned.

        Raises
        ------
        ValueError
            If there is no such checkpoint.
        NotFoundError
            If it lacks variables; all of them are named.
        InvalidArgumentError
            If values have another shape or type; all of them are named.
        DataLossError
            If a file is truncated or damaged.
        """
        if save_path is None:
            raise ValueError("there is no checkpoint to restore: save_path is None")
        prefix = os.fspath(save_path)
        if not checkpoint_exists(prefix):
            raise ValueError(f"there is no checkpoint {prefix!r}: no file {prefix}.index")
        reader = CheckpointReader(prefix)
        values = reader.get_tensors(list(self._variables))
        self._check(prefix, values)
        _load(
            sess,
            [
                (v, values[name].reshape(v.shape.as_list()) if self._reshape else values[name])
                for name, v in self._variables.items()
            ],
        )

    def _check(self, prefix: str, values: Mapping[str, np.ndarray[Any, Any]]) -> None:
        wrong = []
        for name, v in self._variables.items():
            found, wanted = values[name], v.shape.as_tuple()
            fits = shapes.compatible(found.shape, wanted)
            if self._reshape:
                fits = found.size == shapes.num_elements(wanted)
            if not fits or found.dtype != v.dtype.np_dtype:
                shape = shapes.format_shape(found.shape)
                wrong.append(
                    f"{name!r} is {found.dtype}{shape}, variable {v.op.name!r} is"
                    f" {v.dtype.name}{v.shape}"
                )
        if wrong:
            raise InvalidArgumentError(
                f"the checkpoint {prefix} does not suit the graph: {'; '.join(wrong)}"
            )

    def export_meta_graph(
        self,
        filename: str | None = None,
        collection_list: Sequence[str] | None = None,
        as_text: bool = False,
        clear_devices: bool = False,
    ) -> MetaGraphDef:
        """Return the default graph with this saver as data; see `tf.train.export_meta_graph`."""
        return export_meta_graph(
            filename,
            saver_def=self.as_saver_def(),
            collection_list=collection_list,
            as_text=as_text,
            clear_devices=clear_devices,
        )

    def as_saver_def(self) -> dict[str, Any]:
        """Return what the saver was made with, as plain values."""
        return {
            "variables": {name: v.to_proto() for name, v in self._variables.items()},
            "reshape": self._reshape,
            "max_to_keep": self._max_to_keep,
            "keep_checkpoint_every_n_hours": self._hours_between_kept,
            "pad_step_number": self._pad_step_number,
            "save_relative_paths": self._save_relative_paths,
        }


def _by_saved_name(var_list: Any) -> dict[str, Variable]:
    """Return the variables by the names that they have in files."""
    if isinstance(var_list, Mapping):
        pairs = [(str(name), v) for name, v in var_list.items()]
    elif isinstance(var_list, list | tuple | set):
        pairs = [(getattr(getattr(v, "op", None), "name", ""), v) for v in var_list]
    else:
        raise TypeError(f"variables to save are given as a list or a dict, not as {var_list!r}")
    result: dict[str, Variable] = {}
    for name, v in pairs:
        if not isinstance(v, Variable):
            raise TypeError(f"{v!r} is no variable and cannot be saved")
        if name in result:
            raise ValueError(f"two variables would be saved under the name {name!r}")
        if any(v is other for other in result.values()):
            raise ValueError(f"variable {v.op.name!r} would be saved under two names")
        result[name] = v
    return result


def _load(sess: Session, pairs: Sequence[tuple[Variable, np.ndarray[Any, Any]]]) -> None:
    """Set variables, without making nodes: run their initializers on other values."""
    pending = list(pairs)
    while pending:
        feeds: dict[Tensor, np.ndarray[Any, Any]] = {}
        initializers, rest = [], []
        for variable, value in pending:
            source = variable.initializer.inputs[1]
            if source in feeds:  # two variables begin with one tensor: another run for this one
                rest.append((variable, value))
            else:
                feeds[source] = value
                initializers.append(variable.initializer)
        sess.run(initializers, feeds)
        pending = rest


def import_meta_graph(
    meta_graph_or_file: MetaGraphDef | str | os.PathLike[str],
    clear_devices: bool = False,
    import_scope: str | None = None,
    input_map: Mapping[str, Any] | None = None,
) -> Saver | None:
    """Add a graph that was saved to the default graph, with its variables and collections.

    Parameters
    ----------
    meta_graph_or_file : MetaGraphDef or path
        What `export_meta_graph` gave, or the ``.meta`` file beside a checkpoint.
    clear_devices : bool, default False
        Forget where operations were asked to run.
    import_scope : str, optional
        Scope of the operations; default is none.
    input_map : mapping of str to Tensor, optional
        As for `import_graph_def`.

    Returns
    -------
    Saver or None
        A saver of the variables that were saved, or of all where no saver was exported; None if
        there are none.

    Raises
    ------
    OSError
        If the file does not exist or cannot be read.
    DataLossError
        If it is truncated or damaged.
    ValueError
        If a node cannot be imported, or its name is taken.
    """
    meta = meta_graph_or_file
    if not isinstance(meta, MetaGraphDef):
        meta = read_meta_graph(meta)
    prefix = import_graph_and_collections(meta, clear_devices, import_scope, input_map)
    if meta.saver_def is None:
        return Saver() if global_variables() else None
    options = dict(meta.saver_def)
    graph = get_default_graph()
    collected = [v for key in graph.get_all_collection_keys() for v in graph.get_collection(key)]
    known = {v.name: v for v in collected if isinstance(v, Variable)}
    variables = {}
    for saved_name, names in options.pop("variables").items():
        name = prefix + names["variable_name"]
        if name not in known:
            known[name] = Variable.from_proto(names, prefix)
        variables[saved_name] = known[name]
    return Saver(variables, allow_empty=True, **options)
