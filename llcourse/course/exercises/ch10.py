"""Exercises of chapter 10: neuron groups."""

from . import exercise
from .fitting import cells_right
from .leaking import mended_right
from .owning import owners_right
from .variety import diversity_right


@exercise("10.1", title="Every entry has an owner", dots=2, minutes=15,
          why="K x G losses train one set of tensors: local learning in width is to know which entry is whose.",
          hints=["Follow one entry of a convolution's weight, w[out, in, y, x]. Which channel of the output does it "
                 "help to write? Only the loss of the group that this channel belongs to may train it, whatever the "
                 "entry reads.",
                 "The first dimension of every parameter counts output channels: of convolutions that are in groups "
                 "or not, of the shortcut, of BatchNorm. A group has len(p) // G of them, one after the other.",
                 "For each name, p in block.named_parameters(): rows = torch.arange(len(p)) * G // len(p) is the owner "
                 "of each row; rows.view(-1, *[1] * (p.dim() - 1)).expand_as(p) that of each entry."])
def owners(answer):
    return owners_right(answer)


@exercise("10.2", title="Wrong in different ways", dots=2, minutes=15,
          why="Groups that make the same mistakes are one opinion: this term pays them for making different ones.",
          hints=["Three steps: probabilities at temperature T; the true class's set to zero; then, of every two "
                 "groups, the cosine: the product of the two vectors, each scaled to length 1.",
                 "p = (logits / T).softmax(-1), and p.scatter(-1, y.view(-1, 1, 1).expand(-1, G, 1), 0.0) clears the "
                 "true class without changing p. F.normalize(p, dim=-1) has length 1.",
                 "cosines = p @ p.transpose(1, 2) is (batch, G, G), with ones on the diagonal. Without them the sum is "
                 "cosines.sum() - batch * G, over batch * G * (G - 1) ordered pairs. With G = 1 there is none: return "
                 "logits.new_zeros(())."])
def diversity(answer):
    diversity_right(answer)


@exercise("10.3", title="The leak", dots=2, minutes=10,
          why="One name used twice, and heads train other groups than their own: no error, and the loss still falls.",
          hints=["Measure: let h ask for a gradient, call .sum().backward() on the part of the result that belongs to "
                 "g = 0, and see which channels of h.grad are not zero.",
                 "Print start and end where `seen` grows. Whose are they after the loop over the others?",
                 "Give the inner loop names of its own, or take own slices first: parts = h.chunk(G, dim=1). Then for "
                 "every g: [parts[g], *(parts[other].detach()[:, :taken] for other in range(G) if other != g)]."])
def mended(answer):
    mended_right(answer)


@exercise("10.4", title="Fit the worker", dots=3, minutes=15, numbers=True, acts=True,
          why="Where workers are many and small, the largest of them decides what can be trained at all.",
          hints=["First write two functions of K and G: how many workers it takes, and what the largest of them "
                 "computes. `costs(K, G)` counts a depth's G groups together; each has one G-th of it.",
                 "A cell computes (module + head) / G; the final head of a grouped network is one worker's, undivided. "
                 "The largest counts, not the sum. Workers: K * G, and one more where G > 1.",
                 "for G in (1, 2, 4, 8): for K in (1, 2, 4, 8): if K * G + (G > 1) <= workers and largest(K, G) <= "
                 "budget: return K, G. Behind both loops: return None."])
def cells(answer):
    return cells_right(answer)
