"""What a network costs: multiply-accumulates (MACs), parameters and messages, counted the same way for bodies and
heads."""

from collections import Counter, namedtuple
from math import prod

import torch

from .borders import Border
from .copying import copied
from .routes import Forward, Losses, Pull
from .wiring import IMAGE

Cost = namedtuple("Cost", "macs parameters shape")


def count(module, *shapes):
    """MACs of one image's forward pass, parameters, and the output's shape.

    shapes: of each input without the batch, such as (3, 32, 32). Convolutions and matrix products are counted, as the
    papers do; normalisation and pooling are not. Returns Cost(macs, parameters, shape).

    >>> count(torch.nn.Conv2d(3, 8, 3, padding=1, bias=False), (3, 32, 32))
    Cost(macs=221184, parameters=216, shape=(8, 32, 32))
    """
    return _count(module, shapes)


def _count(module, shapes, shows=False):
    """shows: the module gives its input beside its output, and the first alone counts as what it hands on."""
    def run(shadow, like):
        with torch.no_grad(), _counter() as counter:
            out = shadow.eval()(*(_zeros(shadow if n == 0 else None, 1, shape, like) for n, shape in enumerate(shapes)))
        out = out[0] if shows else out
        if not isinstance(out, torch.Tensor):
            raise ValueError(f"a {type(module).__name__} gives a {type(out).__name__}, and modules hand on one tensor")
        return Cost(counter.get_total_flops() // 2, sum(p.numel() for p in module.parameters()), tuple(out.shape[1:]))

    return _on_a_copy(module, run, shapes)


def _on_a_copy(module, run, shapes):
    """run(a copy, {"device", "dtype"} of its inputs): shapes alone, on "meta"; where code or a hook of the module looks
    at values, on zeros. ValueError, which names the innermost module that failed, if neither works."""
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(()))
    try:
        return run(copied(module).to("meta"), {"device": "meta", "dtype": like.dtype})
    except Exception:  # whatever code makes of tensors without values
        pass
    try:
        return run(copied(module), {"device": like.device, "dtype": like.dtype})
    except ValueError:
        raise
    except Exception as error:
        raise ValueError(f"{_innermost(error, module)} cannot be run on inputs of shape "
                         f"{', '.join(map(str, shapes))}, to count its cost ({error})") from error


def _zeros(module, n, shape, like):
    """What n inputs of this shape are like for a module: whole numbers, if its first layer is an embedding."""
    first = None if module is None else next(m for m in module.modules() if not any(m.children()))
    return torch.zeros(n, *shape, device=like["device"],
                       dtype=torch.long if isinstance(first, torch.nn.Embedding) else like["dtype"])


def _innermost(error, module):
    """What the module in whose forward the error arose is called: its kind."""
    frame, found = error.__traceback__, module
    while frame is not None:
        inside = frame.tb_frame.f_locals.get("self")
        found, frame = inside if isinstance(inside, torch.nn.Module) else found, frame.tb_next
    return f"a {type(found).__name__}" + (f" ({found.extra_repr()})" if found.extra_repr() else "")


def modules(net, shape):
    """[(cost of module j, cost of head j), ...] of a LocalNetwork on images of `shape`; a head alone has a module of
    cost 0."""
    return _counted(net, shape)[0]


def _counted(net, shape):
    """The rows of `modules`, and {cell: shape of what other cells read of it}, which borders may change."""
    shapes, given, rows, wiring = {}, {IMAGE: shape}, [], net.wiring
    for i, heads in enumerate(wiring.heads):
        body = Cost(0, 0, None)
        if i < net.K:
            read = [given[s] for s in (*wiring.cells[i], *(_below(wiring, c) for c in wiring.context[i]))]
            body = _count(net.body[i], read, i in wiring.carried[i])
            shapes[i] = body.shape
            given[i] = body.shape if net.borders[i] is None else count(net.borders[i], body.shape).shape
        rows.append((body, count(net.heads[i], *(shapes[s] for s in heads))))
    return rows, given


def _below(wiring, c):
    """The cell whose features cell c's input has the shape of: context is added to them."""
    return wiring.cells[c][0]


def training_macs(net, shape):
    """MACs of one image's training step by the papers' count: 1 unit forward, 1 per input-VJP, 1 per weight gradient.

    The steps are those of the network's plan: a pass that sends a message on costs a module's MACs, one that trains it
    as much again; a head that is computed, and the `macs` of its objective, cost three times their own, a head that
    `reads` another's matrix, which it does not train, twice; a border costs what its `macs` says. That the first layer
    behind a border needs no input-VJP is left out, as in the literature, and that attention's products, which have no
    weights, take two units in any pass, also in one that only trains or only hands on; `exact_macs` has both.
    """
    rows, total = modules(net, shape), 0
    for step in net.plan():
        if isinstance(step, Forward):
            body, border = rows[step.cell][0], net.borders[step.cell]
            total += body.macs + (0 if border is None else border.macs(body.shape))
        elif isinstance(step, Losses):
            total += sum((2 if getattr(net.heads[i], "reads", ()) else 3) * rows[i][1].macs
                         + 3 * getattr(net.objectives[i], "macs", 0) for i in step.losses)
        elif isinstance(step, Pull):
            total += (2 if step.trains else 1) * rows[step.cell][0].macs
    return total


def _convolution_back(out, x, weight, bias, stride, padding, dilation, transposed, output_padding, groups, mask,
                      out_shape=None):
    """Operations of a convolution's backward pass: as many for each gradient as forward.

    The library's own formula leaves groups out of the weight gradient: G times too many. Each weight meets every
    position of the smaller side, which of a transposed convolution is the input.
    """
    positions = x if transposed else out
    return 2 * positions[0] * prod(positions[2:]) * prod(weight) * (bool(mask[0]) + bool(mask[1]))


COUNTED = {torch.ops.aten.convolution_backward: _convolution_back}


def _counter(**settings):
    from torch.utils.flop_counter import FlopCounterMode  # late: a second at the start of every worker

    return FlopCounterMode(display=False, **settings)


def exact_macs(net, shape):
    """MACs of one image's training step as autograd carries it out, objectives included; two images are counted.

    Input gradients that nobody asks for are not computed: at the image and at every border that no gradient crosses.
    """
    def run(shadow, like):
        shadow.precision = None
        x = _zeros(shadow, 2, shape, like)
        y = torch.zeros(2, dtype=torch.long, device=like["device"]) if x.is_floating_point() else x.clone()
        with _counter(custom_mapping=COUNTED) as counter:
            shadow.backward(x, y)
        return counter.get_total_flops() // 4  # two images, two operations a MAC

    return _on_a_copy(net.unheld(), run, [shape])


def messages(net, shape):
    """[(bytes up, bytes down), ...] of one image above each module: features to each reader, gradients back; float32.

    Readers are other modules and heads that do not sit on the module itself. Context goes up with the features, from
    border to border as far as it is read; the image is not counted. A codec above the module makes messages smaller;
    what it sends once a batch, such as a codebook, is left out (Border.message_bytes has it). A module in groups counts
    as one worker: what its groups exchange is not in it.
    """
    (rows, given), up, down = _counted(net, shape), Counter(), Counter()
    own = {j: 4 * torch.Size(body.shape).numel() for j, (body, _) in enumerate(rows[: net.K])}
    crossed = {j: _image_bytes(None if j == IMAGE else net.borders[j], of) for j, of in given.items()}
    for step in net.plan():
        if isinstance(step, Forward):
            up.update({s: crossed[s] for s in net.wiring.cells[step.cell]})
            for s in net.wiring.cells[step.cell]:
                for c in () if s == IMAGE else net.wiring.carried[s]:
                    up[s] += 4 * torch.Size(given[_below(net.wiring, c)]).numel()
        elif isinstance(step, Losses):
            for i, wants in zip(step.losses, step.wants):
                up.update({s: own[s] for s in net.wiring.heads[i] if s != i})
                down.update({s: own[s] for s in wants if s != i})
        elif isinstance(step, Pull):
            down.update({s: own[s] for s in step.sources})
    return [(up[j], down[j]) for j in own]


def _image_bytes(border, shape):
    """Bytes that one image more adds to a message of features of this shape."""
    border = border or Border()
    return border.message_bytes(shape, 2) - border.message_bytes(shape, 1)
