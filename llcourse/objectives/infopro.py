"""InfoPro: keep what the image shows, and what tells its class (Wang et al. 2021)."""

from dataclasses import dataclass

from torch import nn

from ..arguments import flag, number, one_of, several, whole
from .contrast import Contrast
from .cross_entropy import CrossEntropy
from .reconstruction import DECODERS, MEAN, STD, Reconstruction

PRESETS = {  # (l1, l2) at the first border and at the last, from the commands of the authors' code for CIFAR-10
    "ResNet-32, K = 2": ((5.0, 1.0), (5.0, 1.0)),
    "ResNet-32, K = 4": ((6.0, 0.0), (1.0, 2.0)),
    "ResNet-32, K = 8": ((5.0, 0.0), (0.0, 2.0)),
    "ResNet-32, K = 16": ((5.0, 0.05), (0.2, 0.5)),
    "ResNet-110, K = 2": ((5.0, 0.5), (5.0, 0.5)),
    "ResNet-110, K = 4": ((1.0, 0.0), (0.0, 1.0)),
    "ResNet-110, K = 8": ((5.0, 0.0), (0.0, 1.0)),
    "ResNet-110, K = 16": ((5.0, 0.0), (0.5, 1.0)),
}


def interpolated(ends, k, K):
    """(l1, l2) at border k of the K - 1 between K modules, on the line from the first to the last.

    >>> interpolated(PRESETS["ResNet-32, K = 4"], 2, 4)
    (3.5, 1.0)
    """
    ends, K = _ends(ends), whole("K", K, 2)
    share = (whole("k", k, 1, K - 1) - 1) / (K - 2) if K > 2 else 0.0
    return tuple((1 - share) * first + share * last for first, last in zip(*ends))


def _ends(weights):
    ends = tuple(tuple(number("a weight", w) for w in several("weights", end)) for end in several("weights", weights))
    if [len(end) for end in ends] != [2, 2]:
        raise ValueError(f"weights are {weights!r}; they are ((l1, l2) at the first border, at the last)")
    return ends


class Weighted(nn.Module):
    """A weighted sum of objectives: each sees the logits and the record; of embeddings if one of them takes these."""

    def __init__(self, weights, terms):
        super().__init__()
        self.weights, self.terms = tuple(number("a weight", weight) for weight in weights), nn.ModuleList(terms)
        self.predicts = all(getattr(term, "predicts", True) for term in terms)
        self.reads_image = any(getattr(term, "reads_image", True) for term in terms)
        if outputs := [term.outputs for term in terms if hasattr(term, "outputs")]:
            self.outputs = outputs[0]

    @property
    def macs(self):
        return sum(getattr(term, "macs", 0) for term in self.terms)

    def forward(self, logits, record):
        return sum(weight * term(logits, record) for weight, term in zip(self.weights, self.terms, strict=True))

    def extra_repr(self):
        return f"weights={self.weights}"


@dataclass(frozen=True)
class InfoPro:
    """l1 * reconstruction + l2 * cross-entropy, or supervised contrast: `cut(K, objective=InfoPro(...))` (Wang et al.
    2021, section 3; weights and decoder as in the authors' code).

    contrast: Contrast in place of cross-entropy.   weights: ((l1, l2) at the first border, at the last), between which
    lies a straight line, or a name in PRESETS; by default "ResNet-32, K = ..." of the network's K. For another K than
    2, 4, 8 and 16 that is refused: from one published K to the next neither end follows a rule that could be gone on
    with.   decoder: a name in DECODERS.   mean, std: with which the images are normalised, see Reconstruction.

    The presets are those of the contrast; the ones of the rows with cross-entropy are in no file. A weight 0 at one end
    is published so: at K = 4 module 1 learns to keep the image and nothing else. Not taken over: on SVHN at K = 4
    ContSup's code has l2 = 0 at both ends, so that no border learns classes, where InfoPro's has 1 at the last; and its
    flag for reconstruction is true whatever is given, "False" included.

    >>> from llcourse import networks
    >>> net = networks.resnet(8, width=4).cut(3, objective=InfoPro(weights=((5, 0), (1, 2))))
    >>> [objective.weights for objective in net.objectives[:2]], net.objectives[2]
    ([(5.0, 0.0), (1.0, 2.0)], CrossEntropy(label_smoothing=0.0, weight=None))
    """

    contrast: bool = False
    weights: tuple | str | None = None
    decoder: str = "full"
    mean: tuple = MEAN
    std: tuple = STD

    def __post_init__(self):
        flag("contrast", self.contrast)
        one_of("decoder", self.decoder, DECODERS)
        if isinstance(self.weights, str):
            object.__setattr__(self, "weights", PRESETS[one_of("weights", self.weights, PRESETS)])
        elif self.weights is not None:
            object.__setattr__(self, "weights", _ends(self.weights))

    def __call__(self, place):
        ends, K = self.weights, place.K
        if ends is None and f"ResNet-32, K = {K}" not in PRESETS:
            raise ValueError(f"InfoPro's weights are published for K = 2, 4, 8 and 16; for K = {K} say them: "
                             "objectives.InfoPro(weights=((l1, l2), (l1, l2))), at the first border and the last")
        reconstruction = Reconstruction(place.features, place.image, self.mean, self.std, self.decoder)
        return Weighted(interpolated(ends or PRESETS[f"ResNet-32, K = {K}"], place.k, K),
                        [reconstruction, Contrast() if self.contrast else CrossEntropy()])
