"""One optimisation step: eager, or compiled and, on a GPU, captured and replayed."""

import torch

from .local import LocalNetwork


class EagerStep:
    """The gradients of `net.backward`, then one step of SGD, kernel by kernel.

    momentum: the optimizer's buffers, one a parameter in the order of net.parameters() (none without momentum). They
    are made here, so that what is restored or captured later lies in the memory the optimizer works on.
    """

    def __init__(self, net, recipe):
        self.net = net
        self.device = next(net.parameters()).device
        self.optimizer = torch.optim.SGD(
            net.parameters(), lr=0.0, momentum=recipe.momentum, nesterov=recipe.nesterov and recipe.momentum > 0,
            weight_decay=recipe.weight_decay, fused=self.device.type in ("cpu", "cuda"))
        self.momentum = [torch.zeros_like(p) for p in net.parameters()] if recipe.momentum else []
        for p, buffer in zip(net.parameters(), self.momentum):
            self.optimizer.state[p]["momentum_buffer"] = buffer

    def __call__(self, x, y, lr, losses):
        """One step on the batch (x, y) at learning rate lr; returns the (K,) losses of `net.backward`."""
        self._set_lr(lr)
        return self._update(self.net, x, y, losses)

    def _set_lr(self, lr):
        self.optimizer.param_groups[0]["lr"] = lr

    def _update(self, net, x, y, losses):
        self.optimizer.zero_grad(set_to_none=True)
        values = net.backward(x, y, losses=losses)
        self.optimizer.step()
        return values


class FastStep(EagerStep):
    """The same step with modules and heads compiled; on a GPU the whole of it is one CUDA graph, replayed.

    A small network at a large batch is bound by launches and by memory traffic: compiling fuses BatchNorm, ReLU and
    additions, a graph takes the launches away. Only batches of the first one's shape go this way; a ragged last one
    runs eagerly, and so does evaluation, on the same parameters.
    """

    def __init__(self, net, recipe, compiled=True):
        super().__init__(net, recipe)
        self.shape, self.graphs, self.fast = None, {}, net
        if compiled:
            from torch._dynamo import config as dynamo  # late: importing it takes seconds
            from torch._functorch import config as functorch

            dynamo.recompile_limit = max(64, dynamo.recompile_limit)  # modules share their code, so all kinds count together
            functorch.donated_buffer = False  # else no graph could be kept for a second loss
            self.fast = LocalNetwork([torch.compile(m, dynamic=False) for m in net.body],
                                     [torch.compile(m, dynamic=False) for m in net.heads], net.reach, net.loss)
            self.fast.precision = net.precision
        if self.device.type == "cuda":
            self.optimizer.param_groups[0]["lr"] = torch.zeros((), device=self.device)

    def _set_lr(self, lr):
        if self.device.type == "cuda":
            self.optimizer.param_groups[0]["lr"].fill_(lr)  # in place: the graph reads it from where it lies
        else:
            super()._set_lr(lr)

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
        graph, static_x, static_y, values = self.graphs[key]
        static_x.copy_(x)
        static_y.copy_(y)
        graph.replay()
        return values.clone()  # the next replay writes to the same place

    def _capture(self, x, y, losses):
        """Record the step as a CUDA graph; the three steps that warm it up leave no trace."""
        x, y = x.clone(), y.clone()
        state = [*self.net.state_dict().values(), *self.momentum]
        before = [t.detach().clone() for t in state]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side), torch.random.fork_rng(devices=[self.device]):
            for _ in range(3):
                super()._update(self.fast, x, y, losses)
        torch.cuda.current_stream().wait_stream(side)
        with torch.no_grad():
            for tensor, value in zip(state, before):
                tensor.copy_(value)
        self.optimizer.zero_grad(set_to_none=True)  # the capture then allocates the gradients in its own memory
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=side):
            values = super()._update(self.fast, x, y, losses)
        return graph, x, y, values
