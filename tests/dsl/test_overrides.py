"""``--set``: what the command line changes of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import dsl
import dsl.cli

FILE = """
let units = 16
net small
dense units relu
dense 10 softmax
train {
  data digits validation=0.2
  optimizer momentum lr=0.1 momentum=0.8
  epochs 1
  augment { shift 1 }
}
"""


@pytest.fixture
def load(tmp_path):
    path = tmp_path / "small.net"

    def run(*settings, text=FILE):
        path.write_text(text)
        return dsl.load(path, settings=settings)

    return run


def test_a_constant(load):
    assert load("units=24").layers[0].arguments["units"] == 24
    assert load("units = 2 * 12").layers[0].arguments["units"] == 24


def test_an_option(load):
    settings = load("optimizer.lr=0.01", "data.validation=0.5").train
    assert settings.optimizer.name == "momentum"
    assert settings.optimizer.options == {"lr": 0.01, "momentum": 0.8, "decay": 0.0}
    assert (settings.data.source, settings.data.validation) == ("digits", 0.5)


def test_a_setting(load):
    settings = load("epochs=7", "optimizer=adam", "loss=mse", "augment={ hflip }").train
    assert (settings.epochs, settings.loss) == (7, "mse")
    assert settings.optimizer.options["lr"] == 0.001
    assert [step.name for step in settings.augment] == ["hflip"]


def test_what_the_file_does_not_give(load):
    settings = load("stop.patience=3", "schedule.warmup=5", "seed=4").train
    assert settings.stop.patience == 3
    assert (settings.schedule.name, settings.schedule.options) == ("constant", {"warmup": 5})
    assert settings.seed == 4
    plain = load("optimizer.lr=0.5", text="input 4\ndense 2 softmax").train
    assert (plain.optimizer.name, plain.optimizer.options["lr"]) == ("adam", 0.5)


def test_the_last_one_counts(load):
    assert load("batch=8", "batch=16").train.batch == 16


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("batch", "TG513"),
        ("batch=", "TG513"),
        ("=5", "TG513"),
        ("batch=0", "TG404"),
        ("optimizer.rate=0.1", "TG405"),
        ("optimizer=adm", "TG503"),
        ("data.validation=2", "TG404"),
        ("batch=5 }", "TG104"),
    ],
)
def test_mistakes(load, setting, code):
    with pytest.raises(dsl.NetError) as caught:
        load(setting)
    assert [d.code for d in caught.value.errors] == [code]
    assert "--set" in str(caught.value)


def test_an_unknown_constant(load):
    with pytest.raises(dsl.NetError) as caught:
        load("unit=24")
    assert "unit" in str(caught.value)


def test_a_whole_run_remembers_its_changes(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("small.net").write_text(FILE)
    for command in (
        ("train", "small.net", "--set", "units=24", "--limit", "60", "--out", "run", "--quiet"),
        ("eval", "run", "--json"),
    ):
        with pytest.raises(SystemExit) as ended:
            dsl.cli.main(list(command))
        assert ended.value.code == 0
    scores = json.loads(capfd.readouterr().out)
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["parameters"] == 64 * 24 + 24 + 24 * 10 + 10
    assert scores["test_loss"] > 0
