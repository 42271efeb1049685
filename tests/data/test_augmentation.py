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


def _code(x):
    """A random number for each pixel, so that a dot product names an image."""
    return torch.rand(x[0].numel(), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
