"""Exercises of chapter 06: interlocking backprop."""

from . import exercise
from .bill import bill_right
from .whose import mended_right, module_step_right


@exercise("6.1", title="One module's part", dots=2, minutes=15,
          why="This rule is the method: who learns from which message, and which messages go down.",
          hints=["Two questions about each loss i that came: is it the farthest, max(messages)? And does a module "
                 "below still need it? Module j - 1 learns from loss j + N - 2, or loss K if that is nearer.",
                 "A loss goes on if i < j + N - 1. Where the window is cut off at loss K, that loss trains this module "
                 "and goes on too. torch.autograd.grad(h, leaf, gradient, retain_graph=True) returns a tuple of one.",
                 "sent = {i: torch.autograd.grad(h, leaf, g, retain_graph=True)[0] for i, g in messages.items() "
                 "if i < j + N - 1}. Then the gradients of `parameters` from messages[max(messages)], each into its "
                 ".grad."])
def module_step(answer):
    module_step_right(answer)


@exercise("6.2", title="Two-wise, or so it says", dots=2, minutes=10, acts=True,
          why="A wrong reach raises no error: the loss falls, the accuracy looks fair, and the method is another.",
          hints=["Which loss trains module 1? Measure: zero all gradients, and see whether module 1's change if you "
                 "change head 1, or head 2.",
                 "A message is put into leaves[j].grad when module j goes back. Who asks for it, and when?",
                 "Module j needs what module j + 1 leaves behind: go through them from the last to the first."])
def mended(answer):
    mended_right(answer)


@exercise("6.3", title="What foresight costs", dots=3, minutes=15, numbers=True,
          why="A window costs compute that neither local learning nor backprop needs.",
          hints=["Every module runs forward and is trained: 3 K units for any N. Only passes that hand on without "
                 "training cost more. For N = 1 and N = K there are none.",
                 "Module j, from 2 to K, sees the losses from max(j, N) to min(j + N - 1, K). The farthest trains it. "
                 "How many are left?",
                 "They are min(j + N - 1, K) - max(j, N), each one unit. Add them up over j = 2 .. K, add 3 K, "
                 "divide by 3 K."])
def bill(answer):
    bill_right(answer)
    return "and in one line it is 1 + (N - 1) (K - N) / (3 K): dearest where N is half of K + 1"
