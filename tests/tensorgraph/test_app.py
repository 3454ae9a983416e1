"""`tf.app`, `tf.flags`, `tf.logging`, the kinds of errors, and the options of sessions."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tensorgraph as tf
from tensorgraph.flags import (
    DEFINE_bool,
    DEFINE_enum,
    DEFINE_float,
    DEFINE_integer,
    DEFINE_list,
    DEFINE_string,
    FlagValues,
    mark_flag_as_required,
)


@pytest.fixture
def flags() -> FlagValues:
    values = FlagValues()
    DEFINE_string("name", "lenet", "the model, 100%", values)
    DEFINE_integer("steps", 10, None, values)
    DEFINE_float("rate", None, "the learning rate", values)
    DEFINE_bool("verbose", False, "talk", values)
    DEFINE_bool("save", True, "keep", values)
    DEFINE_enum("kind", "a", ["a", "b"], "which", values)
    DEFINE_list("sizes", "1,2", "a list", values)
    return values


def test_defaults(flags: FlagValues) -> None:
    flags(["program"])
    assert flags.flag_values_dict() == {
        "name": "lenet", "steps": 10, "rate": None, "verbose": False, "save": True, "kind": "a",
        "sizes": ["1", "2"],
    }  # fmt: skip


def test_a_command_line(flags: FlagValues) -> None:
    line = "program --name=vgg -steps 20 --rate=1e-3 --verbose file --nosave --kind b --sizes=x"
    rest = flags([*line.split(), "--unknown=3", "--steps=30"])
    assert rest == ["program", "file", "--unknown=3"]
    assert flags.flag_values_dict() == {
        "name": "vgg", "steps": 30, "rate": 1e-3, "verbose": True, "save": False, "kind": "b",
        "sizes": ["x"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("argument", "expected"),
    [("--verbose=true", True), ("--verbose=F", False), ("-verbose=1", True), ("--verbose", True)],
)
def test_truth(flags: FlagValues, argument: str, expected: bool) -> None:
    flags(["program", argument])
    assert flags.verbose is expected


@pytest.mark.parametrize(
    ("argument", "what"),
    [
        ("--steps=many", "argument --steps: invalid int value"),
        ("--verbose=perhaps", "it is true or false, not 'perhaps'"),
        ("--kind=c", "invalid choice"),
    ],
)
def test_values_of_another_kind(
    flags: FlagValues, argument: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        flags(["program", argument])
    assert what in capsys.readouterr().err


def test_help(flags: FlagValues, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        flags(["program", "--help"])
    assert ended.value.code == 0
    assert "the model, 100%" in capsys.readouterr().out


def test_flags_that_are_missing(flags: FlagValues, capsys: pytest.CaptureFixture[str]) -> None:
    flags(["program"])
    with pytest.raises(AttributeError, match="no flag is called 'batch'; defined are kind, name"):
        _ = flags.batch
    with pytest.raises(ValueError, match="'name' is defined twice"):
        DEFINE_string("name", "", "", flags)
    with pytest.raises(SystemExit):
        flags(["program", "--batch=3"], known_only=False)
    mark_flag_as_required("rate", flags)
    with pytest.raises(SystemExit):
        flags(["program"])
    assert "--rate" in capsys.readouterr().err


def test_a_program_may_set_flags(flags: FlagValues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "--steps=7"])
    flags.name = "mine"
    assert (flags.name, flags.steps) == ("mine", 7)
    flags.steps = 8
    DEFINE_integer("late", 1, "defined after the command line was read", flags)
    assert (flags.late, flags.name) == (1, "mine")


def run(tmp_path: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "script.py"
    script.write_text("import tensorgraph as tf\n" + text)
    return subprocess.run(
        [sys.executable, "-W", "error", str(script), *arguments],
        capture_output=True, text=True, check=False, env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip


def test_a_script_with_main_and_flags(tmp_path: Path) -> None:
    text = """
flags = tf.app.flags
flags.DEFINE_string("data_dir", "/tmp", "where")
flags.DEFINE_boolean("fast", False, "how")
FLAGS = tf.app.flags.FLAGS

def main(argv):
    print(FLAGS.data_dir, FLAGS.fast, argv[1:])
    return 3

if __name__ == "__main__":
    tf.app.run()
"""
    done = run(tmp_path, text, "--fast", "--data_dir", "x", "rest")
    assert (done.returncode, done.stdout) == (3, "x True ['rest']\n")


def test_main_can_be_given() -> None:
    with pytest.raises(SystemExit) as ended:
        tf.app.run(print, ["program", "a"])
    assert ended.value.code is None


def test_logging(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = tf.logging.get_verbosity()
    try:
        tf.logging.set_verbosity(tf.logging.INFO)
        tf.logging.info("step %d", 3)
        tf.logging.debug("nothing")
        tf.logging.set_verbosity(tf.logging.ERROR)
        tf.logging.warning("nothing")
        tf.logging.log(tf.logging.ERROR, "bad")
        assert tf.logging.get_verbosity() == logging.ERROR
    finally:
        tf.logging.set_verbosity(before)
    assert [(r.name, r.getMessage()) for r in caplog.records] == [
        ("tensorgraph", "step 3"), ("tensorgraph", "bad"),
    ]  # fmt: skip
    done = run(tmp_path, "tf.logging.set_verbosity(tf.logging.INFO); tf.logging.info('hello')")
    assert done.stderr == "INFO:tensorgraph:hello\n"


# Errors


CODES = {
    "Cancelled": 1, "Unknown": 2, "InvalidArgument": 3, "DeadlineExceeded": 4, "NotFound": 5,
    "AlreadyExists": 6, "PermissionDenied": 7, "ResourceExhausted": 8, "FailedPrecondition": 9,
    "Aborted": 10, "OutOfRange": 11, "Unimplemented": 12, "Internal": 13, "Unavailable": 14,
    "DataLoss": 15, "Unauthenticated": 16,
}  # fmt: skip


@pytest.mark.parametrize("name", CODES)
def test_every_kind_of_error_has_its_code(name: str) -> None:
    kind = getattr(tf.errors, f"{name}Error")
    assert issubclass(kind, tf.errors.OpError)
    assert kind("x").error_code == CODES[name]
    assert tf.errors.exception_type_from_error_code(CODES[name]) is kind
    assert tf.errors.error_code_from_exception_type(kind) == CODES[name]


def test_errors_are_tensorflows(tf1: Any) -> None:
    for name in dir(tf1.errors):
        theirs = getattr(tf1.errors, name)
        if isinstance(theirs, int):
            assert getattr(tf.errors, name) == theirs
        elif isinstance(theirs, type) and issubclass(theirs, Exception):
            assert hasattr(tf.errors, name)


# Options


def test_options_that_scripts_set() -> None:
    config = tf.ConfigProto(
        allow_soft_placement=True,
        log_device_placement=True,
        device_count={"GPU": 0},
        inter_op_parallelism_threads=1,
        intra_op_parallelism_threads=1,
        gpu_options=tf.GPUOptions(per_process_gpu_memory_fraction=0.3),
    )
    config.gpu_options.allow_growth = True
    config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    config.device_count["CPU"] = 2
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        x = tf.constant(3.0)
        assert session.run(x, options=options, run_metadata=tf.RunMetadata()) == 3.0
    assert not tf.ConfigProto().gpu_options.allow_growth
    assert tf.ConfigProto().device_count == {}


def test_options_that_do_not_exist() -> None:
    with pytest.raises(AttributeError):
        tf.ConfigProto().gpu_option = 3  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        tf.GPUOptions(memory=3)  # type: ignore[call-arg]
