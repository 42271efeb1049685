"""Messages: packed bits, the nearest code, the moving codebook, and what costs say of them."""

import numpy as np
import pytest
import torch

from llcourse import Recipe, cost, networks, train
from llcourse.borders import Codec, Half, Int8, ReplayBuffer, Sample, VectorQuantizer, packing
from llcourse.borders.quantize import nearest, tally

from .guests import same, weights


def features(n=6, C=8, size=5, seed=0, scale=1.0):
    return scale * torch.randn(n, C, size, size, generator=torch.Generator().manual_seed(seed))


def trained(quantizer, batches=1, **settings):
    torch.manual_seed(0)
    for seed in range(batches):
        quantizer(features(seed=seed, **settings))
    return quantizer


@pytest.mark.parametrize("width", range(1, 17))
@pytest.mark.parametrize("n", [1, 7, 8, 64])
def test_indices_of_every_width_come_back(width, n):
    indices = torch.randint(2**width, (3, n), generator=torch.Generator().manual_seed(width))
    indices[0, 0], indices[-1, -1] = 2**width - 1, 0
    packed = packing.pack(indices, width)
    assert packed.dtype == torch.uint8 and packed.shape == (3, packing.nbytes(n, width)) == (3, -(-n * width // 8))
    assert torch.equal(packing.unpack(packed, width, n), indices)
    for row, bytes_ in zip(indices.tolist(), packed.tolist()):  # as one long number, lowest bits first
        assert int.from_bytes(bytes(bytes_), "little") == sum(k << (width * i) for i, k in enumerate(row))


def test_a_width_is_1_to_16():
    for width in (0, 17):
        with pytest.raises(ValueError, match="1 to 16"):
            packing.pack(torch.zeros(1, 1, dtype=torch.long), width)


@pytest.mark.parametrize("Kc, D, C", [(2, 1, 3), (5, 2, 8), (256, 8, 16), (300, 4, 4)])
def test_what_is_decoded_is_the_nearest_code(Kc, D, C):
    quantizer, h = trained(VectorQuantizer(Kc, D), C=C), features(seed=9, C=C)
    quantizer.eval()
    codebook, out = quantizer.codebook.double().numpy(), quantizer(h).double().numpy()
    for image, row, column, group in np.ndindex(len(h), 5, 5, C // D):
        pixel = h[image, group * D: (group + 1) * D, row, column].double().numpy()
        distances = ((codebook[group] - pixel) ** 2).sum(1)
        given = out[image, group * D: (group + 1) * D, row, column]
        assert ((given - pixel) ** 2).sum() <= distances.min() * (1 + 1e-5)
        assert (codebook[group] == given).all(1).any()


def test_blocks_do_not_change_the_answer(monkeypatch):
    pixels, codebook = torch.randn(101, 2, 4), torch.randn(2, 16, 4)
    whole = nearest(pixels, codebook)
    monkeypatch.setattr("llcourse.borders.quantize.SCORES", 7 * 32)
    assert torch.equal(nearest(pixels, codebook), whole)


def test_the_nearest_code_is_as_near_under_autocast():
    torch.manual_seed(0)
    pixels, codebook = torch.randn(500, 2, 4), torch.randn(2, 64, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(nearest(pixels, codebook), torch.cdist(
            pixels.transpose(0, 1).double(), codebook.double()).argmin(-1).T)


def test_without_decay_an_update_is_a_step_of_k_means():
    quantizer = trained(VectorQuantizer(6, 4, decay=0, revive=0), C=8)
    quantizer.codebook[:, 0] = 100  # nobody's nearest: it stays
    before, h = quantizer.codebook.clone(), features(seed=3)
    quantizer(h)
    pixels = h.permute(0, 2, 3, 1).reshape(-1, 2, 4).double().numpy()
    for group in range(2):
        centres = before[group].double().numpy()
        own = ((pixels[:, group, None] - centres[None]) ** 2).sum(-1).argmin(1)
        expected = [pixels[own == k, group].mean(0) if (own == k).any() else centres[k] for k in range(6)]
        assert np.allclose(quantizer.codebook[group].numpy(), expected, atol=1e-5)


def test_moving_averages_are_those_of_counts_and_sums():
    quantizer = VectorQuantizer(4, 2, decay=0.9, revive=0)
    torch.manual_seed(0)
    quantizer(features(C=4))
    counts, sums = quantizer.counts.double(), quantizer.sums.double()
    for seed in (1, 2, 3):
        h = features(C=4, seed=seed)
        pixels = h.permute(0, 2, 3, 1).reshape(-1, 2, 2)
        used, total = tally(pixels, nearest(pixels, quantizer.codebook), 4)
        assert used.sum(1).tolist() == [150, 150] and torch.allclose(total.sum(1), pixels.sum(0), atol=1e-4)
        counts, sums = 0.9 * counts + 0.1 * used, 0.9 * sums + 0.1 * total
        quantizer(h)
        n = counts.sum(1, keepdim=True)
        smoothed = (counts + 1e-5) / (n + 4e-5) * n  # Laplace
        assert torch.allclose(quantizer.codebook.double(), sums / smoothed[..., None], atol=1e-5)


def test_updates_every_third_batch():
    quantizer, moved = trained(VectorQuantizer(4, 2, every=3)), []
    for seed in range(1, 7):
        before = quantizer.codebook.clone()
        quantizer(features(seed=seed))
        moved.append(not torch.equal(before, quantizer.codebook))
    assert moved == [False, False, True, False, False, True]


def test_evaluation_learns_nothing():
    quantizer = trained(VectorQuantizer(4, 2), batches=3).eval()
    before = weights(quantizer)
    quantizer(features(seed=8))
    assert same(before, weights(quantizer))


def test_dead_codes_are_drawn_again_from_the_batch():
    far, near = features(scale=0.1) + 50, features(scale=0.1, seed=1)
    shares = {}
    for revive in (0, 0.01):
        torch.manual_seed(0)
        quantizer = VectorQuantizer(32, 4, decay=0.5, revive=revive)
        quantizer(far)  # all codes lie where no later pixel does
        for _ in range(20):
            quantizer(near)
        shares[revive] = quantizer.dead()
    assert shares[0] > 0.9 and shares[0.01] == 0
    assert quantizer.codebook.abs().max() < 5


def test_the_error_falls_while_the_codebook_learns():
    quantizer, errors = VectorQuantizer(16, 4), []
    torch.manual_seed(0)
    for seed in range(200):
        h = features(seed=seed)
        errors.append(((quantizer(h) - h) ** 2).mean().item())
    assert sum(errors[-10:]) < 0.9 * sum(errors[:10])


def test_a_message_decodes_as_it_was_written():
    quantizer = trained(VectorQuantizer(8, 4, decay=0))
    message = quantizer.encode(features(seed=1))
    first = quantizer.decode(message)
    for seed in range(2, 5):
        quantizer(features(seed=seed) + 3)
    assert torch.equal(quantizer.decode(message), first)
    buffer = ReplayBuffer(3, codec=quantizer)
    for seed in (5, 6):
        buffer.put(Sample(features(seed=seed), None, torch.arange(6)))
        if seed == 5:
            written = buffer.codec.decode((buffer.codes0, buffer.codebook0))
    buffer.take()  # the second batch
    assert torch.equal(buffer.take().h, written)


def test_messages_of_two_sizes_do_not_mix():
    buffer = ReplayBuffer(2, codec=VectorQuantizer(Kc=4, D=2))
    for size in (5, 3):
        buffer.put(Sample(features(size=size), None, torch.zeros(6, dtype=torch.long)))
    buffer.take()  # the freshest is of the last size
    with pytest.raises(ValueError, match="25 bytes an image is not of features 3 x 3"):
        buffer.take()


@pytest.mark.parametrize("codec", [Codec, Half, Int8, lambda: VectorQuantizer(5, 2), lambda: VectorQuantizer(256, 8)])
@pytest.mark.parametrize("shape", [(8, 5, 7), (16,)])
def test_messages_have_the_bytes_that_are_predicted(codec, shape):
    border, h = codec(), torch.randn(6, *shape)
    message = border.encode(h)
    assert sum(tensor.nbytes for tensor in message) == border.message_bytes(shape, batch=6)
    assert len(message) == len(border.fields) and border.decode(message).shape == h.shape
    buffer = ReplayBuffer(2, codec=codec())
    for _ in range(3):
        buffer.put(Sample(h, None, torch.zeros(6, dtype=torch.long)))
    assert buffer.held_bytes == buffer.nbytes(shape, batch=6)
    assert buffer.take().h.shape == h.shape


def test_compression_is_that_of_the_formula():
    for Kc, D, times in ((256, 4, 16), (256, 16, 64), (16, 8, 64), (1024, 5, 16)):
        assert VectorQuantizer(Kc, D).compression((80, 32, 32)) == times == 32 * D / np.log2(Kc)


def test_float16_and_int8_are_as_near_as_their_steps():
    h = features(scale=3)
    assert torch.equal(Half()(h), h.half().float())
    assert Half()(torch.full((1, 1), 1e9)).item() == 65504
    steps = (h.amax((0, 2, 3)) - h.amin((0, 2, 3))) / 255
    assert ((Int8()(h) - h).abs() <= steps.view(1, -1, 1, 1) * 0.501).all()
    assert torch.equal(Int8()(torch.full((2, 3), 4.0)), torch.full((2, 3), 4.0))  # a channel that does not vary
    assert Int8()(torch.tensor([[1.0, 2], [torch.inf, 3]])).isnan().tolist() == [[True, False], [True, False]]
    for codec in (Half(), Int8(), trained(VectorQuantizer(4, 2)).eval()):
        assert codec(features().bfloat16()).dtype == torch.bfloat16


def test_macs_are_counted_as_they_are_computed():
    def net(*borders):
        made = networks.resnet(8, width=4).cut(3, "linear")
        made.borders = list(borders)
        return made

    shape = (3, 32, 32)
    codes, plain = net(VectorQuantizer(16, 2), ReplayBuffer(2, codec=VectorQuantizer(8, 4))), net()
    more = 16 * 4 * 32 * 32 + 8 * 8 * 16 * 16
    assert cost.training_macs(codes, shape) - cost.training_macs(plain, shape) == more
    assert cost.exact_macs(codes, shape) - cost.exact_macs(plain, shape) == more
    assert [up for up, _ in cost.messages(codes, shape)] == [1024, 16 * 16 * 2 * 3 // 8, 0]
    assert [up for up, _ in cost.messages(net(Half(), Int8()), shape)] == [2 * 4 * 1024, 8 * 256, 0]


def test_training_and_evaluation_pass_the_codes(images):
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2, "linear")
    net.borders = [VectorQuantizer(4, 4)]
    train(net, images, 2, recipe=Recipe(batch=24, augment=False))
    net.eval()
    x, _ = next(images.test_batches(8))
    h = net.body[0](x)
    assert torch.equal(net(x), net.heads[1](net.body[1](net.borders[0](h))))
    assert len(net.borders[0](h).movedim(1, -1).reshape(-1, 4).unique(dim=0)) <= 4
    logits, net.borders = net(x), []
    assert not torch.allclose(net(x), logits)


@pytest.mark.parametrize("border", [lambda: VectorQuantizer(8, 4), Half, Int8,
                                    lambda: ReplayBuffer(2, codec=VectorQuantizer(8, 4))])
def test_messages_pass_in_bfloat16(images, border):
    torch.manual_seed(0)
    net = networks.resnet(8, width=4, classes=4, shape=(3, 16, 16)).cut(2, "linear")
    net.borders = [border()]
    history = train(net, images, 1, recipe=Recipe(batch=24, augment=False, precision="bfloat16"))
    assert len(history.accuracies) == 2


def test_settings_that_cannot_be():
    for settings, words in (({"Kc": 1}, "Kc is 1"), ({"Kc": 2**17}, "to 65536"), ({"D": 0}, "D is 0"),
                            ({"every": 0}, "every is 0"), ({"D": 2.5}, "D is 2.5"),
                            ({"decay": 1.0}, "decay is 1.0; it is a number from 0 to below 1")):
        with pytest.raises(ValueError, match=words):
            VectorQuantizer(**settings)
    with pytest.raises(ValueError, match="6 channels do not divide into groups of D = 4"):
        VectorQuantizer(4, 4)(torch.randn(2, 6, 3, 3))
    with pytest.raises(ValueError, match="codec is a borders.Codec"):
        ReplayBuffer(2, codec=8)
