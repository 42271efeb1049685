"""`python -m llcourse bench`: what one training step of each method costs, beside plain backprop in the same run."""

import importlib
import json
import sys
from collections import namedtuple
from functools import partial

import torch
import torch.nn.functional as F

from . import borders, cost, measure, networks, objectives, reach
from .arguments import whole
from .recipe import Recipe
from .steps import EagerStep, FastStep
from .tables import Table
from .timing import round_robin

Configuration = namedtuple("Configuration", "method K head reach border groups cut", defaults=(None, 1, {}))
# reach: a function of K, None in groups; border: a function that makes what stands above each module but the last; cut:
# what `cut` is given besides
CONFIGURATIONS = [
    Configuration("Backprop", 1, "linear", reach.backprop),
    Configuration("Backprop", 4, "1c2f", reach.backprop),
    Configuration("DGL", 4, "1c2f", reach.local),
    Configuration("DGL, asynchronous", 4, "1c2f", reach.local, partial(borders.ReplayBuffer, 10)),
    Configuration("DGL, messages of codes", 4, "1c2f", reach.local, partial(borders.VectorQuantizer, 256, 8)),
    Configuration("DGL", 16, "1c2f", reach.local),
    Configuration("DGL", 16, "linear", reach.local),
    Configuration("Chunked, 2 modules", 4, "1c2f", lambda K: reach.chunked(K, 2)),
    Configuration("Interlocking, 2-wise", 4, "1c2f", lambda K: reach.interlocking(K, 2)),
    Configuration("Interlocking, 2-wise", 16, "1c2f", lambda K: reach.interlocking(K, 2)),
    Configuration("Interlocking, 3-wise", 4, "1c2f", lambda K: reach.interlocking(K, 3)),
    Configuration("Overlapping, 2-wide", 4, "1c2f", lambda K: reach.overlapping(K, 2)),
    Configuration("Deep supervision", 4, "1c2f", reach.deep_supervision),
    Configuration("InfoPro", 16, "1c2f", reach.local, cut={"objective": "infopro"}),
    Configuration("ContSup, E", 16, "1c2f", reach.local, cut={"context": "E"}),
    Configuration("ContSup, R1E", 16, "1c2f", reach.local, cut={"context": "R1E"}),
    Configuration("Neuron groups", 4, "1c2f", None, groups=2),
    Configuration("Neuron groups", 4, "1c2f", None, groups=4),
    Configuration("Neuron groups", 8, "1c2f", None, groups=4),
]


RECIPE = Recipe(lr=0.01, weight_decay=1e-4)
STEPS = {"eager": EagerStep, "captured": partial(FastStep, compiled=False), "compiled and captured": FastStep}


def step_rows(device="cpu", depth=32, batch=128, rounds=15):
    """Time ResNet training steps round-robin; return one dict a configuration.

    Keys: method, K, G, head, step; ratio (median step time over plain backprop's), floor and exact (MACs over
    backprop's, as the papers count them and as autograd computes them), saved_mb (peak MiB kept for backward by an
    eager float32 step), images_per_s.

    The first row is a hand-written loop, eager and in float32. On a CPU the others are so too, all in channels_last,
    and that loop is the plain backprop they are measured against. On a GPU the loop has the memory layout that PyTorch
    gives; every other step runs in bfloat16 and channels_last, eager and fast, beside backprop with the same kind of
    step.
    """
    torch.manual_seed(0)
    gpu = on_gpu(device)
    mean, std = (torch.tensor(each, device=device).view(3, 1, 1) for each in (objectives.MEAN, objectives.STD))
    x, y = (torch.rand(batch, 3, 32, 32, device=device) - mean) / std, torch.randint(10, (batch,), device=device)
    layout = torch.channels_last
    plain = networks.resnet(depth).to(device, memory_format=torch.contiguous_format if gpu else layout)
    optimizer = torch.optim.SGD(plain.parameters(), RECIPE.lr, RECIPE.momentum, nesterov=True,
                                weight_decay=RECIPE.weight_decay, fused=True)
    plain_x = x if gpu else x.contiguous(memory_format=layout)

    def hand_written():
        optimizer.zero_grad()
        F.cross_entropy(plain(plain_x), y).backward()
        optimizer.step()

    whole = plain.cut(1)
    one = macs(whole, x)
    rows = [{"method": "hand-written loop", "K": 1, "G": 1, "head": "linear", "step": "eager, float32", "floor": 1.0,
             "exact": 1.0, "saved_mb": measure.saved_bytes(whole, plain_x, y) / 2**20}]
    steps = [hand_written]
    x = x.contiguous(memory_format=layout)
    for kind, make_step in STEPS.items() if gpu else [("eager", EagerStep)]:
        for c in (c for c in CONFIGURATIONS if c.K <= len(plain.blocks)):
            if c.border and kind != "eager":
                continue
            net = networks.resnet(depth).cut(c.K, c.head, c.reach and c.reach(c.K), groups=c.groups, **c.cut)
            net = net.to(device, memory_format=layout)
            net.borders = [c.border() for _ in range(c.K - 1)] if c.border else []
            rows.append({"method": c.method, "K": c.K, "G": c.groups, "head": c.head, "step": kind,
                         **bill(net, one, x, y)})
            net.precision = torch.bfloat16 if gpu else None
            steps.append(partial(one_update, make_step(net, RECIPE), x, y, RECIPE.lr))
    return timed(rows, steps, rounds, device, "images_per_s", batch)


def macs(net, x):
    """MACs of a training step on an example, as the papers count them and as autograd computes them."""
    shape = tuple(x.shape[1:])
    return cost.training_macs(net, shape), cost.exact_macs(net, shape)


def bill(net, plain, x, y):
    """floor, exact and saved_mb of a row, as in `step_rows`; plain: `macs` of backprop."""
    floor, exact = (own / other for own, other in zip(macs(net, x), plain))
    return {"floor": floor, "exact": exact, "saved_mb": measure.saved_bytes(net, x, y) / 2**20}


def timed(rows, steps, rounds, device, rate, count):
    """The rows with the rate of their steps, of `count` examples each, and the ratio: on a CPU the first row's rate
    over theirs, on a GPU that of the first with the same kind of step."""
    for row, seconds in zip(rows, round_robin(steps, rounds, device)):
        row[rate] = count / seconds
        first = next(r for r in rows if r["step"] == row["step"]) if on_gpu(device) else rows[0]
        row["ratio"] = first[rate] / row[rate]
    return rows


def one_update(step, x, y, lr):
    """One update of every module: on a batch all together, or where borders hold batches one after the other."""
    losses, holds = step.net.losses, any(border is not None and border.holds for border in step.net.borders)
    for turn in [(i,) for i in losses] if holds else [losses]:
        step(x, y, [lr] * len(step.net.heads), turn)


def table(rows, title=""):
    """The rows of `step_rows` as a tables.Table."""
    heads = {"saved_mb": "kept MiB", "images_per_s": "images/s"}
    return Table([{heads.get(key, key): row[key] for key in (
        "method", "K", "G", "head", "step", "ratio", "floor", "exact", "saved_mb", "images_per_s")} for row in rows],
        title, digits={"kept MiB": 0, "images/s": 0})


def bench(args):
    """What `--json` prints, and the table."""
    batch = args.batch or (1024 if on_gpu(args.device) else 128)
    rows = step_rows(args.device, args.depth, batch, args.rounds or 15)
    return rows, table(rows, f"ResNet-{args.depth}, batch {batch}, {where(args.device)}")


def on_gpu(device):
    return torch.device(device).type == "cuda"


def where(device):
    """Where a bench ran, for the titles of its tables."""
    on = torch.cuda.get_device_name(device) if on_gpu(device) else f"{torch.get_num_threads()} threads, float32"
    return f"{device}, {on}, torch {torch.__version__}"


BENCHES = {  # name: (module with bench(args) -> (what --json prints, what is printed otherwise), what it times)
    "steps": ("llcourse.bench", "training steps"),
    "text": ("llcourse.bench_text", "those of a GPT, and its writing"),
    "data": ("llcourse.data.benchmark", "the input pipeline"),
    "groups": ("llcourse.groups.benchmark", "grouped convolutions by kernel"),
    "workers": ("llcourse.distributed.benchmark", "modules as processes"),
}


def configure(parser):
    parser.add_argument("what", nargs="?", choices=[*BENCHES], default="steps",
                        help="; ".join(f"{name}: {what}" for name, (_, what) in BENCHES.items()))
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--depth", type=int, default=32, help="depth of the ResNet (default 32)")
    parser.add_argument("--batch", type=int, help="images a step (default 128, on a GPU 1024); texts (8; 64)")
    parser.add_argument("--rounds", type=int, help="timed steps of each configuration (15), launches of workers (3)")


def main(args):
    """Print what a bench finds; 1 where its arguments cannot be."""
    try:
        for name, least in (("batch", 2), ("rounds", 1)):
            if (given := getattr(args, name)) is not None:
                whole(f"--{name}", given, least)
        torch.empty(0, device=args.device)
    except (ValueError, RuntimeError, AssertionError) as error:
        print(error, file=sys.stderr)
        return 1
    rows, shown = importlib.import_module(BENCHES[args.what][0]).bench(args)
    print(json.dumps(rows) if args.json else shown)
    return 0
