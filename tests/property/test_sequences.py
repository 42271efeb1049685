"""A GPT under local losses: reach, gradients and steps beside plain PyTorch, causality, the shared readout."""

import numpy as np
import pytest
import torch

from llcourse import Recipe, borders, measure, networks, reach, schedules, sequences
from llcourse.steps import EagerStep

T, WIDTH, HEADS, VOCABULARY = 12, 16, 2, 19
METHODS = {"local": reach.local, "backprop": reach.backprop, "2-wise": lambda K: reach.interlocking(K, 2),
           "overlapping": lambda K: reach.overlapping(K, 2), "deep supervision": reach.deep_supervision}


def gpt(layers=4, **settings):
    torch.manual_seed(0)
    made = networks.gpt(layers, WIDTH, HEADS, T, VOCABULARY, **settings).double()
    for p in made.parameters():  # weights that start at 0.02 make differences too small to see
        p.data += 0.1 * torch.randn_like(p)
    return made


def cut(K, head="projection", method=reach.local, **settings):
    net = gpt(**settings).cut(K, head)
    for p in net.parameters():
        p.data += 0.1 * torch.randn_like(p)
    net.reach = method(K)
    return net


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(VOCABULARY, (3, T), generator=generator) for _ in range(2)]


def plain_norm(h, P, name):
    centred = h - h.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * P[f"{name}.weight"] + P[f"{name}.bias"]


def plain_block(h, P, name, rotary=True):
    """One block from its formulas: no fused attention, positions turned as complex numbers."""
    B, n = len(h), WIDTH // HEADS
    q, k, v = (plain_norm(h, P, f"{name}.attention_norm") @ P[f"{name}.attention.qkv.weight"].T).chunk(3, dim=-1)
    q, k, v = (t.reshape(B, T, HEADS, n).transpose(1, 2) for t in (q, k, v))
    if rotary:
        angle = torch.arange(T).double()[:, None] * 10_000.0 ** (-2 * torch.arange(n // 2).double() / n)
        turn = torch.polar(torch.ones_like(angle), angle)
        q, k = (torch.view_as_real(torch.complex(t[..., : n // 2], t[..., n // 2 :]) * turn).movedim(-1, -2).flatten(-2)
                for t in (q, k))
    seen = torch.ones(T, T, dtype=torch.bool).tril()
    weights = (q @ k.transpose(-1, -2) / n**0.5).masked_fill(~seen, -torch.inf).softmax(-1)
    h = h + (weights @ v).transpose(1, 2).reshape(B, T, WIDTH) @ P[f"{name}.attention.out.weight"].T
    inner = plain_norm(h, P, f"{name}.mlp_norm") @ P[f"{name}.mlp.0.weight"].T
    return h + (inner * 0.5 * (1 + torch.erf(inner / 2**0.5))) @ P[f"{name}.mlp.2.weight"].T


def plain_logits(net, P, head, x, rotary=True):
    """Logits of every head on one connected graph, from the parameters by name."""
    h, logits = None, []
    for j, module in enumerate(net.body):
        for b in range(len(module)):
            name = f"body.{j}.{b}"
            if h is None:
                h = P[f"{name}.tokens.weight"][x] + (0 if rotary else P[f"{name}.positions.weight"][None])
            else:
                h = plain_block(h, P, name, rotary)
        at, kind = f"heads.{j}", head if j < net.K - 1 else "projection"
        if kind == "readout":
            fixed, last = {name: p.detach() for name, p in P.items()}, f"heads.{net.K - 1}"
            logits.append(plain_norm(h, fixed, f"{last}.norm") @ fixed[f"{last}.linear.weight"].T)
        elif kind == "tied":
            logits.append(plain_norm(h, P, f"{at}.norm") @ P["body.0.0.tokens.weight"].detach().T)
        else:
            inner, at = (plain_block(h, P, f"{at}.0", rotary), f"{at}.1") if kind == "block" else (h, at)
            logits.append(plain_norm(inner, P, f"{at}.norm") @ P[f"{at}.linear.weight"].T)
    return logits


def plain_gradients(net, P, head, x, y, rotary=True):
    """{parameter's name: gradient}: each loss's on the whole graph, kept where R has a 1, added up."""
    logits, found = plain_logits(net, P, head, x, rotary), {}
    for i in net.losses:
        loss = -logits[i].log_softmax(-1).gather(-1, y[..., None]).mean()
        kept = [name for name in P if name.startswith(f"heads.{i}.") or any(
            name.startswith(f"body.{j}.") and net.reach[i, j] for j in range(net.K))]
        for name, g in zip(kept, torch.autograd.grad(loss, [P[name] for name in kept], retain_graph=True)):
            found[name] = found.get(name, 0) + g
    return found


@pytest.mark.parametrize("head", sequences.HEADS)
@pytest.mark.parametrize("K", [2, 3, 4])
def test_measured_equals_declared(K, head, batch):
    for method in METHODS.values():
        net = cut(K, head, method)
        measured = measure.reach(net, batch, parts=net.parts())
        trained = np.diag([int(i in net.losses and any(True for _ in net.heads[i].parameters())) for i in range(K)])
        assert measured.differences(np.hstack([net.reach, trained])) == []


@pytest.mark.parametrize("head", sequences.HEADS)
@pytest.mark.parametrize("method", [reach.local, lambda K: reach.interlocking(K, 2), lambda K: reach.chunked(K, 2)],
                         ids=["local", "2-wise", "chunked"])
def test_a_step_is_that_of_plain_autograd(method, head, batch):
    """Two steps of AdamW: the second sees what the first has left in every parameter and in the readout's copy."""
    net = cut(4, head, method)
    P = {name: p.detach().clone().requires_grad_() for name, p in net.named_parameters()}
    plain = torch.optim.AdamW(P.values(), lr=0.01, weight_decay=0.1)
    step = EagerStep(net, Recipe(optimizer="adamw", weight_decay=0.1))
    for _ in range(2):
        found = plain_gradients(net, P, head, *batch)
        for name, p in P.items():
            p.grad = found.get(name)
        plain.step()
        step(*batch, [0.01] * net.K, net.losses)
    for name, p in net.named_parameters():
        assert torch.allclose(p, P[name], rtol=1e-9, atol=1e-11), name


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_logits_are_those_of_the_formulas(positions, batch):
    net = cut(3, "block", positions=positions)
    expected = plain_logits(net, dict(net.named_parameters()), "block", batch[0], positions == "rotary")
    for i, logits in net.logits(batch[0]).items():
        assert torch.allclose(logits, expected[i], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("head", sequences.HEADS)
@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_a_later_byte_changes_no_earlier_logit(positions, head, batch):
    net, x = cut(3, head, positions=positions), batch[0]
    before = net.logits(x)
    for t in (T - 1, T // 2, 1):
        changed = x.clone()
        changed[:, t] = (changed[:, t] + 1) % VOCABULARY
        for i, logits in net.logits(changed).items():
            assert torch.equal(logits[:, :t], before[i][:, :t])
            assert not torch.isclose(logits[:, t:], before[i][:, t:]).all(dim=-1).any()  # positions, and seen by all


@pytest.mark.parametrize("make", [borders.Half, borders.Int8, lambda: borders.VectorQuantizer(8, 4)])
def test_nor_does_it_through_a_codec(make, batch):
    net, (x, y) = cut(3), batch
    net.borders = [make(), make()]
    net.backward(x, y)  # draws a codebook
    net.eval()
    before, changed = net.logits(x), x.clone()
    changed[:, T // 2:] = (changed[:, T // 2:] + 1) % VOCABULARY
    for i, logits in net.logits(changed).items():
        assert torch.equal(logits[:, : T // 2], before[i][:, : T // 2])


@pytest.mark.parametrize("every", [1, 3])
def test_the_shared_readout_is_a_copy_that_the_last_loss_trains(every, batch):
    net = cut(3, sequences.Readout(every))
    step, last, before = EagerStep(net, Recipe()), net.heads[-1], None
    for n in range(7):
        now = last.linear.weight.detach().clone(), last.norm.weight.detach().clone(), last.norm.bias.detach().clone()
        before = now if n % every == 0 else before
        step(*batch, [0.1] * 3, net.losses)
        for head in net.heads[:2]:
            assert not [*head.parameters()] and head.steps == n + 1
            for copy, value in zip((head.weight, head.scale, head.shift), before):
                assert torch.equal(copy, value)
        assert not torch.equal(last.linear.weight, now[0])  # trained
    for loss, moves in ((0, False), (1, False), (2, True)):
        kept = last.linear.weight.detach().clone()
        step(*batch, [0.1] * 3, (loss,))
        assert torch.equal(last.linear.weight, kept) != moves


def test_the_shared_readout_is_not_renewed_in_evaluation(batch):
    net = cut(2, sequences.Readout(2))
    net.backward(*batch)
    net.heads[-1].linear.weight.data += 1
    state = {name: t.clone() for name, t in net.state_dict().items()}
    net.eval().logits(batch[0])
    assert all(torch.equal(t, state[name]) for name, t in net.state_dict().items())
    assert (net.heads[0].weight + 1).equal(net.heads[1].linear.weight)


def test_the_shared_readout_goes_on_from_a_saved_state(batch):
    """The copy and its age are saved: between two copies, what was saved and not the last head is read."""
    nets = [cut(2, sequences.Readout(3)) for _ in range(2)]
    steps = [EagerStep(net, Recipe(optimizer="adamw")) for net in nets]
    for _ in range(4):
        steps[0](*batch, [0.01] * 2, nets[0].losses)
    nets[1].load_state_dict(nets[0].state_dict())
    for name, tensor in steps[1].state().items():
        tensor.copy_(steps[0].state()[name])
    for _ in range(4):
        values = [step(*batch, [0.01] * 2, net.losses) for step, net in zip(steps, nets)]
        assert values[0] == values[1]
    assert all(torch.equal(a, b) for a, b in zip(nets[0].state_dict().values(), nets[1].state_dict().values()))


def test_a_head_whose_source_would_train_later_is_refused_one_module_at_a_time():
    with pytest.raises(ValueError, match="head 1 reads parameters of cell 3, which no loss has trained by then"):
        schedules.phases("sequential", cut(3, "readout"), 1)
    net = cut(3, "readout")
    net.heads[-1].requires_grad_(False)  # it was trained before
    for fine in (net, cut(3, "tied"), cut(3)):
        assert len(schedules.phases("sequential", fine, 1)) == 3


def test_a_projection_that_shares_the_embedding_leaks_into_module_1(batch):
    net = cut(3, "projection")
    for head in net.heads:
        head.linear.weight = net.body[0][0].tokens.weight
    assert measure.reach(net, batch).matrix[:, 0].tolist() == [1, 1, 1]
    assert measure.reach(cut(3, "tied"), batch).matrix.tolist() == reach.local(3).tolist()
    with pytest.raises(ValueError, match="K is 2, and with tied=True"):
        gpt(tied=True).cut(2)
    whole = gpt(tied=True).cut(1)
    whole.backward(*batch)
    assert len([*whole.parameters()]) == len([*gpt().parameters()]) - 1
    assert whole.heads[0].linear.weight.grad is whole.body[0][0].tokens.weight.grad


@pytest.mark.parametrize("make", [borders.Half, borders.Int8, lambda: borders.VectorQuantizer(8, 4),
                                  lambda: borders.ReplayBuffer(2), lambda: borders.ReplayBuffer(
                                      2, codec=borders.VectorQuantizer(8, 4))])
def test_borders_pass_sequences(make, batch):
    net = cut(3)
    net.borders = [make(), make()]
    for _ in range(4):
        values = net.backward(*batch)
    assert len(values) == 3 and not measure.reach(net, batch).differences(reach.local(3))
    assert net.logits(batch[0][:, :5])[2].shape == (3, 5, VOCABULARY)


def test_a_codec_sees_the_last_dimension_of_sequences_as_channels():
    h = torch.randn(4, 6, 8) * torch.logspace(-2, 2, 8)  # channels of very different sizes
    bytes_, low, scale = borders.Int8().encode(h)
    assert low.shape == scale.shape == (4, 6, 1)  # of a channel they would tell what later positions hold
    assert ((borders.Int8()(h) - h).abs() <= scale * 0.5001).all()
    assert sum(t.nbytes for t in (bytes_, low, scale)) == borders.Int8().message_bytes((6, 8), 4)
    quantizer = borders.VectorQuantizer(4, 2)
    codes, codebook = quantizer.encode(h)
    assert codebook.shape == (4, 4, 2) and quantizer.message_bytes((6, 8), 4) == codes.nbytes + codebook.nbytes
    pairs = quantizer.decode((codes, codebook)).reshape(-1, 4, 2)
    for g in range(4):  # each pair of neighbours in the last dimension is a code
        assert (torch.cdist(pairs[:, g], codebook[g]).amin(1) == 0).all()
