"""Exercise 9.4: from how many classified images on what is cheaper at inference has made up for its training."""

import math
from functools import cache

from ... import networks
from . import Wrong

METHODS = {  # arguments of networks.ledger
    "DGL": {}, "DGL, 1.25 times as wide": {"width": 20}, "InfoPro": {"decoder": "full"}, "InfoPro, own": {"decoder": "own"},
    "ContSup E": {"context": "E"}, "ContSup e": {"context": "e"}, "ContSup R1": {"context": "R1"},
    "ContSup R1E": {"context": "R1E"},
}
EPOCHS = 8_000_000  # 160 of 50,000 images
EVEN = [("module", 1, 100), ("head", 1, 25), ("decoder", 1, 50), ("module", 2, 100), ("classifier", 2, 3)]
SUPPLIED = [("module", 1, 100), ("head", 1, 25), ("encoder", 2, 10), ("shortcut", 2, 5), ("module", 2, 100),
            ("classifier", 2, 3)]
WIDER = [("module", 1, 110), ("head", 1, 25), ("module", 2, 110), ("classifier", 2, 8)]


@cache
def parts(method, K):
    return tuple(map(tuple, networks.ledger(K, **METHODS[method])))


def _cases():
    """(what a and b are called, a, b, images trained on)."""
    of_networks = [("InfoPro", "ContSup E", 8), ("InfoPro", "DGL, 1.25 times as wide", 16), ("InfoPro", "ContSup R1", 4),
                   ("ContSup E", "InfoPro", 4), ("ContSup R1", "ContSup E", 16), ("InfoPro, own", "ContSup e", 16),
                   ("ContSup e", "DGL, 1.25 times as wide", 4), ("InfoPro", "DGL", 4), ("DGL", "InfoPro", 4),
                   ("DGL", "ContSup R1E", 8), ("ContSup R1E", "DGL, 1.25 times as wide", 16),
                   ("ContSup E", "ContSup R1E", 2), ("InfoPro", "InfoPro", 2)]
    rows = [(f"{a}, K = {K}", f"{b}, K = {K}", parts(a, K), parts(b, K), EPOCHS) for a, b, K in of_networks]
    return [*rows, *(("four parts and a decoder" if a is EVEN else "parts by hand", "others", tuple(a), tuple(b), n)
                     for a, b, n in ((EVEN, SUPPLIED, 10), (EVEN, SUPPLIED, 7), (EVEN, WIDER, 5), (SUPPLIED, WIDER, 9),
                                     (WIDER, SUPPLIED, 9), (EVEN, SUPPLIED, 0)))]


ALL = "module", "encoder", "shortcut", "head", "decoder", "classifier"
STAY = "module", "encoder", "shortcut", "classifier"


def _sum(parts, kinds):
    return sum(macs for kind, _, macs in parts if kind in kinds)


def _never(saved, owed):
    return math.inf


def _none_saved(saved, owed):
    return 0 if saved == 0 and owed <= 0 else math.inf


def _even(a, b, trained, stay=STAY, learn=ALL, factor=3, serve=1, up=math.ceil, least=0, otherwise=_none_saved,
          per=None, swapped=False):
    """What exercise 9.4 asks for; the rest is what a slip does otherwise."""
    if swapped:
        a, b = b, a
    owed = factor * (per or trained) * (_sum(a, learn) - _sum(b, learn))
    saved = serve * (_sum(b, stay) - _sum(a, stay))
    if saved <= 0:
        return otherwise(saved, owed)
    n = up(owed / saved)
    return n if least is None else max(least, n)


def _without(kinds, *gone):
    return tuple(kind for kind in kinds if kind not in gone)


HEADS = "Heads of modules below the last only train them: at inference they vanish, with the decoders"
NEVER = ("Where `a` computes no less at inference, it makes up for nothing: it costs no more from the first image on, or "
         "from none on, and then n is infinite. Look at each sign")
SLIPS = [  # (what it is called, what it does otherwise)
    (HEADS, {"stay": (*STAY, "head")}), (HEADS, {"stay": ALL}),
    ("Decoders only train: at inference they vanish, with the heads", {"stay": (*STAY, "decoder")}),
    ("The classifier gives the answer: it is the one head that stays", {"stay": _without(STAY, "classifier")}),
    ("Encoders and shortcuts feed the modules at inference too", {"stay": ("module", "classifier")}),
    ("Encoders and shortcuts feed the modules at inference too", {"stay": ("module",)}),
    ("Encoders feed the modules at inference too", {"stay": _without(STAY, "encoder")}),
    ("Shortcuts feed the modules at inference too", {"stay": _without(STAY, "shortcut")}),
    ("In training the heads are computed as well", {"learn": _without(ALL, "head")}),
    ("In training the decoders are computed as well", {"learn": _without(ALL, "decoder")}),
    ("In training heads and decoders are computed as well", {"learn": STAY}),
    ("In training heads and decoders are computed as well", {"learn": ("module",)}),
    ("In training encoders and shortcuts are computed as well", {"learn": _without(ALL, "encoder", "shortcut")}),
    ("An image in training costs three times its forward pass, not once", {"factor": 1}),
    ("An image in training costs its forward pass and twice as much back: three times, not two", {"factor": 2}),
    ("At inference there is the forward pass alone, not three times that", {"serve": 3}),
    ("All `trained` images are paid for, not one", {"per": 1}),
    ("You round down, and there `a` has not made up yet", {"up": math.floor}),
    ("You round to the nearest; the first whole number at which it has made up is asked for", {"up": round}),
    ("Where both cost the same, `a` costs no more: one image less", {"up": lambda n: math.floor(n) + 1}),
    ("The answer is a whole number of images: round up", {"up": float}),
    ("Fewer than no images cannot be classified: it is at least 0", {"least": None}),
    (NEVER, {"otherwise": lambda saved, owed: 0}), (NEVER, {"otherwise": _never}),
    (NEVER, {"otherwise": lambda saved, owed: 0 if owed <= 0 else math.inf}),
    (NEVER, {"otherwise": lambda saved, owed: 0 if saved == 0 else math.inf}),
    (NEVER, {"otherwise": lambda saved, owed: math.inf if saved == 0 else max(0, math.ceil(owed / saved))}),
    (NEVER, {"otherwise": lambda saved, owed: _none_saved(saved, owed) if saved == 0 else max(
        0, math.ceil(owed / saved))}),
    ("`a` and `b` have changed places", {"swapped": True}),
]


def pays_off_right(answer):
    """Wrong unless answer(a, b, trained) is the smallest n such that from n classified images on a costs no more."""
    cases, given = _cases(), []
    right = [_even(*case[2:]) for case in cases]
    for case in cases:
        given.append(_number(answer, case))
    for case, said, expected in zip(cases, given, right):
        if said != expected:
            causes = (cause for cause, other in SLIPS if given == [_even(*each[2:], **other) for each in cases])
            raise Wrong(f"{_named(case)}: it is {_shown(expected)}, yours is {_shown(said)}. "
                        f"{next(causes, None) or _bill(case)}")
    n = right[1] / EPOCHS
    return f"and InfoPro at K = 16 has paid off, against wider modules, after {n:.2f} classified images for each trained on"


def _named(case):
    a, b, _, _, trained = case
    return f"a = {a}; b = {b}; {trained:,} images trained on"


def _number(answer, case):
    _, _, a, b, trained = case
    try:
        n = answer(list(a), list(b), trained)
    except ZeroDivisionError:
        raise Wrong(f"{_named(case)}: at inference both compute the same, and you divide by the difference. If `a` costs "
                    "no more in training, it costs no more at all, n = 0; else it never makes up: float(\"inf\")"
                    ) from None
    except OverflowError:
        raise Wrong(f"{_named(case)}: infinity cannot be rounded: look first whether `a` saves anything") from None
    if isinstance(n, bool) or not isinstance(n, (int, float)) or n != n:
        raise Wrong(f"{_named(case)}: return one number of images, or float(\"inf\"); got {str(n)[:40]}")
    return n


def _shown(n):
    return "infinite" if n == math.inf else f"{n:,}"


def _bill(case):
    _, _, a, b, _ = case
    costs = [f"`{name}` costs {3 * _sum(of, ALL):,} MACs an image in training, {_sum(of, STAY):,} at inference"
             for name, of in (("a", a), ("b", b))]
    return "; ".join(costs)
