"""`python -m llcourse bench text`: training steps of a GPT beside a hand-written loop, and writing with keys and values
kept beside whole forward passes, each in one run."""

from collections import namedtuple
from functools import partial

import torch
import torch.nn.functional as F

from . import measure, networks, reach
from .bench import STEPS, bill, macs, on_gpu, one_update, timed, where
from .copying import copied
from .recipe import Recipe
from .sequences import generate
from .steps import EagerStep
from .tables import Table
from .timing import round_robin

Configuration = namedtuple("Configuration", "method K head reach")
CONFIGURATIONS = [
    Configuration("Backprop", 1, "projection", reach.backprop),
    Configuration("Backprop", 4, "projection", reach.backprop),
    Configuration("Local", 4, "projection", reach.local),
    Configuration("Local", 4, "readout", reach.local),
    Configuration("Local", 4, "block", reach.local),
    Configuration("Chunked, 2 modules", 4, "projection", partial(reach.chunked, N=2)),
    Configuration("Interlocking, 2-wise", 4, "projection", partial(reach.interlocking, N=2)),
    Configuration("Interlocking, 2-wise", 4, "readout", partial(reach.interlocking, N=2)),
    Configuration("Overlapping, 2-wide", 4, "projection", partial(reach.overlapping, N=2)),
]
RECIPE = Recipe(lr=3e-4, weight_decay=0.1, optimizer="adamw")
SIZES = {"cpu": {"layers": 4, "width": 128, "heads": 4, "context": 256},
         "cuda": {"layers": 12, "width": 512, "heads": 8, "context": 256}}


def step_rows(device="cpu", batch=8, rounds=15, **size):
    """Time steps of a GPT round-robin; one dict a configuration, keys as in bench.step_rows, of which tokens_per_s.

    size: settings of networks.gpt (default SIZES). The first row is a hand-written loop, eager and in float32, the
    second the same in bfloat16. On a CPU all others are eager and in float32, measured against the first; on a GPU they
    are in bfloat16, each kind of step beside backprop with the same.
    """
    torch.manual_seed(0)
    device = torch.device(device)
    gpu, size = on_gpu(device), size or SIZES[device.type]
    plain = networks.gpt(**size).to(device)
    x, y = (torch.randint(256, (batch, *plain.shape), device=device) for _ in range(2))
    whole = plain.cut(1)
    one = macs(whole, x)
    kept, rows, steps = measure.saved_bytes(whole, x, y), [], []
    for name, dtype in (("float32", None), ("bfloat16", torch.bfloat16)):
        rows.append({"method": "hand-written loop", "K": 1, "head": "projection", "step": f"eager, {name}",
                     "floor": 1.0, "exact": 1.0, "saved_mb": kept / 2**20})
        steps.append(hand_written(copied(plain), x, y, dtype))
    for kind, make_step in STEPS.items() if gpu else [("eager", EagerStep)]:
        for c in (c for c in CONFIGURATIONS if c.K <= len(plain.blocks)):
            net = copied(plain).cut(c.K, c.head, c.reach(c.K))
            rows.append({"method": c.method, "K": c.K, "head": c.head, "step": kind, **bill(net, one, x, y)})
            net.precision = torch.bfloat16 if gpu else None
            steps.append(partial(one_update, make_step(net, RECIPE), x, y, RECIPE.lr))
    return timed(rows, steps, rounds, device, "tokens_per_s", x.numel())


def hand_written(net, x, y, dtype):
    """A function that takes one training step of `net` as one would write it."""
    optimizer = torch.optim.AdamW(net.parameters(), RECIPE.lr, weight_decay=RECIPE.weight_decay, fused=True)

    def step():
        optimizer.zero_grad()
        with torch.autocast(x.device.type, dtype, enabled=dtype is not None):
            loss = F.cross_entropy(net(x).flatten(0, 1), y.flatten())
        loss.backward()
        optimizer.step()
    return step


def generation_row(device="cpu", rounds=15, **size):
    """Bytes/s of filling the second half of the context, by `generate` and by whole forward passes: a dict."""
    torch.manual_seed(0)
    net = networks.gpt(**(size or SIZES[torch.device(device).type])).to(device).eval()
    half = net.shape[0] // 2
    prompt = bytes(torch.randint(256, (half,)).tolist())

    @torch.no_grad()
    def loop():
        text = torch.tensor([list(prompt)], device=device)
        for _ in range(half):
            text = torch.cat([text, torch.multinomial(net(text)[:, -1].softmax(-1), 1)], dim=1)
        return bytes(text[0, half:].tolist())

    kept, plain = round_robin([partial(generate, net, prompt, half), loop], rounds, device)
    return {"context": net.shape[0], "bytes/s": half / kept, "bytes/s of the plain loop": half / plain,
            "times as fast": plain / kept}


def tables(rows, generation, title=""):
    """The rows of `step_rows` and `generation_row` as tables.Tables."""
    shown = [{"method": row["method"], "K": row["K"], "head": row["head"], "step": row["step"], "ratio": row["ratio"],
              "floor": row["floor"], "over floor": row["ratio"] / row["floor"],
              "kept MiB": row["saved_mb"], "tokens/s": row["tokens_per_s"]} for row in rows]
    return (Table(shown, title, digits={"kept MiB": 0, "tokens/s": 0}),
            Table([generation], "writing, one text", digits={"bytes/s": 0, "bytes/s of the plain loop": 0}))


def bench(args):
    """What `--json` prints, and the tables."""
    batch = args.batch or (64 if on_gpu(args.device) else 8)
    rounds = args.rounds or 15
    rows, row = step_rows(args.device, batch, rounds), generation_row(args.device, rounds)
    size = ", ".join(f"{name} {n}" for name, n in SIZES[torch.device(args.device).type].items())
    return {"steps": rows, "generation": row}, "\n\n".join(map(str, tables(
        rows, row, f"GPT, {size}, batch {batch}, {where(args.device)}")))
