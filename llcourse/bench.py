"""`python -m llcourse bench`: what one training step of each method costs, beside plain backprop in the same run."""

import json
import statistics
import time

import torch
import torch.nn.functional as F

from . import cost, measure, networks, reach

CONFIGURATIONS = [  # (method, K, head, reach)
    ("Backprop", 1, "linear", reach.backprop),
    ("Backprop", 4, "1c2f", reach.backprop),
    ("DGL", 4, "1c2f", reach.local),
    ("DGL", 16, "1c2f", reach.local),
    ("DGL", 16, "linear", reach.local),
    ("Chunked, 2 modules", 4, "1c2f", lambda K: reach.chunked(K, 2)),
    ("Interlocking, 2-wise", 4, "1c2f", lambda K: reach.interlocking(K, 2)),
    ("Overlapping, 2-wide", 4, "1c2f", lambda K: reach.overlapping(K, 2)),
]


def optimizer_for(net):
    return torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4, fused=True)


def step_rows(device="cpu", depth=32, batch=128, rounds=15):
    """Time ResNet training steps round-robin; return one dict a configuration.

    Keys: method, K, G, head; ratio (median step time over that of a hand-written backprop loop, float32,
    channels_last), floor (MACs over backprop's), saved_mb (peak MiB kept for backward), images_per_s.
    """
    torch.manual_seed(0)
    x = torch.randn(batch, 3, 32, 32, device=device).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (batch,), device=device)
    plain = networks.resnet(depth).to(device, memory_format=torch.channels_last)
    plain_optimizer = optimizer_for(plain)

    def hand_written():
        plain_optimizer.zero_grad()
        F.cross_entropy(plain(x), y).backward()
        plain_optimizer.step()

    whole = plain.cut(1)
    floor = cost.training_macs(whole, plain.shape)
    rows = [{"method": "hand-written loop", "K": 1, "G": 1, "head": "linear", "floor": 1.0,
             "saved_mb": measure.saved_bytes(whole, x, y) / 2**20}]
    steps = [hand_written]
    for method, K, head, constructor in CONFIGURATIONS:
        net = networks.resnet(depth).cut(K, head, constructor(K)).to(device, memory_format=torch.channels_last)
        optimizer = optimizer_for(net)

        def step(net=net, optimizer=optimizer):
            optimizer.zero_grad()
            net.backward(x, y)
            optimizer.step()

        rows.append({"method": method, "K": K, "G": 1, "head": head,
                     "floor": cost.training_macs(net, plain.shape) / floor,
                     "saved_mb": measure.saved_bytes(net, x, y) / 2**20})
        steps.append(step)
    for row, seconds in zip(rows, round_robin(steps, rounds, device)):
        row["images_per_s"] = batch / seconds
        row["ratio"] = rows[0]["images_per_s"] / row["images_per_s"]
    return rows


def round_robin(steps, rounds, device):
    """Median seconds of each function, called in turn so that a drifting machine slows all of them alike."""
    wait = (lambda: None) if torch.device(device).type == "cpu" else torch.accelerator.synchronize
    times = [[] for _ in steps]
    for r in range(rounds + 2):
        for step, seconds in zip(steps, times):
            began = time.perf_counter()
            step()
            wait()
            if r > 1:  # the first two rounds warm up
                seconds.append(time.perf_counter() - began)
    return [statistics.median(seconds) for seconds in times]


def table(rows):
    """The rows as aligned text."""
    lines = [f"{'method':<22}{'K':>4}{'G':>4}  {'head':<8}{'ratio':>7}{'floor':>7}{'saved MiB':>10}{'images/s':>10}"]
    for r in rows:
        lines.append(f"{r['method']:<22}{r['K']:>4}{r['G']:>4}  {r['head']:<8}{r['ratio']:>7.2f}{r['floor']:>7.2f}"
                     f"{r['saved_mb']:>10.0f}{r['images_per_s']:>10.0f}")
    return "\n".join(lines)


def configure(parser):
    parser.add_argument("what", nargs="?", choices=["steps", "data"], default="steps",
                        help="training steps (default) or the input pipeline")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--depth", type=int, default=32, help="depth of the ResNet (default 32)")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=15, help="timed steps of each configuration")


def main(args):
    if args.what == "data":
        from .data.benchmark import pipeline_row

        row = pipeline_row()
        print(json.dumps(row) if args.json else "\n".join(f"{key:<28}{value}" for key, value in row.items()))
        return 0
    rows = step_rows(args.device, args.depth, args.batch, args.rounds)
    print(json.dumps(rows) if args.json else
          f"ResNet-{args.depth}, batch {args.batch}, {args.device}, {torch.get_num_threads()} threads, float32 "
          f"channels_last, torch {torch.__version__}\n{table(rows)}")
    return 0
