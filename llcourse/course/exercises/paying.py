"""Exercise 9.4: from how many classified images on what is cheaper at inference has made up for its training."""

import math
from functools import cache

from ... import networks
from . import Wrong

FULL, OWN, WIDER, E, SMALL, R1, R1E = (  # arguments of networks.ledger
    {"decoder": "full"}, {"decoder": "own"}, {"width": 20}, {"context": "E"}, {"context": "e"}, {"context": "R1"},
    {"context": "R1E"})
EPOCHS = 8_000_000  # 160 of 50,000 images
DECODED = [("module", 1, 100), ("head", 1, 60), ("decoder", 1, 12), ("module", 2, 100), ("classifier", 2, 3)]
SUPPLIED = [("module", 1, 100), ("head", 1, 25), ("encoder", 2, 10), ("shortcut", 2, 5), ("module", 2, 100),
            ("classifier", 2, 3)]
LARGE = [("module", 1, 100), ("head", 1, 25), ("encoder", 2, 20), ("shortcut", 2, 15), ("module", 2, 100),
         ("classifier", 2, 3)]
WIDE = [("module", 1, 107), ("head", 1, 30), ("module", 2, 110), ("classifier", 2, 8)]


@cache
def _cases():
    """(what a is called, what b is, a, b, images trained on): first some by hand."""
    by_hand = [(DECODED, SUPPLIED, 10), (DECODED, SUPPLIED, 1), (DECODED, SUPPLIED, 7), (DECODED, WIDE, 5),
               (SUPPLIED, WIDE, 9), (WIDE, SUPPLIED, 9), (DECODED, SUPPLIED, 0), (WIDE, DECODED, 3),
               (WIDE, LARGE, 6)]
    cut = [(FULL, WIDER, 16), (FULL, R1, 4), (FULL, SMALL, 16), (OWN, R1, 8), (FULL, E, 8), (E, FULL, 4), (R1, E, 16),
           (OWN, SMALL, 16), (SMALL, WIDER, 4), (FULL, {}, 4), ({}, FULL, 4), ({}, R1E, 8), (R1E, WIDER, 16),
           (E, WIDER, 8), (FULL, FULL, 2)]
    return [*((_by_hand(a), _by_hand(b), a, b, n) for a, b, n in by_hand),
            *((_call(K, a), _call(K, b), networks.ledger(K, **a), networks.ledger(K, **b), EPOCHS) for a, b, K in cut)]


def _by_hand(parts):
    return f"({', '.join(f'{kind} {macs}' for kind, _, macs in parts)})"


def _call(K, settings):
    return f"ledger({', '.join([str(K), *(f'{name}={value!r}' for name, value in settings.items())])})"


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


HEADS = "Heads of modules below the last only train them: at inference they vanish, as decoders do"
SUPPLY = "{} feed the modules at inference too"
TRAINING = "In training there is work in {} as well"
NEVER = ("Where `a` computes no less than `b` at inference, it makes up for nothing: either it never costs more, and n "
         "is 0, or from no n on, and n is infinite. Look at each sign")
BOTH = "An image in training costs three times its forward pass, at inference once: you take the same for both"
SLIPS = [  # (what it is called, what it does otherwise)
    (HEADS, {"stay": (*STAY, "head")}), (HEADS, {"stay": ALL}),
    ("Decoders only train: at inference they vanish, as heads do", {"stay": (*STAY, "decoder")}),
    ("The classifier gives the answer: it is the one head that stays", {"stay": _without(STAY, "classifier")}),
    (SUPPLY.format("Encoders and shortcuts"), {"stay": ("module", "classifier")}),
    (SUPPLY.format("Encoders and shortcuts"), {"stay": ("module",)}),
    (SUPPLY.format("Encoders"), {"stay": _without(STAY, "encoder")}),
    (SUPPLY.format("Shortcuts"), {"stay": _without(STAY, "shortcut")}),
    (TRAINING.format("heads"), {"learn": _without(ALL, "head")}),
    (TRAINING.format("decoders"), {"learn": _without(ALL, "decoder")}),
    (TRAINING.format("heads and decoders"), {"learn": STAY}),
    (TRAINING.format("heads, decoders and supplies"), {"learn": ("module",)}),
    (TRAINING.format("heads, decoders and supplies"), {"learn": ("module", "classifier")}),
    (TRAINING.format("encoders and shortcuts"), {"learn": _without(ALL, "encoder", "shortcut")}),
    (TRAINING.format("the classifier"), {"learn": _without(ALL, "classifier")}),
    (BOTH, {"factor": 1}), (BOTH, {"serve": 3}),
    ("An image in training costs its forward pass and twice as much back: three times, not two", {"factor": 2}),
    ("All `trained` images are paid for, not one", {"per": 1}),
    ("You round down, and there `a` has not made up yet", {"up": math.floor}),
    ("You round to the nearest; the first whole number at which it has made up is asked for", {"up": round}),
    ("Where both cost the same, `a` costs no more: one image less", {"up": lambda n: math.floor(n) + 1}),
    ("The answer is a whole number of images: round up", {"up": float}),
    ("Fewer than no images cannot be classified: it is at least 0", {"least": None}),
    (NEVER, {"otherwise": lambda saved, owed: 0}), (NEVER, {"otherwise": _never}),
    (NEVER, {"otherwise": lambda saved, owed: 0 if owed <= 0 else math.inf}),
    (NEVER, {"otherwise": lambda saved, owed: 0 if saved == 0 else math.inf}),
    (NEVER, {"otherwise": lambda saved, owed: _none_saved(saved, owed) if saved == 0 else max(
        0, math.ceil(owed / saved))}),
    ("`a` and `b` have changed places", {"swapped": True}),
]


def pays_off_right(answer):
    """Wrong unless answer(a, b, trained) is the smallest n such that from n classified images on a costs no more."""
    cases = _cases()
    given, right = [_number(answer, case) for case in cases], [_even(*case[2:]) for case in cases]
    for case, said, expected in zip(cases, given, right):
        if said != expected:
            causes = (cause for cause, other in SLIPS if given == [_even(*each[2:], **other) for each in cases])
            raise Wrong(f"{_named(case)}: it is {_shown(expected)}, yours is {_shown(said)}. "
                        f"{next(causes, None) or _bill(case)}")
    after = next(n / case[4] for case, n in zip(cases, right) if case[4] == EPOCHS)
    return f"and at K = 16 InfoPro pays off, against wider modules, after {after:.2f} classified images a trained one"


def _named(case):
    a, b, _, _, trained = case
    return f"a = {a}; b = {b}; {trained:,} image{'s' * (trained != 1)} trained on"


def _number(answer, case):
    _, _, a, b, trained = case
    try:
        n = answer(list(a), list(b), trained)
    except ZeroDivisionError:
        raise Wrong(f"{_named(case)}: at inference both compute the same, and you divide by the difference. If `a` "
                    "costs no more in training, it costs no more at all, n = 0; else it never makes up: "
                    "float(\"inf\")") from None
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
