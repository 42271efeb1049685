"""Exercise 9.3: which loss trains which encoder, shortcut and module where borders supply context."""

from copy import deepcopy

import numpy as np
import torch
from torch import nn

from . import Wrong, watch
from .refusals import explained

WIDTHS = 5, 9, 8, 7, 6  # of the image, then of each module's output
NEAR = 1e-9
REFUSALS = {
    "modified by an inplace operation":
        "autograd needs a tensor as it was, and you write into it: `x = x + ...` makes a new one, `x += ...` does not",
    "backward through the graph a second time":
        "the graph is gone: return the outputs, and leave `backward` to the caller",
    "shapes cannot be multiplied":
        "a part is given another width than its own: encoders read the image, a shortcut what the module below was "
        "given",
}


def _layers(a, b):
    return nn.Sequential(nn.Linear(a, b, bias=False), nn.BatchNorm1d(b))


class _Net(nn.ModuleDict):
    """K modules, encoders from module 2 on, shortcuts from module 3 on, in float64, all with BatchNorm."""

    def __init__(self, K):
        super().__init__({f"module {j}": _layers(*WIDTHS[j - 1:j + 1]) for j in range(1, K + 1)}
                         | {f"encoder {j}": _layers(WIDTHS[0], WIDTHS[j - 1]) for j in range(2, K + 1)}
                         | {f"shortcut {j}": _layers(WIDTHS[j - 2], WIDTHS[j - 1]) for j in range(3, K + 1)})
        self.K = K
        self.double()

    def all(self, kind):
        """The parts of this kind, a list with an entry a module."""
        return [self[f"{kind} {j}"] if f"{kind} {j}" in self else None for j in range(1, self.K + 1)]

    def supplied(self, image):
        """For each module a dict of its input and what that is the sum of, its output, and what its shortcut would make
        of features alone."""
        rows = [{"input": image, "output": self["module 1"](image)}]
        for j in range(2, self.K + 1):
            below = rows[-1]
            row = {"h": below["output"].detach(), "e": self[f"encoder {j}"](image)}
            if j > 2:
                shortcut = self[f"shortcut {j}"]
                row |= {"of features": deepcopy(shortcut)(below["h"]), "r": shortcut(below["input"].detach())}
            row["input"] = sum(row[name] for name in ("h", "e", "r") if name in row)
            rows.append(row | {"output": self[f"module {j}"](row["input"])})
        return rows


class _Seen:
    """Context manager: copies of what modules were given and gave, in the order in which they ran."""

    def __init__(self, modules):
        self.modules, self.given, self.gave, self._hooks = modules, {}, {}, []

    def __enter__(self):
        for j, module in enumerate(self.modules, 1):
            self._hooks.append(module.register_forward_hook(lambda _, given, out, j=j: self._see(j, given[0], out)))
        return self

    def _see(self, j, given, out):
        self.given[j], self.gave[j] = given.detach().clone(), out.detach().clone()

    def __exit__(self, *_):
        for hook in self._hooks:
            hook.remove()


def mended_right(answer):
    """Wrong unless answer(modules, E, R, image) returns the outputs of all modules, supplied with context, such that
    the loss on each trains that module and its own supply alone."""
    for K in (4, 2, 3):
        net, image = _Net(K), torch.randn(12, WIDTHS[0], dtype=torch.float64)
        truth = deepcopy(net)
        rows = truth.supplied(image)
        given, where = image.clone(), f"K = {K}: "
        with watch.Runs(dict(net)) as runs, _Seen(net.all("module")) as seen, explained(REFUSALS, where):
            outputs = answer(*(net.all(kind) for kind in ("module", "encoder", "shortcut")), given)
        _of_right_kind(where, outputs, K)
        for name in net:
            if runs.count(name) != 1:
                raise Wrong(where + f"{_named(name)} runs {runs.count(name)} times; it should once" + (
                    ", or its BatchNorm moves more often" if runs.count(name) else ""))
        if not torch.equal(given, image):
            raise Wrong(where + "the image changed in place, and the modules above need it as it was")
        for j, row in enumerate(rows, 1):
            _sees_right(where, j, row, seen.given[j])
        for j, out in enumerate(outputs, 1):
            _unchanged(where, j, out, seen.gave[j], seen.given.get(j + 1))
        with explained(REFUSALS, where):
            trained = _gradients(net, outputs)
        if leak := _leak(trained, net):
            raise Wrong(where + leak)
        _as_autograd(where, trained, _gradients(truth, [row["output"] for row in rows]))


def _named(name):
    kind, j = name.split()
    return name if kind == "module" else f"the {kind} of module {j}"


def _of_right_kind(where, outputs, K):
    if not isinstance(outputs, (list, tuple)):
        raise Wrong(where + f"return the list of the {K} modules' outputs; this is a {type(outputs).__name__}")
    kinds = sorted({type(out).__name__ for out in outputs})
    if len(outputs) != K or not all(isinstance(out, torch.Tensor) for out in outputs):
        raise Wrong(where + f"return the list of the {K} modules' outputs, tensors; this has {len(outputs)} entries, "
                            f"each a {' or a '.join(kinds)}")


def _sees_right(where, j, row, given):
    def same(*names):
        expected = sum(row[name] for name in names if name in row)
        return given.shape == expected.shape and (given - expected).abs().max() <= NEAR

    if same("input"):
        return
    where += f"module {j} is given "
    if j == 1:
        raise Wrong(where + "something else than the image")
    if same("h"):
        raise Wrong(where + "the features alone: what its supply makes is not added")
    if same("e", "r"):
        raise Wrong(where + "its supply alone: it is added to the features, h.detach()")
    if same("h", "e"):
        raise Wrong(where + "features and encoded image; what its shortcut makes is not added")
    if same("h", "r"):
        raise Wrong(where + "features and its shortcut's; the encoded image is not added")
    if same("h", "e", "of features"):
        raise Wrong(where + f"the right sum, of a shortcut that reads features of module {j - 2}. It reads all that "
                            f"module {j - 1} was given: these and their supply")
    raise Wrong(where + f"something else than h + E(image){' + R(below)' * (j > 2)}, where h is the output of module "
                        f"{j - 1}{', and `below` what that was given itself' * (j > 2)}")


def _unchanged(where, j, out, gave, above):
    if out.shape == gave.shape and (out - gave).abs().max() <= NEAR:
        return
    if above is not None and out.shape == above.shape and (out - above).abs().max() <= NEAR:
        raise Wrong(where + f"entry {j} of your list is not what module {j} gave, but what module {j + 1} was given. "
                            "Did `+=` write into it? h.detach() has the same memory as h, and the head of module "
                            f"{j} reads h: `given = given + ...` makes a new tensor")
    raise Wrong(where + f"entry {j} of your list is not the output of module {j}")


def _gradients(net, outputs):
    """{(i, part): its gradients of a loss on output i, one vector}; parts that it does not reach are left out."""
    found, generator = {}, torch.Generator().manual_seed(0)
    for i, out in enumerate(outputs, 1):
        loss = (out * torch.randn(out.shape, generator=generator).to(out)).square().sum()
        for name, part in net.items():
            came = torch.autograd.grad(loss, list(part.parameters()), retain_graph=True, allow_unused=True) if (
                loss.requires_grad) else [None]
            if any(g is not None and g.abs().max() > NEAR for g in came):
                found[i, name] = torch.cat([g.flatten() for g in came if g is not None])
    return found


def _leak(trained, net):
    """What is wrong with it, None if each loss trains its own module, encoder and shortcut alone."""
    K = net.K
    for kind, first in (("module", 1), ("encoder", 2), ("shortcut", 3)):
        columns = range(first, K + 1)
        measured = np.array([[int((i, f"{kind} {j}") in trained) for j in columns] for i in range(1, K + 1)])
        right = np.array([[int(i == j) for j in columns] for i in range(1, K + 1)])
        if not columns or (measured == right).all():
            continue
        column = "a module" if kind == "module" else f"the {kind} of each module from {first} on"
        said = (f"a row a loss, a column {column}, losses train {_rows(measured)}; it should be {_rows(right)}. ")
        if not measured.any():
            return said + f"No loss trains any {kind}" + (
                ": detach what comes from below, h and what a shortcut reads; not what the supply makes of it"
                if kind != "module" else "")
        for i, n in np.argwhere(measured > right):
            return said + f"Loss {i + 1} trains {_named(f'{kind} {columns[n]}')} too. " + (
                "Features go up detached, h.detach()" if kind == "module" else
                f"Which part of module {i + 1} reads something that this {kind} had a hand in?")
        missing = columns[int(np.argwhere(measured < right)[0][1])]
        return said + f"No loss trains {_named(f'{kind} {missing}')}"


def _rows(matrix):
    return " ".join("".join(map(str, row)) for row in matrix.tolist())


def _as_autograd(where, trained, expected):
    for (i, name), gradient in expected.items():
        if not (trained[i, name] - gradient).abs().max() <= 1e-7:
            raise Wrong(where + f"values and reach are right, but loss {i} has another gradient for "
                                f"{_named(name)}: each part works once, on what comes from below, as it is")
