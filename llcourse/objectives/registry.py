"""Objectives by name, and the lists of them that a network takes."""

from torch import nn

from .cross_entropy import CrossEntropy
from .infopro import InfoPro

LISTS = list, tuple, nn.ModuleList

OBJECTIVES = {
    "cross-entropy": lambda place: CrossEntropy(),
    "infopro": InfoPro(),
    "infopro contrast": InfoPro(contrast=True),
}


def each(given, losses):
    """A list of objectives, one a loss, from one for all of them or a list. ValueError if they cannot be these."""
    every = list(given) if isinstance(given, LISTS) else [given] * losses
    if len(every) != losses or not all(isinstance(objective, nn.Module) for objective in every):
        raise ValueError(f"objectives are one nn.Module, called with (logits, record), or a list of {losses}, one "
                         f"a loss; got {given!r}")
    if strange := [objective for objective in every if type(objective).__module__ == "torch.nn.modules.loss"]:
        raise ValueError(f"an nn.{type(strange[0]).__name__} is called with (logits, labels), and an objective with "
                         "(logits, record): take objectives.CrossEntropy(), or write an nn.Module that reads record.y")
    owned = [id(p) for objective in every for p in objective.parameters()]
    if len(set(owned)) < len(owned):
        raise ValueError(f"{type(every[0]).__name__} has parameters of its own, which two losses would share: "
                         f"give a list of {losses}, one a loss")
    return every


def make(kind, place):
    """The objective `kind` for a Place, as an nn.Module: a name in OBJECTIVES, or settings, such as InfoPro(...).

    Raises ValueError for any other kind.
    """
    if not isinstance(kind, InfoPro) and not (isinstance(kind, str) and kind in OBJECTIVES):
        raise ValueError(f"no objective is called {kind!r}; there are {', '.join(OBJECTIVES)}")
    return (OBJECTIVES[kind] if isinstance(kind, str) else kind)(place)


def predicting(objectives, losses):
    """Those of `losses`, indices, whose heads give logits of classes: not those under a contrast of embeddings."""
    others = {i for i, objective in enumerate(objectives) if not getattr(objective, "predicts", True)}
    return [i for i in losses if i not in others]
