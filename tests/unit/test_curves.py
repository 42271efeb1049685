"""Learning-rate curves: at every step against formulas written out here, and against the authors' code."""

import math

import pytest

from llcourse.curves import CURVES
from llcourse.recipe import Recipe
from llcourse.reproduce.suites import SUITES

STEPS = 49  # an epoch of 50,000 images in batches of 1024


def test_infopro_at_the_epochs_of_the_authors_code():
    """Their adjust_learning_rate at the start of epochs 1, 5, 10, 11, 80 and 160, to four digits."""
    recipe = SUITES["dgl-table"].recipe
    found = [round(recipe.lr_at(epoch - 1, 160), 4) for epoch in (1, 5, 10, 11, 80, 160)]
    assert found == [0.01, 0.3252, 0.7141, 0.7907, 0.4, 0.0]


def test_infopro_at_every_step():
    """The sum 1 + cos(a) as 2 cos(a/2) squared; ten tenths, of which one passes an epoch from 0.01 to the cosine."""
    recipe = SUITES["dgl-table"].recipe
    for step in range(160 * STEPS):
        done = step // STEPS
        tenths = min(done, 10)
        expected = (tenths * 0.8 * math.cos(math.pi * (done + 1) / 320) ** 2 + (10 - tenths) * 0.01) / 10
        assert recipe.lr_at(step / STEPS, 160) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_the_curve_of_the_head_study_at_every_step():
    """DGL's head study divides by five after every 15 whole epochs (lr_scheduler, epochs counted from 0)."""
    recipe, by_hand = SUITES["dgl-heads"].recipe, [0.1] * 15 + [0.02] * 15 + [0.004] * 15 + [0.0008] * 5
    for step in range(50 * 391):
        assert recipe.lr_at(step / 391, 50) == pytest.approx(by_hand[step // 391], rel=1e-12)


def test_cosine_at_every_step():
    recipe = SUITES["dgl-short"].recipe
    for step in range(20 * 391):
        epoch = step / 391
        expected = 0.01 + 0.09 * epoch if epoch < 1 else 0.1 * math.cos(math.pi * (epoch - 1) / 38) ** 2
        assert recipe.lr_at(epoch, 20) == pytest.approx(expected, rel=1e-11)


def test_the_two_cosines_differ_in_sum():
    """What a run of 160 epochs loses by taking the other one's."""
    sums = {curve: sum(Recipe(lr=0.8, warmup=10, curve=curve).lr_at(step / STEPS, 160) for step in range(160 * STEPS))
            for curve in ("cosine", "infopro")}
    assert round(sums["cosine"] / sums["infopro"], 2) == 1.08


@pytest.mark.parametrize("curve", CURVES)
def test_a_phase_shorter_than_its_warm_up_still_reaches_its_height(curve):
    recipe = Recipe(lr=0.8, warmup=10, curve=curve, drops=(0.9,) if curve == "steps" else ())
    rates = [recipe.lr_at(step / 10, 4) for step in range(40)]
    assert rates[0] == pytest.approx(0.01) and 0.1 < max(rates) <= 0.8
    no_warmup = Recipe(lr=0.8, warmup=0, curve=curve, drops=recipe.drops)
    assert no_warmup.lr_at(0, 4) > 0.6


@pytest.mark.parametrize("settings, words", [
    ({"curve": "linear"}, "'linear'.*cosine, steps, infopro"), ({"drops": (0.5,)}, r"'cosine' and drops are \(0.5,\)"),
    ({"curve": "steps"}, r"'steps' and drops are \(\)"),
])
def test_curves_that_cannot_be_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Recipe(**settings)
