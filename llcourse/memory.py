"""The memory that autograd keeps for the backward pass, and the most that a whole process held."""

import sys

import torch


class _Saved:
    """One tensor that autograd keeps; tells its meter when the graph lets go of it."""

    def __init__(self, tensor, meter):
        # Detached: an output that its own graph saves would otherwise keep that graph, and so itself.
        self.tensor, self.meter, self.key = tensor.detach(), meter, tensor.untyped_storage().data_ptr()
        meter.alive[self.key] = meter.alive.get(self.key, 0) + 1
        if meter.alive[self.key] == 1:
            meter.add(tensor.untyped_storage().nbytes())

    def __del__(self):
        self.meter.alive[self.key] -= 1
        if not self.meter.alive[self.key]:
            self.meter.add(-self.tensor.untyped_storage().nbytes())


class SavedBytes(torch.autograd.graph.saved_tensors_hooks):
    """Context manager: bytes that autograd keeps alive for backward; parameters and buffers excluded, a shared storage
    counted once.

    now, peak: bytes.
    """

    def __init__(self, net):
        self.now = self.peak = 0
        self.alive = {}
        own = {t.untyped_storage().data_ptr() for t in (*net.parameters(), *net.buffers())}

        def pack(tensor):
            return tensor if tensor.untyped_storage().data_ptr() in own else _Saved(tensor, self)

        super().__init__(pack, lambda saved: saved.tensor if isinstance(saved, _Saved) else saved)

    def __enter__(self):
        super().__enter__()
        return self

    def add(self, nbytes):
        self.now += nbytes
        self.peak = max(self.peak, self.now)


def saved_bytes(net, x, y):
    """Peak bytes kept for backward during one step of a LocalNetwork on the batch (x, y)."""
    net = net.unheld()
    with SavedBytes(net) as meter:
        net.backward(x, y)
    return meter.peak


def process_peak(device):
    """The most bytes this process has held so far: on a GPU its tensors there, else all its memory; None if unknown."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
