"""Cutting and measuring modules that PyTorch does not copy, or whose code looks at values: nothing of them changes."""

import threading

import pytest
import torch
from torch import nn

from llcourse import LocalNetwork, cost, measure, networks
from llcourse.copying import copied

BATCH = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(4)
SHAPE = (3, 8, 8)


class Keeping(nn.Module):
    """Keeps what it puts out, with the graph behind it."""

    def __init__(self, module):
        super().__init__()
        self.module, self.kept, self.last = module, [], None

    def forward(self, x):
        self.last = self.module(x)
        self.kept.append(self.last)
        return self.last


class Looking(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x) if x.mean().item() < 1e9 else x


class Locked(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module, self.lock = module, threading.Lock()

    def forward(self, x):
        return self.module(x)


def hooked(module):
    module.register_forward_hook(lambda module, args, output: float(output.detach().abs().max()) and None)
    return module


ODD = {"weight_norm": nn.utils.weight_norm, "weight_norm, parametrized": nn.utils.parametrizations.weight_norm,
       "spectral_norm": nn.utils.spectral_norm, "spectral_norm, parametrized": nn.utils.parametrizations.spectral_norm,
       "a kept activation": Keeping, "a hook that looks": hooked, "code that looks": Looking}


def network(odd):
    torch.manual_seed(0)
    blocks = {"a": nn.Sequential(odd(nn.Conv2d(3, 4, 3, padding=1)), nn.ReLU()), "b": nn.Conv2d(4, 4, 3, padding=1)}
    return networks.Network("odd", blocks, nn.Sequential(nn.Flatten(), nn.Linear(256, 4)), 4, SHAPE)


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_odd_modules_are_cut_and_measured_after_a_step_as_before(odd):
    whole = network(odd)
    whole(BATCH[0]).sum().backward()  # a graph lies in what the module keeps
    net = whole.cut(2, "linear")
    net.backward(*BATCH)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    assert measure.reach(net, BATCH).matrix.tolist() == [[1, 0], [0, 1]]
    assert measure.alignment(net, BATCH)[1] > 0.999 and measure.saved_bytes(net, *BATCH) > 0
    assert len(measure.module_times(net, BATCH, rounds=1)["forward"]) == 2
    plain = network(lambda module: module).cut(2, "linear")
    assert cost.modules(net, SHAPE)[0][0].macs == cost.modules(plain, SHAPE)[0][0].macs
    assert cost.exact_macs(net, SHAPE) == cost.exact_macs(plain, SHAPE)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_a_kept_activation_stays_one_in_the_copy():
    module = Keeping(nn.Conv2d(3, 4, 3))
    module(BATCH[0])
    twin = copied(module)
    assert twin.last is twin.kept[0] and twin.last is not module.last and not twin.last.requires_grad
    assert torch.equal(twin.last, module.last) and module.last.requires_grad


def test_what_has_no_copy_is_named_with_the_mend():
    words = "0, a Locked, is measured on a copy, and cannot be copied .*lock.*outside of the module"
    with pytest.raises(ValueError, match=words):
        network(Locked).cut(2, "linear")
    net = LocalNetwork([nn.Sequential(nn.Flatten(), Locked(nn.Linear(192, 4)))], [nn.Linear(4, 4)])
    for ask in (lambda: measure.reach(net, BATCH), lambda: measure.alignment(net, BATCH),
                lambda: measure.module_times(net, BATCH), lambda: cost.exact_macs(net, SHAPE)):
        with pytest.raises(ValueError, match="body.0.1, a Locked, is measured on a copy"):
            ask()


def test_a_layer_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"a Conv2d \(5, 4, .*cannot be run on inputs of shape \(3, 8, 8\)"):
        network(lambda module: nn.Conv2d(5, 4, 3)).cut(2, "linear")
