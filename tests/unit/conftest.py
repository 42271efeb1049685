"""A small image set that can be learnt: the label is the quadrant that is bright."""

import pytest
import torch

from llcourse.data import Images, Source


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 120, (104, 16, 16, 3), generator=generator, dtype=torch.uint8)
    y = torch.arange(104) % 4
    for image, label in zip(x, y.tolist()):
        top, left = 8 * (label // 2), 8 * (label % 2)
        image[top : top + 8, left : left + 8] += 100
    return Images("quadrants", x[:72], y[:72], x[72:], y[72:], "abcd", Source("standin", "a test", "0"), [0.5] * 3, [0.2] * 3)
