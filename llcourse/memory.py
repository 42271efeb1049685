"""The memory that autograd keeps for the backward pass, and the most that a whole process held."""

import re
import sys
import weakref
from pathlib import Path

import torch


class Kept:
    """One tensor that autograd keeps, for a pack hook to return; it lives as long as the graph holds on to it."""

    __slots__ = ("tensor", "version", "__weakref__")

    def __init__(self, tensor):
        # Detached: an output that its own graph saves would otherwise keep that graph, and so itself.
        self.tensor, self.version = tensor.detach(), tensor._version

    def unpacked(self):
        """The tensor; RuntimeError if it was changed since: autograd looks no further where a hook packs."""
        if self.tensor._version != self.version:
            raise RuntimeError("one of the variables needed for gradient computation has been modified by an inplace "
                               f"operation: a tensor of shape {tuple(self.tensor.shape)}")
        return self.tensor


class SavedBytes(torch.autograd.graph.saved_tensors_hooks):
    """Context manager: bytes that autograd keeps alive for backward; parameters and buffers excluded, a shared storage
    counted once.

    now, peak: bytes.
    """

    # What is kept grows only where a tensor is packed, so a look at what still lives, there, misses no peak. Nothing
    # is told when a tensor is let go: finalisers and weakref callbacks swallow the KeyboardInterrupt that meets them.

    def __init__(self, net):
        self.peak = 0
        self._alive = []  # (weak reference to a Kept, its storage's key, its storage's bytes)
        own = {t.untyped_storage().data_ptr() for t in (*net.parameters(), *net.buffers())}

        def pack(tensor):
            storage = tensor.untyped_storage()
            if storage.data_ptr() in own:
                return tensor
            kept = Kept(tensor)
            self._alive.append((weakref.ref(kept), storage.data_ptr(), storage.nbytes()))
            self.peak = max(self.peak, self.now)
            return kept

        super().__init__(pack, lambda kept: kept.unpacked() if isinstance(kept, Kept) else kept)

    def __enter__(self):
        super().__enter__()
        return self

    @property
    def now(self):
        self._alive = [entry for entry in self._alive if entry[0]() is not None]
        return sum({key: nbytes for _, key, nbytes in self._alive}.values())


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
        said = Path("/proc/self/status").read_text()  # rusage would begin with what the parent held at the start
        return 1024 * int(re.search(r"^VmHWM:\s+(\d+) kB$", said, re.MULTILINE)[1])
    except (OSError, TypeError):
        pass
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
