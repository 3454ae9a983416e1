"""The learning-rate range test, and `tg lr-find`."""

import json
from pathlib import Path

import numpy as np
import pytest

import dsl
from dsl.training.errors import RunError
from dsl.training.lr_range import RangeTest, range_test
from tensorgraph import data

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits.net"


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def test_a_useful_range_is_found_for_digits(digits):
    result = range_test(dsl.load(DIGITS), digits)
    assert result.exploded
    assert len(result.rates) < 100
    low, high = result.suggestion
    # The file's own rate, and what is known to work with Adam on small networks.
    assert 1e-4 < low < high < 0.1
    assert result.smoothed[-1] > 4 * min(result.smoothed) or not np.isfinite(result.losses[-1])


def test_the_rates_rise_exponentially(digits):
    result = range_test(dsl.load(DIGITS), digits, low=1e-6, high=1e-3, steps=7)
    np.testing.assert_allclose(result.rates, np.geomspace(1e-6, 1e-3, 7))
    assert not result.exploded


def test_same_seed_same_losses(digits):
    net = dsl.load(DIGITS)
    assert range_test(net, digits, steps=5) == range_test(net, digits, steps=5)


def test_a_short_set_is_used_again(digits):
    assert len(range_test(dsl.load(DIGITS), digits.limited(40), steps=9, high=1e-3).rates) == 9


def test_infinite_losses_end_the_test(digits):
    net = dsl.check(
        dsl.parse("input 8x8x1\ndense 10\ntrain { loss squared_error; optimizer sgd }"), classes=10
    )
    result = range_test(net, digits, low=1.0, high=1e30, steps=30)
    assert result.exploded
    assert np.isfinite(result.losses).all()


def curve(losses):
    rates = tuple(np.geomspace(1e-6, 1, len(losses)))
    return RangeTest(rates, tuple(losses), tuple(losses), False)


def test_the_suggestion_begins_where_the_loss_falls():
    result = curve([2.0, 2.01, 1.99, 2.0, 1.95, 1.2, 0.9, 0.7, 3.0])
    low, high = result.suggestion
    assert result.rates[3] <= low <= result.rates[5]
    assert high == pytest.approx(result.rates[7] / 10)


@pytest.mark.parametrize(
    "losses", [[2.0, 2.0, 1.99, 2.0, 2.02, 2.0], [2.0, 2.5, 3.0, 4.0], [2.0], []]
)
def test_no_suggestion_where_nothing_falls(losses):
    result = curve(losses)
    assert result.suggestion is None
    assert b"<svg" in result.draw("flat")


@pytest.mark.parametrize("wrong", [{"low": 0.0}, {"low": 1.0, "high": 0.1}, {"steps": 1}])
def test_impossible_rates(digits, wrong):
    with pytest.raises(ValueError, match="steps from"):
        range_test(dsl.load(DIGITS), digits, **wrong)


def test_nothing_to_train(digits):
    net = dsl.check(dsl.parse("input 8x8x1\nflatten\nsoftmax"))
    with pytest.raises(RunError, match="nothing to train"):
        range_test(net, digits)


class TestCommand:
    def test_writes_a_plot_and_a_caution(self, tg):
        result = tg("lr-find", DIGITS, "--steps", 80, "-o", "rates.svg")
        assert result.code == 0, result.err
        assert "look useful" in result.out
        assert "Try a few rates" in result.out
        picture = Path("rates.svg").read_text()
        assert "smoothed" in picture
        assert "1e-06" in picture

    def test_json_and_set(self, tg):
        options = ("--set", "optimizer.lr=5", "--steps", 5, "--high", 1e-5, "--limit", 50)
        result = json.loads(tg("lr-find", DIGITS, *options, "--json").out)
        assert len(result["rates"]) == 5
        assert result["suggestion"] is None
        assert Path(result["plot"]).exists()

    def test_wrong_usage(self, tg):
        result = tg("lr-find", DIGITS, "--low", 1, "--high", 0.1)
        assert result.code == 2
        assert "--low is below --high" in result.err
