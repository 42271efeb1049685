"""Exercise 10.3: what the head of each group sees, and which group's channels its gradient reaches."""

import numpy as np
import torch

from . import Wrong

SIZES = (3, 4, 0.5), (2, 4, 0.5), (4, 3, 0.5), (4, 2, 1.0), (2, 3, 0.0), (1, 4, 0.5)  # G, channels of each, share


def mended_right(answer):
    """Wrong unless answer(h, G, share) gives every head its own channels with gradient, then the first of each other
    group's without."""
    for G, own, share in SIZES:
        h = torch.randn(3, G * own, 2, 2).half().double().requires_grad_()  # exact in either precision
        before, where = h.detach().clone(), f"G = {G}, {own} channels each, share {share:g}: "
        given = answer(h, G, share)
        if not torch.equal(h.detach(), before):
            raise Wrong(where + "h changed: the groups' modules need it as it was")
        taken = int(share * own)
        n = own + (G - 1) * taken
        _of_right_shape(where, given, h, G, own, taken, n)
        parts = given.unflatten(1, (G, n))
        if leak := _leak(_trained(parts, h), own):
            raise Wrong(where + leak)
        for g in range(G):
            _sees_right(where + f"the head of g = {g} ", parts[:, g], h, g, G, own, taken)
        _passes_on(where, parts, h, own)


def _of_right_shape(where, given, h, G, own, taken, n):
    if not isinstance(given, torch.Tensor):
        raise Wrong(where + f"return one tensor, torch.cat(..., dim=1); this is a {type(given).__name__}")
    expected = (len(h), G * n, *h.shape[2:])
    if given.shape != expected:
        raise Wrong(where + f"the shape is to be {expected}: {G} heads, each with {own} channels of its own and "
                            f"int(share * {own}) = {taken} of each other group; this has {tuple(given.shape)}")
    if given.dtype != h.dtype:
        raise Wrong(where + f"h is {h.dtype}, what comes back {given.dtype}")


def _trained(parts, h):
    """{g: channels of h that a gradient reaches from what the head of g sees}."""
    trained = {}
    for g in range(parts.shape[1]):
        came = torch.autograd.grad(parts[:, g].sum(), h, retain_graph=True, allow_unused=True)[0] if (
            parts.requires_grad) else None
        trained[g] = [] if came is None else came.any(dim=0).flatten(1).any(dim=1).nonzero().flatten().tolist()
    return trained


def _leak(trained, own):
    """What is wrong with it, None if each head trains its own channels alone."""
    G = len(trained)
    wrong = [g for g in trained if trained[g] != list(range(g * own, (g + 1) * own))]
    if not wrong:
        return None
    measured = np.zeros((G, G), int)
    for g, channels in trained.items():
        measured[g, [c // own for c in channels]] = 1
    said = (f"a row a head, a column a group, the heads train {_rows(measured)}; it should be "
            f"{_rows(np.eye(G, dtype=int))}. ")
    g, first = wrong[0], range(G * own)[wrong[0] * own:][:own]
    reached = sorted({c // own for c in trained[g]})
    if not any(trained.values()):
        return said + "No head trains anything: its own channels keep their gradient, only the others' are detached"
    if not reached:
        return said + f"The head of g = {g} trains no channel, not even its own"
    if reached == [g]:
        return f"of its own channels, {_list(first)}, the head of g = {g} trains {_list(trained[g])} alone"
    if len(trained[g]) == own and len(reached) > 1:
        return said + (f"The head of g = {g} trains channels {_list(trained[g])}; its own are {_list(first)}, which "
                       "stand together")
    if G > 1 and (measured == 1).all():
        return said + "Every head trains every group: what it sees of the others is to be detached"
    others = " and ".join(f"g = {other}" for other in reached if other != g)
    never = ", ".join(f"g = {k}" for k in range(G) if not measured[:, k].any())
    return (said + f"The head of g = {g} trains the channels of {others}"
            + (" besides its own" if g in reached else ", and not its own")
            + (f"; no head trains those of {never}" if never else ""))


def _rows(matrix):
    return " ".join("".join(map(str, row)) for row in matrix.tolist())


def _sees_right(where, seen, h, g, G, own, taken):
    """Values, as a list of the channels that they are equal to."""
    others = [k * own + c for k in range(G) if k != g for c in range(taken)]
    right, channels = [*range(g * own, (g + 1) * own), *others], []
    for c in range(seen.shape[1]):
        same = (seen[:, c:c + 1] == h).flatten(2).all(dim=2).all(dim=0).nonzero().flatten().tolist()
        channels.append(same[0] if same else None)
    if channels == right:
        return
    if None in channels:
        raise Wrong(where + f"sees values that are no channel of h: its channel {channels.index(None)}")
    said = where + f"sees channels {_list(channels)} of h; it should see {_list(right)}: "
    if channels[:own] != right[:own]:
        raise Wrong(said + ("its own come first, then the others'" if sorted(channels) == sorted(right) else
                            "the first are not its own"))
    if sorted(channels) == sorted(right):
        raise Wrong(said + "of the others, lower groups come first")
    if {c // own for c in channels[own:]} == {c // own for c in others}:
        raise Wrong(said + f"of each other group the first {taken} channels")
    raise Wrong(said + "every other group once, and not the head's own again")


def _passes_on(where, parts, h, own):
    gradient = torch.randn(parts.shape, dtype=h.dtype)
    came, = torch.autograd.grad(parts, h, gradient)
    if not torch.allclose(came, gradient[:, :, :own].flatten(1, 2)):
        raise Wrong(where + "the values are right, and own channels get another gradient than the head sends: they "
                            "are to stand there once, untouched")


def _list(channels):
    return " ".join(map(str, channels))
