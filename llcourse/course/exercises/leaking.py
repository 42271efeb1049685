"""Exercise 10.3: what the head of each group sees, and which group's channels its gradient reaches."""

import numpy as np
import torch

from . import Wrong

SIZES = (2, 4, 0.5), (4, 2, 0.5), (3, 3, 0.5), (4, 2, 1.0), (2, 3, 0.0), (1, 4, 0.5)  # G, channels of each, share


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
        measured = _measured(parts, h, G, own)
        if (measured != np.eye(G, dtype=int)).any():
            raise Wrong(where + _leaks(measured))
        for g in range(G):
            _sees_right(where + f"the head of g = {g} ", parts[:, g], h, g, G, own, taken)
        _passes_on(where, parts, h, G, own)


def _of_right_shape(where, given, h, G, own, taken, n):
    if not isinstance(given, torch.Tensor):
        raise Wrong(where + f"return one tensor, torch.cat(..., dim=1); this is a {type(given).__name__}")
    expected = (len(h), G * n, *h.shape[2:])
    if given.shape != expected:
        raise Wrong(where + f"the shape is to be {expected}: {G} heads, each with {own} channels of its own and "
                            f"int(share * {own}) = {taken} of each other group; this has {tuple(given.shape)}")
    if given.dtype != h.dtype:
        raise Wrong(where + f"h is {h.dtype}, what comes back {given.dtype}")


def _measured(parts, h, G, own):
    """Heads x groups: 1 where a gradient goes from what the head sees into the group's channels."""
    measured = np.zeros((G, G), int)
    for g in range(G):
        seen = parts[:, g]
        if seen.requires_grad:
            gradient, = torch.autograd.grad(seen.sum(), h, retain_graph=True, allow_unused=True)
            if gradient is not None:
                measured[g] = (gradient.unflatten(1, (G, own)) != 0).any(dim=(0)).flatten(1).any(dim=1).numpy()
    return measured


def _leaks(measured):
    G = len(measured)
    rows = " ".join("".join(map(str, row)) for row in measured.tolist())
    rule = " ".join("".join(map(str, row)) for row in np.eye(G, dtype=int).tolist())
    said = f"a row a head, a column a group, the heads train {rows}; it should be {rule}. "
    if not measured.any():
        return said + "No head trains anything: its own channels keep their gradient, only the others' are detached"
    if (measured == 1).all():
        return said + "Every head trains every group: what it sees of the others is to be detached"
    g = int((measured != np.eye(G, dtype=int)).any(axis=1).nonzero()[0][0])
    trained = measured[g].nonzero()[0].tolist()
    if not trained:
        return said + f"The head of g = {g} trains no channel, not even its own"
    others = " and ".join(f"g = {other}" for other in trained if other != g)
    never = [f"g = {k}" for k in range(G) if not measured[:, k].any()]
    return (said + f"The head of g = {g} trains the channels of {others}" + (", and not its own" if g not in trained
            else " besides its own") + (f"; nobody trains {', '.join(never)}" if never else ""))


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


def _passes_on(where, parts, h, G, own):
    gradient = torch.randn(parts.shape, dtype=h.dtype)
    came, = torch.autograd.grad(parts, h, gradient)
    if not torch.allclose(came, gradient[:, :, :own].flatten(1, 2)):
        raise Wrong(where + "the values are right, and own channels get another gradient than the head sends: they "
                            "are to stand there once, untouched")


def _list(channels):
    return " ".join(map(str, channels))
