"""Saving and restoring: values, names, what is kept and deleted, damaged files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tensorgraph as tf
from tensorgraph.base import files

KINDS = ["bool", "int8", "int32", "int64", "uint8", "uint64", "float16", "float32", "float64"]


def saved(folder: Path, **values: Any) -> str:
    """Save variables of these names and values; return the path."""
    with tf.Graph().as_default(), tf.Session() as session:
        for name, value in values.items():
            tf.Variable(value, name=name)
        session.run(tf.global_variables_initializer())
        return tf.train.Saver().save(session, str(folder / "model.ckpt"))


def restored(path: str, **begin: Any) -> dict[str, npt.NDArray[Any]]:
    """Make variables of these names and first values, restore them and return what they are."""
    with tf.Graph().as_default(), tf.Session() as session:
        variables = {name: tf.Variable(value, name=name) for name, value in begin.items()}
        tf.train.Saver().restore(session, path)
        result: dict[str, npt.NDArray[Any]] = session.run(variables)
        return result


def files_of(folder: Path) -> list[str]:
    return sorted(f.name.partition(".data-")[0] for f in folder.iterdir())


@given(data=st.data())
def test_values_come_back_as_they_were(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kinds = st.sampled_from(KINDS).map(np.dtype)
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    arrays = data.draw(
        st.dictionaries(
            st.text("abcxyz", min_size=1, max_size=4),
            hnp.arrays(kinds, shapes),
            min_size=1,
            max_size=5,
        )
    )
    path = saved(tmp_path_factory.mktemp("saved"), **arrays)
    found = restored(path, **{name: np.zeros_like(a) for name, a in arrays.items()})
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_restoring_needs_no_initialisation_and_makes_no_nodes(tmp_path: Path) -> None:
    path = saved(tmp_path, w=[1.0, 2.0])
    with tf.Graph().as_default() as graph, tf.Session() as session:
        w = tf.Variable([0.0, 0.0], name="w")
        saver = tf.train.Saver()
        graph.finalize()
        saver.restore(session, path)
        assert session.run(w).tolist() == [1.0, 2.0]
        saver.save(session, str(tmp_path / "again"))


def test_variables_that_begin_alike_are_restored_apart(tmp_path: Path) -> None:
    path = saved(tmp_path, a=1.0, b=2.0, c=3.0)
    with tf.Graph().as_default(), tf.Session() as session:
        zero = tf.constant(0.0)
        variables = [tf.Variable(zero, name=name) for name in "ab"]
        variables.append(tf.Variable(variables[0].initialized_value(), name="c"))
        tf.train.Saver().restore(session, path)
        assert session.run(variables) == [1.0, 2.0, 3.0]


def test_a_dict_says_the_names_in_the_file(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        a, b = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="b")
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver({"x": a, "y": b}).save(session, str(tmp_path / "m"))
        assert tf.train.list_variables(path) == [("x", []), ("y", [])]
        tf.train.Saver({"x": b, "y": a}).restore(session, path)
        assert session.run([a, b]) == [2.0, 1.0]


def test_only_what_is_listed_is_saved_and_restored(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        a, b = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="b")
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver([a])
        path = saver.save(session, str(tmp_path / "m"))
        session.run([a.assign(5.0), b.assign(6.0)])
        saver.restore(session, path)
        assert session.run([a, b]) == [1.0, 6.0]


def test_optimizer_state_is_saved_too(tmp_path: Path) -> None:
    def program() -> tuple[Any, Any]:
        w = tf.Variable([1.0, -2.0], name="w")
        return w, tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(tf.square(w)))

    def trained(steps: int, path: str | None) -> tuple[npt.NDArray[Any], str]:
        with tf.Graph().as_default(), tf.Session() as session:
            w, step = program()
            saver = tf.train.Saver()
            if path is None:
                session.run(tf.global_variables_initializer())
            else:
                saver.restore(session, path)
            for _ in range(steps):
                session.run(step)
            return session.run(w), saver.save(session, str(tmp_path / "m"), global_step=steps)

    _, path = trained(3, None)
    np.testing.assert_array_equal(trained(4, path)[0], trained(7, None)[0])


# Which checkpoints there are


def test_the_last_ones_are_kept_and_listed(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.Variable(1.0, name="w")
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver(max_to_keep=2)
        paths = [saver.save(session, str(tmp_path / "m"), global_step=i) for i in range(4)]
        assert paths == [str(tmp_path / f"m-{i}") for i in range(4)]
        assert saver.last_checkpoints == paths[2:]
    assert files_of(tmp_path) == [
        "checkpoint", "m-2", "m-2.index", "m-2.meta", "m-3", "m-3.index", "m-3.meta",
    ]  # fmt: skip
    assert (tmp_path / "checkpoint").read_text() == (
        f'model_checkpoint_path: "{paths[3]}"\n'
        f'all_model_checkpoint_paths: "{paths[2]}"\n'
        f'all_model_checkpoint_paths: "{paths[3]}"\n'
    )
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert state is not None
    assert state.model_checkpoint_path == tf.train.latest_checkpoint(str(tmp_path)) == paths[3]
    assert state.all_model_checkpoint_paths == paths[2:]
    assert [tf.train.checkpoint_exists(p) for p in paths] == [False, False, True, True]


@pytest.mark.parametrize("keep", [None, 0])
def test_all_are_kept_if_asked_for(tmp_path: Path, keep: int | None) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.Variable(1.0)
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver(max_to_keep=keep)
        for i in range(7):
            saver.save(session, str(tmp_path / "m"), i, write_meta_graph=False)
    assert len(list(tmp_path.glob("*.index"))) == 7
    assert not list(tmp_path.glob("*.meta"))


def test_one_in_some_hours_is_kept_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.time", lambda: clock[0])
    with tf.Graph().as_default(), tf.Session() as session:
        tf.Variable(1.0)
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver(max_to_keep=1, keep_checkpoint_every_n_hours=2)
        for hour in range(8):
            clock[0] = 3600.0 * hour + 1
            saver.save(session, str(tmp_path / "m"), hour)
    kept = sorted(f.name for f in tmp_path.glob("*.index"))
    # The first after 2, 4 and 6 hours, and the last.
    assert kept == ["m-2.index", "m-4.index", "m-6.index", "m-7.index"]


def test_saving_to_one_name_again_replaces_it(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.Variable(1.0, name="w")
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver()
        for value in (1.0, 2.0):
            w.load(value, session)
            path = saver.save(session, str(tmp_path / "m"))
        assert saver.last_checkpoints == [path]
        assert tf.train.load_variable(path, "w") == 2.0
    assert files_of(tmp_path) == ["checkpoint", "m", "m.index", "m.meta"]


def test_a_crash_while_saving_leaves_the_old_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, w=1.0)
    real = files.write_atomically

    for ending in (".safetensors", ".index"):

        def crash(target: Any, content: bytes, ending: str = ending) -> None:
            if str(target).endswith(ending):
                raise OSError(28, "No space left on device", str(target))
            real(target, content)

        monkeypatch.setattr("tensorgraph.train.checkpoint_files.write_atomically", crash)
        with pytest.raises(OSError, match="No space left"):
            saved(tmp_path, w=2.0)
        assert restored(path, w=0.0)["w"] == 1.0
    monkeypatch.undo()
    saved(tmp_path, w=2.0)
    assert restored(path, w=0.0)["w"] == 2.0
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


def test_folders_that_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.Variable(1.0)
        session.run(tf.global_variables_initializer())
        assert tf.train.Saver().save(session, "run/m") == "run/m"
        tf.train.Saver(save_relative_paths=True).save(session, str(tmp_path / "abs" / "m"))
    assert Path("run/checkpoint").read_text().startswith('model_checkpoint_path: "m"\n')
    assert tf.train.latest_checkpoint("run") == "run/m"
    Path("abs").rename("elsewhere")
    assert tf.train.latest_checkpoint("elsewhere") == "elsewhere/m"


def test_steps_in_the_name(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.create_global_step()
        session.run(tf.global_variables_initializer())
        session.run(step.assign_add(12))
        padded = tf.train.Saver(pad_step_number=True)
        assert padded.save(session, str(tmp_path / "m"), step).endswith("m-00000012")
        assert tf.train.Saver().save(session, str(tmp_path / "m"), np.int64(3)).endswith("m-3")


def test_another_saver_takes_over(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.Variable(1.0)
        session.run(tf.global_variables_initializer())
        first = tf.train.Saver()
        paths = [first.save(session, str(tmp_path / "m"), i) for i in range(2)]
        second = tf.train.Saver(max_to_keep=2)
        state = tf.train.get_checkpoint_state(str(tmp_path))
        assert state is not None
        second.recover_last_checkpoints([*state.all_model_checkpoint_paths, "gone"])
        assert second.last_checkpoints == paths
        second.save(session, str(tmp_path / "m"), 2)
        assert [tf.train.checkpoint_exists(p) for p in paths] == [False, True]


def test_a_folder_without_checkpoints(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert tf.train.latest_checkpoint(str(tmp_path)) is None
    assert tf.train.get_checkpoint_state(str(tmp_path / "no")) is None
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "gone"\n')
    assert tf.train.latest_checkpoint(str(tmp_path)) is None
    assert "its files are gone" in caplog.text
    with pytest.raises(ValueError, match="has no checkpoint"):
        tf.train.list_variables(str(tmp_path))


@pytest.mark.parametrize("text", ["rubbish", "", "model_checkpoint_path: 3", 'other: "x"'])
def test_a_list_that_is_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    (tmp_path / "checkpoint").write_text(text)
    assert tf.train.get_checkpoint_state(str(tmp_path)) is None
    assert "checkpoint" in caplog.text


def test_a_list_that_tensorflow_wrote_is_understood(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "m-2"\n'
        'all_model_checkpoint_paths: "m-1"\nall_model_checkpoint_paths: "m-2"\n'
        "all_model_checkpoint_timestamps: 1574.25\nall_model_checkpoint_timestamps: 1575.5\n"
        "last_preserved_timestamp: 1573.0\n"
    )
    assert tf.train.get_checkpoint_state(str(tmp_path)) == tf.train.CheckpointState(
        str(tmp_path / "m-2"),
        [str(tmp_path / "m-1"), str(tmp_path / "m-2")],
        [1574.25, 1575.5],
        1573.0,
    )


# What is refused


def test_missing_variables_are_all_named(tmp_path: Path) -> None:
    path = saved(tmp_path, a=1.0, b=2.0)
    with pytest.raises(tf.errors.NotFoundError, match=r"no value for c, d; it has a, b"):
        restored(path, a=0.0, c=0.0, d=0.0)


def test_what_does_not_suit_is_all_named(tmp_path: Path) -> None:
    path = saved(tmp_path, a=[1.0, 2.0], b=2.0, c=1.0)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        restored(path, a=[0.0, 0.0, 0.0], b=np.float64(0), c=0.0)
    message = str(caught.value)
    assert "'a' is float32(2,), variable 'a' is float32(3,)" in message
    assert "'b' is float32(), variable 'b' is float64()" in message
    assert "'c'" not in message


def test_reshaping_on_request(tmp_path: Path) -> None:
    path = saved(tmp_path, w=[[1.0, 2.0], [3.0, 4.0]])
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.Variable([0.0] * 4, name="w")
        tf.train.Saver(reshape=True).restore(session, path)
        assert session.run(w).tolist() == [1.0, 2.0, 3.0, 4.0]
    with tf.Graph().as_default(), tf.Session() as session:
        tf.Variable([0.0] * 3, name="w")
        with pytest.raises(tf.errors.InvalidArgumentError, match="does not suit"):
            tf.train.Saver(reshape=True).restore(session, path)


def test_a_saver_needs_variables() -> None:
    with tf.Graph().as_default():
        with pytest.raises(ValueError, match="no variables to save"):
            tf.train.Saver()
        tf.train.Saver(allow_empty=True)
        v, other = tf.Variable(1.0, name="v"), tf.Variable(1.0, name="w")
        with pytest.raises(TypeError, match="as a list or a dict"):
            tf.train.Saver(v)
        with pytest.raises(TypeError, match="no variable"):
            tf.train.Saver([tf.constant(1.0)])
        with pytest.raises(TypeError, match="no variable"):
            tf.train.Saver({"x": 3})
        with pytest.raises(ValueError, match="two variables would be saved under the name 'v'"):
            tf.train.Saver([v, v])
        with pytest.raises(ValueError, match="under two names"):
            tf.train.Saver({"a": v, "b": v, "c": other})


def test_paths_that_make_no_sense(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.Variable(1.0)
        saver = tf.train.Saver()
        path = str(tmp_path / "m")
        with pytest.raises(TypeError, match="'sess' must be a Session"):
            saver.save(3, path)  # type: ignore[arg-type]
        with pytest.raises(tf.errors.FailedPreconditionError, match="no value yet"):
            saver.save(session, path)
        session.run(tf.global_variables_initializer())
        with pytest.raises(ValueError, match="must be a plain name"):
            saver.save(session, path, latest_filename="a/b")
        with pytest.raises(ValueError, match="that file lists them"):
            saver.save(session, str(tmp_path / "checkpoint"))
        with pytest.raises(ValueError, match="save_path is None"):
            saver.restore(session, None)
        with pytest.raises(ValueError, match="no checkpoint '"):
            saver.restore(session, path)
    assert not list(tmp_path.iterdir())


# Damage


def the_file(folder: Path, ending: str) -> Path:
    (found,) = folder.glob(f"*{ending}")
    return found


@pytest.mark.parametrize("ending", [".index", ".safetensors"])
def test_every_truncation_is_found(tmp_path: Path, ending: str) -> None:
    path = saved(tmp_path, w=np.arange(6.0), b=[1, 2])
    file = the_file(tmp_path, ending)
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        with pytest.raises(tf.errors.DataLossError, match="truncated or damaged"):
            tf.train.load_checkpoint(path).get_tensor("w")
    file.write_bytes(content)
    assert tf.train.load_variable(path, "w").tolist() == [0, 1, 2, 3, 4, 5]


def test_every_flipped_bit_of_the_values_is_found(tmp_path: Path) -> None:
    path = saved(tmp_path, w=np.arange(6.0))
    file = the_file(tmp_path, ".safetensors")
    content = file.read_bytes()
    for place in range(len(content)):
        file.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        try:
            value = tf.train.load_variable(path, "w")
        except (tf.errors.DataLossError, tf.errors.NotFoundError):
            continue
        # A header may be written in several ways that say the same.
        assert value.tolist() == [0, 1, 2, 3, 4, 5]


def test_an_index_of_another_kind(tmp_path: Path) -> None:
    path = saved(tmp_path, w=1.0)
    file = the_file(tmp_path, ".index")
    index = json.loads(file.read_bytes())
    for change in ({"version": 2}, {"format": "x"}, {"tensors": 3}, {"tensors": {"w": {}}}):
        file.write_text(json.dumps({**index, **change}))
        with pytest.raises(tf.errors.DataLossError, match="no index of a checkpoint"):
            tf.train.load_checkpoint(path)


def test_the_data_is_gone(tmp_path: Path) -> None:
    path = saved(tmp_path, w=1.0)
    the_file(tmp_path, ".safetensors").unlink()
    with pytest.raises(tf.errors.NotFoundError, match="is gone"):
        restored(path, w=0.0)
    tf.train.remove_checkpoint(path)
    with pytest.raises(tf.errors.NotFoundError, match="there is no checkpoint"):
        tf.train.load_checkpoint(path)


# Reading without a graph


def test_reading_a_checkpoint(tmp_path: Path) -> None:
    path = saved(tmp_path, w=np.arange(6.0).reshape(2, 3), n=3)
    reader = tf.train.NewCheckpointReader(path)
    assert reader.get_variable_to_shape_map() == {"n": [], "w": [2, 3]}
    assert reader.get_variable_to_dtype_map() == {"n": tf.int32, "w": tf.float64}
    assert reader.has_tensor("w")
    assert not reader.has_tensor("v")
    assert reader.get_tensor("w").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert reader.debug_string() == b"n (int32) []\nw (float64) [2, 3]"
    assert tf.train.load_variable(str(tmp_path), "n:0") == 3
    assert tf.train.list_variables(os.fspath(tmp_path)) == [("n", []), ("w", [2, 3])]
    with pytest.raises(tf.errors.NotFoundError, match="no value for v"):
        tf.train.load_variable(path, "v")


# The graph beside the values


def test_a_graph_is_imported_and_goes_on(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 2], name="x")
        w = tf.Variable(tf.ones([2, 1]), name="w")
        y = tf.matmul(x, w, name="y")
        step = tf.train.get_or_create_global_step()
        train = tf.train.AdamOptimizer(0.1).minimize(tf.reduce_mean(tf.square(y)), step, name="go")
        tf.add_to_collection("outputs", y)
        tf.add_to_collection("notes", "a note")
        session.run(tf.global_variables_initializer())
        session.run(train, {x: [[1.0, 2.0]]})
        path = tf.train.Saver(max_to_keep=3).save(session, str(tmp_path / "m"), step)
        session.run(train, {x: [[1.0, 2.0]]})
        expected = session.run(w)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        saver = tf.train.import_meta_graph(f"{path}.meta")
        assert saver is not None
        saver.restore(session, path)
        assert [v.name for v in tf.trainable_variables()] == ["w:0"]
        assert [v.name for v in tf.global_variables()] == [
            "w:0", "global_step:0", "beta1_power:0", "beta2_power:0", "w/Adam:0", "w/Adam_1:0",
        ]  # fmt: skip
        assert tf.global_variables()[0] is tf.trainable_variables()[0]
        assert tf.train.global_step(session, tf.train.get_global_step()) == 1
        (y,) = tf.get_collection("outputs")
        assert y.shape.as_list() == [None, 1]
        assert tf.get_collection("notes") == ["a note"]
        session.run("go", {"x:0": [[1.0, 2.0]]})
        np.testing.assert_array_equal(session.run("w:0"), expected)
        assert tf.Variable(0.0, name="w").name == "w_1:0"
        assert graph.get_operation_by_name("go").type == "AssignAdd"


def test_a_graph_is_imported_under_a_scope(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.Variable([3.0], name="w")
        tf.identity(w * 2.0, name="double")
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, str(tmp_path / "m"))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.Variable([5.0], name="w")
        saver = tf.train.import_meta_graph(f"{path}.meta", import_scope="old")
        assert saver is not None
        session.run(tf.global_variables_initializer())
        saver.restore(session, path)
        assert [v.name for v in tf.global_variables()] == ["w:0", "old/w:0"]
        assert session.run(["w:0", "old/double:0"]) == [[5.0], [6.0]]


def test_a_graph_file_that_is_missing_or_damaged(tmp_path: Path) -> None:
    path = saved(tmp_path, w=1.0)
    with pytest.raises(OSError, match=r"nothing\.meta"):
        tf.train.import_meta_graph(str(tmp_path / "nothing.meta"))
    meta = Path(f"{path}.meta")
    content = meta.read_bytes()
    for broken in (content[:100], b"{}", b"", content.replace(b"meta graph", b"meta-graph")):
        meta.write_bytes(broken)
        with tf.Graph().as_default(), pytest.raises(tf.errors.DataLossError, match="damaged"):
            tf.train.import_meta_graph(str(meta))


def test_a_collection_that_cannot_be_written_is_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with tf.Graph().as_default():
        tf.add_to_collection("functions", len)
        tf.add_to_collection("numbers", 3)
        exported = tf.train.export_meta_graph()
        assert exported.collection_def == {"numbers": [3]}
        assert "'functions' is not exported" in caplog.text
        assert tf.train.export_meta_graph(collection_list=[]).collection_def == {}
    with tf.Graph().as_default():
        assert tf.train.import_meta_graph(exported) is None
        assert tf.get_collection("numbers") == [3]
