"""Precision is what the recipe names; "auto" takes the winner of a measurement."""

import pytest
import torch

from llcourse import Recipe, Run, doctor, networks, precision


@pytest.mark.parametrize("name, dtype", [("float32", None), ("bfloat16", torch.bfloat16)])
def test_a_named_precision_is_taken_without_measuring(monkeypatch, name, dtype):
    monkeypatch.setattr(precision, "bfloat16_ratio", lambda device: pytest.fail("measured"))
    assert precision.choose(name, "cpu") == (dtype, "named by the recipe")


@pytest.mark.parametrize("ratio, dtype", [(0.7, torch.bfloat16), (1.3, None)])
def test_auto_takes_the_winner_and_says_why(monkeypatch, ratio, dtype):
    monkeypatch.setattr(precision, "bfloat16_ratio", lambda device: ratio)
    chosen = precision.choose("auto", "cpu")
    assert chosen.dtype == dtype and f"in bfloat16 takes {ratio:.2f} of its time in float32" in chosen.why


def test_the_measurement_is_made_once_and_draws_no_random_numbers():
    precision.bfloat16_ratio.cache_clear()
    before = torch.get_rng_state()
    first = precision.bfloat16_ratio("cpu")
    assert 0.05 < first < 50 and torch.equal(before, torch.get_rng_state())
    assert precision.bfloat16_ratio("cpu") == first  # to the last digit: not measured again


def test_recipes_name_float32_unless_asked(images):
    assert Recipe().precision == "float32"
    run = Run(networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2), images, 1, recipe=Recipe(batch=24))
    assert run.net.precision is None and run.precision.why == "named by the recipe"


def test_the_doctor_prints_the_measured_ratio(monkeypatch):
    monkeypatch.setattr(precision, "bfloat16_ratio", lambda device: 1.31)
    status, detail, mend = doctor.bfloat16()
    assert status == "ok" and "takes 1.31 of float32's time, just measured" in detail and not mend
