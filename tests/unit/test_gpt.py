"""GPTs: shapes, starting weights, what their parts cost, and writing with what attention has seen kept."""

from functools import partial

import pytest
import torch
from torch import nn

from llcourse import (
    bench_text,
    borders,
    cost,
    data,
    generate,
    measure,
    networks,
    objectives,
    reach,
    sequences,
    train,
)
from llcourse.bench import one_update
from llcourse.copying import copied
from llcourse.sequences.transformer import GELU
from llcourse.steps import EagerStep

LAYERS, WIDTH, HEADS, T, VOCABULARY = 4, 32, 2, 24, 50
BLOCK = 12 * WIDTH**2 * T + 2 * T**2 * WIDTH  # MACs: attention's projections, the perceptron, T x T products
HEAD = WIDTH * VOCABULARY * T


def gpt(**settings):
    torch.manual_seed(0)
    return networks.gpt(**{"layers": LAYERS, "width": WIDTH, "heads": HEADS, "context": T, "vocabulary": VOCABULARY}
                        | settings)


def text(batch=2, length=T, vocabulary=VOCABULARY):
    return torch.randint(vocabulary, (batch, length), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_shapes_names_and_borders(positions):
    net = gpt(positions=positions)
    assert net.name == "GPT-4" and net.block_names == ["embedding", "1", "2", "3", "4"]
    assert [net.borders(K) for K in (2, 4)] == [["2"], ["1", "2", "3"]]
    for length in (1, 7, T):
        assert net(text(length=length)).shape == (2, length, VOCABULARY)
    assert {h.shape for h in net.cut(3)(text())[None]} == {(2, T, VOCABULARY)}


def test_weights_start_as_those_of_gpt_2():
    net = gpt(width=256, layers=8)
    for name, p in net.named_parameters():
        if "norm" in name:
            assert torch.equal(p, torch.full_like(p, float(name.endswith("weight"))))
        else:
            onto_stream = name.endswith(("attention.out.weight", "mlp.2.weight"))
            assert p.std().item() == pytest.approx(0.02 / (4 if onto_stream else 1), rel=0.05), name
    assert [m.bias for m in net.modules() if isinstance(m, nn.Linear)] == [None] * (8 * 4 + 1)
    first = nn.functional.cross_entropy(net(text()).flatten(0, 1), text().flatten())
    assert first.item() == pytest.approx(torch.tensor(VOCABULARY).log().item(), rel=0.05)
    assert net.cut(2, "block").heads[0][0].mlp[2].weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)


def test_macs_are_those_of_the_formulas():
    net = gpt()
    assert [cost.count(block, (T,) if n == 0 else (T, WIDTH)).macs for n, block in enumerate(net.blocks)] == [
        0, BLOCK, BLOCK, BLOCK, BLOCK]
    assert cost.count(net, net.shape) == cost.Cost(4 * BLOCK + HEAD, sum(p.numel() for p in net.parameters()),
                                                   (T, VOCABULARY))
    assert cost.count(net.blocks[1], (T, WIDTH)).parameters == 12 * WIDTH**2 + 4 * WIDTH


@pytest.mark.parametrize("head, macs, parameters, trained", [
    ("projection", HEAD, WIDTH * VOCABULARY + 2 * WIDTH, True),
    ("block", BLOCK + HEAD, 12 * WIDTH**2 + 4 * WIDTH + WIDTH * VOCABULARY + 2 * WIDTH, True),
    ("tied", HEAD, 2 * WIDTH, False),
    ("readout", HEAD, 0, False),
])
def test_what_heads_cost(head, macs, parameters, trained):
    net = gpt().cut(4, head)
    rows = cost.modules(net, (T,))
    assert rows[0] == (cost.Cost(BLOCK, 12 * WIDTH**2 + 4 * WIDTH + VOCABULARY * WIDTH, (T, WIDTH)),
                       cost.Cost(macs, parameters, (T, VOCABULARY)))
    heads = 3 * (3 if trained else 2) * macs + 3 * HEAD  # without a weight gradient a head goes forward and back
    assert cost.training_macs(net, (T,)) == 4 * 3 * BLOCK + heads
    assert cost.exact_macs(net, (T,)) == 4 * 3 * BLOCK + heads
    assert cost.messages(net, (T,)) == [(4 * T * WIDTH, 0)] * 3 + [(0, 0)]


def test_a_pass_that_only_hands_on_takes_both_of_attentions_gradients():
    net = gpt().cut(4)
    net.reach = reach.interlocking(4, 2)
    counted = (3 + 4 + 4 + 3) * BLOCK + 3 * 3 * HEAD  # loss 1 trains nothing
    assert cost.training_macs(net, (T,)) == counted
    assert cost.exact_macs(net, (T,)) == counted + 2 * 2 * T**2 * WIDTH  # modules 2 and 3 hand one message on


def test_kept_bytes_are_those_of_the_formula():
    """A block keeps, a position: the stream, its norm, q, k, v and what comes of them, both sides of the perceptron."""
    B, x = 3, text(3)
    numbers = 2 * (2 * WIDTH + 2) + (2 + 3 + 1) * WIDTH + HEADS + 8 * WIDTH  # v is kept with the q and k it came with
    block = 4 * B * T * numbers
    head = 4 * B * T * (2 * WIDTH + 2 + VOCABULARY)
    one, four = gpt().cut(1), gpt().cut(4)
    loose = 4 * T * WIDTH + 2 * 8 * B * T  # the angles' cosines and sines; bytes and their labels
    assert 4 * block + head <= measure.saved_bytes(one, x, x) <= 4 * block + head + loose
    assert block + head <= measure.saved_bytes(four, x, x) <= block + head + loose


@pytest.mark.parametrize("settings, message", [
    ({"width": 30, "heads": 4}, "width is 30 and heads is 4"), ({"width": 6, "heads": 2}, "even for rotary positions"),
    ({"positions": "sine"}, "positions is 'sine'; it is one of rotary, learned"), ({"layers": 0}, "layers is 0"),
    ({"tied": 1}, "tied is 1"),
])
def test_settings_that_make_no_network(settings, message):
    with pytest.raises(ValueError, match=message):
        gpt(**settings)


def test_odd_halves_are_fine_for_learned_positions():
    assert gpt(width=6, heads=2, positions="learned")(text()).shape == (2, T, VOCABULARY)


@pytest.mark.parametrize("given, message", [
    (torch.rand(2, T), "float32 of shape"), (text(2, T + 1), r"T up to 24; got torch.int64 of shape \(2, 25\)"),
    (torch.zeros(T, dtype=torch.long), r"\(batch, T\)"), (text().to(torch.uint8), "uint8 of shape"),
])
def test_what_is_no_text_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        gpt().cut(2)(given)


@pytest.mark.parametrize("settings, message", [
    ({"context": 9}, r"reads windows of 9 out of 256 values; examples of this set are \(8,\) out of 256"),
    ({"context": 7, "positions": "learned"}, "windows of 7"), ({"context": 8, "vocabulary": 100}, "out of 100 values"),
])
def test_training_refuses_a_text_of_other_windows_or_values(settings, message):
    library = data.text(train=1000, test=100, context=8)
    with pytest.raises(ValueError, match=message):
        train(gpt(**{"vocabulary": 256} | settings).cut(2), library, 1)


def test_training_refuses_what_is_made_for_images_alone():
    net = gpt(vocabulary=256, context=8).cut(2)
    net.objectives = [objectives.Contrast(), objectives.CrossEntropy()]
    with pytest.raises(ValueError, match=r"a contrast compares images, .* examples of this set are \(8,\)"):
        train(net, data.text(train=1000, test=100, context=8), 1)


def test_heads_and_objectives_that_are_not_for_text_are_refused():
    with pytest.raises(ValueError, match="no head of sequences is called '1c2f'; there are projection, block, tied"):
        gpt().cut(2, "1c2f")
    with pytest.raises(ValueError, match="every is 0"):
        sequences.Readout(0)
    with pytest.raises(ValueError, match="a decoder makes images"):
        gpt().cut(2, objective="infopro")


def written(net, prompt, length, head, context):
    """The same text by whole forward passes; where the context is full its later half is read anew."""
    window, generator, said = list(prompt[-context:]), torch.Generator().manual_seed(3), []
    for _ in range(length):
        if len(window) > context:
            window = window[-(context // 2):]
        likely = net.logits(torch.tensor([window]))[head][0, -1].div(0.7).softmax(0)
        window.append(int(torch.multinomial(likely.float(), 1, generator=generator)))
        said.append(window[-1])
    return bytes(said)


@pytest.mark.parametrize("head", sequences.HEADS)
@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_text_written_with_what_was_seen_kept_is_the_same(positions, head):
    net = gpt(vocabulary=256, positions=positions).double().cut(3, head)
    for p in net.parameters():
        p.data += 0.1 * torch.randn_like(p)
    for prompt in (b"d", b"def generate(", b"a prompt that is longer than the context is"):
        for asked in (0, -1):
            found = generate(net, prompt, 40, seed=3, temperature=0.7, head=asked)
            assert found == written(net.eval(), prompt, 40, asked % 3, T) and len(set(found)) > 15
    likeliest = net.logits(torch.tensor([[100]]))[2][0, -1].argmax()
    for temperature in (0, 1e-30):
        assert generate(net, b"d", 1, temperature=temperature) == bytes([likeliest])


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_logits_with_what_was_seen_kept_are_the_same(positions):
    """Piece by piece, several positions at a time too."""
    net = gpt(positions=positions).double().cut(2, "block").eval()
    for p in net.parameters():
        p.data += 0.3 * torch.randn_like(p)
    x = text(3)
    whole = net.logits(x)
    pasts = sequences.remember(net)
    for _ in range(2):
        pieces = [net.logits(piece) for piece in x.split([5, 1, 7, 1, 1, 9], dim=1)]
        for i, logits in whole.items():
            assert torch.allclose(torch.cat([piece[i] for piece in pieces], dim=1), logits, rtol=1e-10, atol=1e-10)
        with pytest.raises(ValueError, match="T up to 0"):
            net.logits(x[:, :1])
        for past in pasts:
            past.length = 0


@pytest.mark.parametrize("batch", [1, 3])
def test_gelu_of_one_position_is_gelu(batch):
    x = torch.randn(batch, 1, 14, dtype=torch.float64, requires_grad=True)
    found = GELU()(x)
    expected = x * torch.special.ndtr(x)
    for a, b in ((found, expected), *zip(*(torch.autograd.grad(y.square().sum(), x) for y in (found, expected)))):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)
    assert found.shape == x.shape and found.is_contiguous()


def test_generation_is_seeded_and_leaves_the_network_as_it_is():
    net = gpt(vocabulary=256).cut(2, "readout").train()
    before = {name: t.clone() for name, t in net.state_dict().items()}
    first = generate(net, b"def ", 40, seed=1)
    assert first == generate(net, b"def ", 40, seed=1) != generate(net, b"def ", 40, seed=2) and len(first) == 40
    assert all(torch.equal(t, before[name]) for name, t in net.state_dict().items())
    assert all(module.training for module in net.modules())
    with torch.inference_mode():
        assert generate(net, b"def ", 40, seed=1) == first
    whole = gpt(vocabulary=256)
    assert generate(whole, b"def ", 9) == generate(whole.cut(1), b"def ", 9)


def test_writing_moves_nothing_that_others_use():
    """Neither the generator of the process nor its switches; a codebook that was never drawn stays so."""
    net = gpt(vocabulary=256).cut(2)
    net.borders = [borders.VectorQuantizer(4, 4)]
    switches, state = [], torch.get_rng_state()
    with nn.modules.module.register_module_forward_hook(lambda *_: switches.append(torch.backends.mkldnn.enabled)):
        first = generate(net, b"def ", 20, seed=1)
    assert all(switches) and len(switches) > 20 and torch.equal(torch.get_rng_state(), state)
    assert net.borders[0].codebook is None and generate(net, b"def ", 20, seed=1) == first


@pytest.mark.parametrize("R, head", [(reach.backprop, 0), (reach.backprop, -3), (partial(reach.interlocking, N=2), 0)])
def test_a_head_that_nothing_trains_writes_nothing(R, head):
    net = gpt(vocabulary=256).cut(3, reach=R(3))
    with pytest.raises(ValueError, match=f"head 0 has no loss .* ask one of {', '.join(map(str, net.losses))}"):
        generate(net, b"a", 1, head=head)


@pytest.mark.parametrize("given, message", [
    ({"prompt": b""}, "prompt is b''"), ({"prompt": "def"}, "prompt is 'def'; it is bytes"), ({"length": 0}, "length"),
    ({"temperature": -1}, "temperature is -1"), ({"head": 2}, "head is 2; it is a whole number from -2 to 1"),
    ({"net": nn.Linear(1, 1)}, "this Linear reads none"), ({"net": gpt()}, "this GPT reads 50 different ones"),
    ({"net": networks.resnet(8, width=4)}, "this Network reads none"),
])
def test_what_cannot_be_generated_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        generate(**{"net": gpt(vocabulary=256).cut(2), "prompt": b"a", "length": 1} | given)


def test_logits_that_are_not_finite_are_refused():
    net = gpt(vocabulary=256)
    net.classifier.norm.bias.data[0] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        generate(net, b"a", 1)


def test_the_bench_of_text_has_the_promised_rows():
    size = {"layers": 4, "width": 8, "heads": 2, "context": 8}
    rows = bench_text.step_rows(batch=2, rounds=1, **size)
    assert [row["method"] for row in rows] == 2 * ["hand-written loop"] + [
        c.method for c in bench_text.CONFIGURATIONS]
    assert all(row.keys() == {"method", "K", "head", "step", "ratio", "floor", "exact", "saved_mb", "tokens_per_s"}
               for row in rows)
    assert [row["floor"] for row in rows[:4]] == 4 * [1.0] and all(row["floor"] > 1 for row in rows[4:])
    row = bench_text.generation_row(rounds=1, **size)
    assert row["times as fast"] == pytest.approx(row["bytes/s"] / row["bytes/s of the plain loop"])
    steps, writing = map(str, bench_text.tables([row | {"tokens_per_s": 123456.0} for row in rows], row, "title"))
    assert steps.startswith("title\nmethod") and "123,456" in steps and writing.splitlines()[1].startswith("context")


def test_the_hand_written_loop_of_the_bench_trains_as_backprop_does():
    net, x, y = gpt(), text(), text().flip(0)
    other = copied(net)
    step = EagerStep(other.cut(1), bench_text.RECIPE)
    by_hand = bench_text.hand_written(net, x, y, None)
    for _ in range(2):
        by_hand()
        one_update(step, x, y, bench_text.RECIPE.lr)
    for p, q in zip(net.parameters(), other.parameters()):
        assert torch.allclose(p, q, atol=1e-6)
    assert not torch.allclose(net.classifier.linear.weight, gpt().classifier.linear.weight, atol=1e-6)
