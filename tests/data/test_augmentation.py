import pytest
import torch
import torch.nn.functional as F

from llcourse.data import augment
from llcourse.data.augmentation import crop_and_flip


@pytest.mark.parametrize("padding, mode", [("reflect", "reflect"), ("zeros", "constant")])
@pytest.mark.parametrize("side", [32, 96])
def test_equals_padding_cropping_and_flipping_one_by_one(side, padding, mode):
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (81 * 2, side, side, 3), dtype=torch.uint8, generator=generator)
    top, left, flip = (
        t.flatten() for t in torch.meshgrid(torch.arange(9), torch.arange(9), torch.arange(2), indexing="ij")
    )
    padded = F.pad(x.permute(0, 3, 1, 2).float(), (4, 4, 4, 4), mode=mode)
    expected = torch.stack([p[:, t : t + side, l : l + side] for p, t, l in zip(padded, top, left)])
    expected = torch.where(flip.bool()[:, None, None, None], expected.flip(3), expected)
    found = crop_and_flip(x, top, left, flip.bool(), padding)
    assert torch.equal(found, expected.permute(0, 2, 3, 1).to(torch.uint8))


def test_draws_every_place_and_flips_half_from_the_generator_alone():
    x = torch.arange(32 * 32 * 3).remainder(251).to(torch.uint8).view(1, 32, 32, 3).expand(4000, -1, -1, -1)
    before = torch.get_rng_state()
    a, b, c = (augment(x, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert a.shape == x.shape and a.dtype == torch.uint8
    different = a.flatten(1).unique(dim=0)
    assert len(different) == 9 * 9 * 2
    centre = crop_and_flip(x[:1], *torch.tensor([[4], [4]]), torch.tensor([False]))
    assert torch.equal(centre, x[:1])
    flipped = torch.stack(
        [
            crop_and_flip(x[:1], torch.tensor([t]), torch.tensor([l]), torch.tensor([True]))[0]
            for t in range(9)
            for l in range(9)
        ]
    )
    share = (
        torch.isin(a.flatten(1).double() @ _code(a), flipped.flatten(1).double() @ _code(a)).float().mean()
    )
    assert 0.45 < share < 0.55


@pytest.mark.parametrize("change, message", [
    ({"x": torch.rand(2, 8, 8, 3)}, r"x is torch.float32 \(2, 8, 8, 3\); augmented are uint8 images"),
    ({"x": torch.zeros(8, 8, 3, dtype=torch.uint8)}, r"x is torch.uint8 \(8, 8, 3\)"),
    ({"x": torch.zeros(2, 8, 4, 3, dtype=torch.uint8)}, "H and W above 4"),  # there is no pixel to mirror
    ({"x": [[1, 2]]}, "x is list"),
    ({"generator": None}, "generator is None; it is a torch.Generator on cpu"),
    ({"padding": "edge"}, "padding is 'edge'; it is one of reflect, zeros"),
    ({"flip": 1.5}, "flip is 1.5; it is True or False"),
], ids=["float", "one image", "narrow", "list", "no generator", "padding", "flip"])
def test_what_cannot_be_augmented_is_refused(change, message):
    arguments = {"x": torch.zeros(2, 5, 5, 3, dtype=torch.uint8), "generator": torch.Generator()}
    assert augment(**arguments).shape == (2, 5, 5, 3)
    with pytest.raises(ValueError, match=message):
        augment(**arguments | change)


def _code(x):
    """A random number for each pixel, so that a dot product names an image."""
    return torch.rand(x[0].numel(), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
