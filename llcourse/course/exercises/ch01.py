"""Chapter 01: backprop and its locks."""

from ... import timeline
from . import Wrong, exercise
from .border import cut_right
from .keeping import counted_right
from .matrices import legal
from .messages import passed_on


@exercise("1.1", title="A worker's backward", dots=2, minutes=10,
          why="Backprop needs no global graph: a worker needs the gradient of its own output, and nothing else.",
          hints=["torch.autograd.grad(output, wanted, message) starts at `output` with the gradient `message` and "
                 "returns a tuple, one gradient for each tensor of the list `wanted`.",
                 "Ask for the leaf and for all parameters in one call: a second call would find the graph freed.",
                 "The first of the gradients is what you return; assign the others to .grad, one a parameter."])
def worker_backward(answer):
    passed_on(answer)


@exercise("1.2", title="Bytes kept for backward", dots=2, minutes=10, numbers=True,
          why="This sum decides whether a network fits on a device, and you can do it before you build the network.",
          hints=["Each convolution keeps its input, each BatchNorm keeps its input; list the tensors of two layers.",
                 "The ReLU keeps its output, but that is the very tensor the next convolution keeps: count it once.",
                 "The image, and then two tensors a layer: "
                 "4 * batch * size**2 * (channels[0] + 2 * sum(channels[1:]))."])
def bytes_kept(answer):
    counted_right(answer)


@exercise("1.3", title="Two losses and one border", dots=2, minutes=10,
          why="Every method of this course is a choice of where a detach() stands and which losses are computed.",
          hints=["Run modules 1 and 2, and compute the first loss from their output.",
                 "Module 3 gets the same output, but as a plain value: h.detach().",
                 "The order matters: head 2 reads h before the detach(), module 3 reads it after."])
def two_losses_one_border(answer):
    cut_right(answer)


@exercise("1.4", title="Foresight within a budget", dots=3, minutes=15, numbers=True,
          why="A loss further on knows more of what the network needs; time is what its gradient costs.",
          hints=["Local learning takes 3 units and interlocking, 2-wise, 6: one unit is left. Print "
                 "ll.timeline.batch_time(R) while you change a single entry, and see what a unit buys.",
                 "A worker's time is its forward pass, 2 to train and 1 for each gradient that it only hands down. "
                 "Losses that meet on their way down travel on as one message.",
                 "Not every loss is needed: leave rows 1 and 2 empty. Let loss 3 train module 1, and loss 4 module 2. "
                 "Let both train module 3: then it hands loss 4's message on before it trains."])
def foresight_within_a_budget(answer):
    R = legal(answer, 5)  # of all 9,765, which were simulated one by one, 209 keep the budget, and 32 of them have 6
    time = timeline.batch_time(R)
    if time > 7:
        raise Wrong(f"a batch every {time:g} units of time; the budget is 7. A module may have two losses: a message "
                    "that it hands on before it trains leaves it earlier, and the modules below wait less")
    foresight = sum(max(i - j for i in range(5) if R[i, j]) for j in range(5))
    if foresight <= 4:
        raise Wrong(f"it takes {time:g} units and the budget is kept, but its foresight is {foresight}. Interlocking, "
                    "2-wise, has 4 in 6 units: find more than that")
    return f"your score: foresight {foresight} in {time:g} units (more is better; the best known is 6)"
