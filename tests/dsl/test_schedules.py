"""The schedules of the learning rate."""

from __future__ import annotations

import pytest

import dsl
from dsl.schedules import SCHEDULES
from dsl.training.events import StepDone
from dsl.training.trainer import Trainer
from tensorgraph import data

NET = "input 8x8x1\ndense 10 softmax\n"


def schedule_of(text: str):
    return dsl.check(dsl.parse(f"{NET}train {{ schedule {text} }}")).train.schedule


def test_constant_is_the_default():
    assert dsl.check(dsl.parse(NET)).train.schedule == schedule_of("constant")
    assert [schedule_of("constant").factor(step, 10) for step in (0, 5, 9, 20)] == [1, 1, 1, 1]


def test_cosine_falls_to_zero():
    cosine = schedule_of("cosine")
    factors = [cosine.factor(step, 100) for step in (0, 25, 50, 75, 100, 200)]
    assert factors == pytest.approx([1, 0.8535533906, 0.5, 0.1464466094, 0, 0])


def test_step_drops_after_so_many_epochs():
    drop = schedule_of("step every=2 factor=0.5")
    assert [drop.factor(step, 60, 10) for step in (0, 19, 20, 39, 40)] == [1, 1, 0.5, 0.5, 0.25]


def test_exponential_falls_evenly():
    falling = schedule_of("exponential factor=0.25")
    assert [falling.factor(step, 60, 10) for step in (0, 5, 10)] == [1, 0.5, 0.25]


def test_one_cycle_rises_and_falls():
    cycle = schedule_of("onecycle rise=0.25")
    factors = [cycle.factor(step, 100) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 25)
    assert max(factors) == factors[25] == 1
    assert factors[:26] == sorted(factors[:26])
    assert factors[25:] == sorted(factors[25:], reverse=True)
    assert factors[-1] < 0.001
    warm = [schedule_of("onecycle warmup=9").factor(step, 100) for step in range(100)]
    assert warm[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert warm[9:] == sorted(warm[9:], reverse=True)


@pytest.mark.parametrize("word", SCHEDULES)
def test_warmup_rises_evenly(word):
    warm = schedule_of(f"{word} warmup=3")
    assert [warm.factor(step, 100) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("text", "code"),
    [("cosin", "TG503"), ("plateau on=val", "TG301"), ("cosine warmup=-1", "TG404"), ("", "TG401")],
)
def test_mistakes(text, code):
    with pytest.raises(dsl.NetError) as caught:
        schedule_of(text)
    assert [d.code for d in caught.value.errors] == [code]


def test_the_trainer_follows_it():
    examples = data.load("digits").limited(64)

    def weights(schedule: str):
        text = f"{NET}train {{ optimizer sgd lr=0.5; batch 16; epochs 2; schedule {schedule} }}"
        trainer = Trainer(dsl.check(dsl.parse(text)))
        seen, before = [], trainer.weights()["dense/kernel"]
        for event in trainer.fit(examples):
            if isinstance(event, StepDone):
                after = trainer.weights()["dense/kernel"]
                seen.append(abs(after - before).max())
                before = after
        return seen

    constant, cosine = weights("constant"), weights("cosine")
    assert len(cosine) == 8
    assert cosine[0] == constant[0]
    assert cosine[-1] < 0.1 * constant[-1]
