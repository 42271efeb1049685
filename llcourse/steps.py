"""One optimisation step: eager, or compiled and, on a GPU, captured and replayed."""

import torch

from . import optimizers


def channels_last(net):
    """`net` with all its maps in that layout; tensors that are none, such as of 3D convolutions, stay as they are."""
    for t in (*net.parameters(), *net.buffers()):
        if t.dim() == 4:
            t.data = t.data.to(memory_format=torch.channels_last)
    return net


def repeats(net):
    """Whether every step of `net` is the same work on the same memory, so that one can be captured: no border holds
    batches, or has a buffer that only the first batch shapes."""
    return not any(border is not None and (border.holds or border.shaped_by_batch) for border in net.borders)


class EagerStep:
    """The gradients of `net.backward`, then one step of the recipe's optimizer, kernel by kernel.

    Every cell has its learning rate. `state()` is what the optimizer remembers, {name: tensor}: the memory it works on.
    """

    def __init__(self, net, recipe):
        self.net = net
        self.device = next(net.parameters()).device
        self.optimizer = optimizers.make(net.cells, recipe, self.device)

    def __call__(self, x, y, lrs, losses):
        """One step on the batch (x, y): lrs, a learning rate a cell; returns the losses of `net.backward`."""
        self._set_lrs(lrs)
        return self._update(self.net, x, y, losses)

    def state(self):
        return optimizers.state(self.optimizer)

    def _set_lrs(self, lrs):
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            group["lr"] = lr

    def _update(self, net, x, y, losses):
        self.optimizer.zero_grad(set_to_none=True)  # what gets no gradient is then left alone, its momentum too
        values = net.backward(x, y, losses=losses)
        self.optimizer.step()
        return values


class FastStep(EagerStep):
    """The same step with modules and heads compiled; on a GPU the whole of it is one CUDA graph, replayed.

    A small network at a large batch is bound by launches and by memory traffic: compiling fuses BatchNorm, ReLU and
    additions, a graph takes the launches away. Only batches of the first one's shape go this way; a ragged last one
    runs eagerly, and so does evaluation, on the same parameters.

    On a CPU it does not pay. ResNet-32, batch 128, two threads: compiled steps took 1.05 (K = 1), 1.14 (K = 4) and 1.53
    (K = 16, linear heads) of the eager ones' time. The convolutions are the same library calls either way. What is left
    to fuse is a seventh of a step, and the code generated for BatchNorm's sums over channels_last maps is slower than
    PyTorch's own kernels: at K = 16 about 250 ms a step against 45. And a compiled module goes back as a whole: where a
    module goes back twice a step, as under interlocking, it computes its weight gradients twice.
    """

    def __init__(self, net, recipe, compiled=True):
        super().__init__(net, recipe)
        if not repeats(net):
            raise ValueError("a border that holds batches, or has a buffer that only the first batch shapes, works "
                             "step by step: train without fast=True")
        self.shape, self.graphs, self.fast = None, {}, net
        if compiled:
            from torch._dynamo import config as dynamo  # late: importing it takes seconds
            from torch._functorch import config as functorch

            # Modules share their code, so all kinds of them count together.
            dynamo.recompile_limit = max(64, dynamo.recompile_limit)
            functorch.donated_buffer = False  # else no graph could be kept for a second loss
            self.fast = net.mapped(lambda part: torch.compile(part, dynamic=False))
        if self.device.type == "cuda":
            self.lrs = torch.zeros(len(self.optimizer.param_groups), device=self.device)
            super()._set_lrs(self.lrs)

    def _set_lrs(self, lrs):
        if self.device.type == "cuda":
            # In place, for the graph reads them where they lie; from pinned memory, so that the host does not wait.
            self.lrs.copy_(torch.tensor(lrs).pin_memory(), non_blocking=True)
        else:
            super()._set_lrs(lrs)

    def _update(self, net, x, y, losses):
        self.shape = self.shape or x.shape
        if x.shape != self.shape:
            return super()._update(net, x, y, losses)
        if self.device.type != "cuda":
            return super()._update(self.fast, x, y, losses)
        with torch.cuda.device(self.device):  # where graphs are captured and replayed
            return self._replay(x, y, losses)

    def _replay(self, x, y, losses):
        key = losses, tuple(module.training for module in self.net.body)
        if key not in self.graphs:
            self.graphs[key] = self._capture(x, y, losses)
        graph, static_x, static_y, computed, values = self.graphs[key]
        static_x.copy_(x)
        static_y.copy_(y)
        graph.replay()
        return dict(zip(computed, values.clone()))  # the next replay writes to the same place

    def _capture(self, x, y, losses):
        """Record the step as a CUDA graph; the three steps that warm it up leave no trace."""
        x, y = x.clone(), y.clone()
        tensors = {**dict(self.net.named_parameters()), **dict(self.net.named_buffers())}
        state = [*tensors.values(), *self.state().values()]
        before = [t.detach().clone() for t in state]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side), torch.random.fork_rng(devices=[self.device]):
            for _ in range(3):
                super()._update(self.fast, x, y, losses)
        torch.cuda.current_stream().wait_stream(side)
        if rebound := [name for name, buffer in self.net.named_buffers() if buffer is not tensors[name]]:
            raise ValueError(f"{', '.join(rebound)}: a step that is captured and replayed goes on with the buffers "
                             "that it began with; change them in place (copy_, mul_), or train without fast=True")
        with torch.no_grad():
            for tensor, value in zip(state, before):
                tensor.copy_(value)
        self.optimizer.zero_grad(set_to_none=True)  # the capture then allocates the gradients in its own memory
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=side):
            values = super()._update(self.fast, x, y, losses)
            stacked = torch.stack([*values.values()])
        return graph, x, y, tuple(values), stacked
