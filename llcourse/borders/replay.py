"""The replay buffer: a module reads what the one below wrote earlier, and neither waits for the other."""

import torch

from ..arguments import flag, whole
from .border import Border, Sample
from .codec import Codec
from .slots import Slots


class ReplayBuffer(Border):
    """Keeps the last M batches of the module below (asynchronous DGL, Belilovsky et al. 2021, algorithm 2).

    M: batches.   tie, reuse: which of them is read, see Slots; where none may be read again the reader misses its turn.
    codec: a Codec that keeps messages instead of features (default: the features, in the dtype they come in).   images:
    keep the images that the features belong to, for objectives and modules that read them.   context: how many inputs
    of modules below go with the features, to be read further up (see Wiring.carried).   budget: the most bytes.

    Batches are copied: what the module below does next changes nothing here. A Run keeps the buffer's state a second
    time, to go back to after a stop. Raises ValueError at the first batch if the buffer would not fit its budget.

    >>> ReplayBuffer(10).nbytes((16, 32, 32), batch=128)
    83896320
    """

    holds = True

    def __init__(self, M, tie="freshest", reuse=None, codec=None, images=False, context=0, budget=2**30):
        super().__init__()
        if codec is not None and not isinstance(codec, Codec):
            raise ValueError(f"codec is a borders.Codec, such as VectorQuantizer(); got {codec!r}")
        self.codec, self.slots = codec or Codec(), Slots(M, tie, reuse)
        self.M, self.tie, self.reuse = self.slots.M, self.slots.tie, self.slots.reuse
        self.images, self.budget = flag("images", images), whole("budget", budget)
        self.context = whole("context", context)
        self._fields = (*self.codec.fields, "y", *(["image"] if self.images else []),
                        *(f"context{n}_" for n in range(self.context)))
        for slot in range(self.M):
            for field in self._fields:
                self.register_buffer(f"{field}{slot}", None)
        self._dtype, self._cells = None, ()  # of the features; the cells whose inputs are kept

    @property
    def sends(self):
        return self.codec

    @property
    def at_hand(self):
        return None if type(self.codec) is Codec else self.codec

    def forward(self, h):
        return self.codec(h)

    def put(self, sample):
        with torch.no_grad():
            self.keep(self.codec.encode(sample.h), sample, sample.h.dtype)

    def keep(self, message, sample, dtype):
        """`put`, for who has the sample's features, of this dtype, as a message of the codec."""
        with torch.no_grad():
            self._cells = tuple(sorted(sample.context))[:self.context]
            batch = (*message, sample.y, *([sample.image] if self.images else []),
                     *(sample.context[c] for c in self._cells))
        if not self.slots.written:
            self._fits(batch)
        slot, self._dtype = self.slots.write(), dtype
        for field, tensor in zip(self._fields, batch):
            name = f"{field}{slot}"
            there = self._buffers[name]
            if there is not None and (there.shape, there.dtype, there.device) == (
                    tensor.shape, tensor.dtype, tensor.device):
                there.copy_(tensor)
            else:  # the first time, or after a last batch of an epoch, which may be smaller
                self._buffers[name] = tensor.detach().clone()

    def take(self):
        slot = self.slots.read()
        if slot is None:
            return None
        *message, y, image = (self._buffers.get(f"{field}{slot}") for field in (*self.codec.fields, "y", "image"))
        with torch.no_grad():
            context = {c: self._buffers[f"context{n}_{slot}"] for n, c in enumerate(self._cells)}
            return Sample(self.codec.decode(message, self._dtype), image, y, context)

    def empty(self):
        self.slots, self._dtype, self._cells = Slots(self.M, self.tie, self.reuse), None, ()
        for slot in range(self.M):
            for field in self._fields:
                self._buffers[f"{field}{slot}"] = None

    def nbytes(self, shape, batch=1):
        """Bytes of M batches of `batch` images with their labels: float32 features of `shape`; images and context left
        out."""
        return self.M * (self.message_bytes(shape, batch) + 8 * batch)

    def message_bytes(self, shape, batch=1):
        return self.codec.message_bytes(shape, batch)

    def macs(self, shape):
        return self.codec.macs(shape)

    @property
    def held_bytes(self):
        """Bytes held at present."""
        return sum(buffer.nbytes for buffer in self._buffers.values() if buffer is not None)

    def _fits(self, batch):
        one = sum(tensor.nbytes for tensor in batch)
        if self.M * one > self.budget:
            fits = f"M = {self.budget // one} fits" if self.budget >= one else "not even one batch fits"
            raise ValueError(
                f"a replay buffer of M = {self.M} batches of {one / 2**20:,.1f} MiB takes {self.M * one / 2**20:,.1f} "
                f"MiB, and its budget is {self.budget / 2**20:,.1f} MiB: {fits}; a codec makes batches smaller, and "
                "budget= (bytes) allows more")

    def get_extra_state(self):
        cells = [len(self._cells), *self._cells] if self.context else []
        return torch.tensor([_DTYPES.index(self._dtype), *cells, *self.slots.state()])

    def set_extra_state(self, state):
        dtype, *slots = state.tolist()
        self._dtype = _DTYPES[dtype]
        if self.context:
            cells, *slots = slots
            self._cells, slots = tuple(slots[:cells]), slots[cells:]
        self.slots.restore(slots)

    def extra_repr(self):
        context = f", context={self.context}" if self.context else ""
        return f"M={self.M}, tie={self.tie}, reuse={self.reuse}, images={self.images}{context}"


_DTYPES = (None, torch.float32, torch.float64, torch.bfloat16, torch.float16)
