"""Images that the trial of exercise 2.4 can tell heads apart on, on every machine and at once."""

import pytest
import torch

from llcourse.course.exercises import trial
from llcourse.data import Images, Source


@pytest.fixture
def small_trial(monkeypatch):
    """The label is the quadrant that is bright, which an average over all positions does not show."""
    x = torch.randint(0, 120, (384, 32, 32, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    y = torch.arange(len(x)) % 4
    for image, label in zip(x, y.tolist()):
        top, left = 16 * (label // 2), 16 * (label % 2)
        image[top : top + 16, left : left + 16] += 100
    images = Images("quadrants", x[:256], y[:256], x[256:], y[256:], "abcd", Source("imagefolder", "a test", "0"),
                    [0.5] * 3, [0.2] * 3)
    monkeypatch.setattr(trial, "_images", lambda: images)
    trial.linear.cache_clear()
    yield images
    trial.linear.cache_clear()
