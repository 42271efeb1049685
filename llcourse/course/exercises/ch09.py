"""Exercises of chapter 09: what greedy modules throw away."""

from . import exercise
from .paying import pays_off_right
from .pixels import reconstruction_right
from .ramp import weights_right
from .supplying import mended_right


@exercise("9.1", title="What the features still hold", dots=2, minutes=15,
          why="A class label asks a module to keep one answer; this term asks it to keep the picture.",
          hints=["Two things are compared: the decoder's pixels and the image's. The network was not given the image's "
                 "pixels, but (pixel - mean) / std. How do you get back?",
                 "mean.view(-1, 1, 1) stands beside (batch, 3, H, W), channel by channel: pixels = image * std + mean. "
                 "The cross-entropy of one pixel p is - p log s - (1 - p) log(1 - s), where s is the sigmoid of the "
                 "decoder's logit. At a logit of 300, s rounds to 1: what is log(1 - s) then?",
                 "F.binary_cross_entropy_with_logits(decoder(h), pixels) takes sigmoid and logarithms in one, safely, "
                 "and the mean over all. Detach nothing, and write into nothing."])
def reconstruction(answer):
    reconstruction_right(answer)


@exercise("9.2", title="Shift the weight", dots=1, minutes=10, numbers=True,
          why="Near the image a module should keep what there is; near the label, what it needs.",
          hints=["K modules have K - 1 borders. Number them 0 to K - 2: what share of the way from `first` to `last` "
                 "lies behind border k?",
                 "At border 0 none, at border K - 2 all: k / (K - 2). With K = 2 there is one border and no way to go.",
                 "share = k / (K - 2) if K > 2 else 0. A pair is [(1 - share) * a + share * b for a, b in zip(first, "
                 "last)], for k in range(K - 1)."])
def weights(answer):
    weights_right(answer)


@exercise("9.3", title="Where context leaks", dots=2, minutes=10,
          why="Every border is detached, the loss falls, and yet losses train parts of modules that are not theirs.",
          hints=["Three things are added up. One is made of the image, which has no graph; one is detached. And the "
                 "third?",
                 "`below` is what the module below was given: features, detached, plus what its encoder made, with "
                 "its graph. Where does the gradient go that enters R[j](below)?",
                 "R[j] is to be trained, what it reads is not: R[j](below.detach()). And not `given += ...`, which "
                 "would write into h."])
def mended(answer):
    mended_right(answer)


@exercise("9.4", title="Who pays at inference?", dots=3, minutes=15, numbers=True,
          why="A decoder is paid for once, an encoder with every image that is ever classified.",
          hints=["First write two functions of a list of parts: an image's MACs in training, and at inference. On "
                 "which of heads, decoders, encoders, shortcuts and classifier does the answer depend?",
                 "owed = trained * (training(a) - training(b)) is what `a` has to make up for; each classified image "
                 "saves inference(b) - inference(a). If that is above 0: owed / saved, rounded up, and at least 0.",
                 "Training is 3 * the sum of all MACs; at inference heads and decoders are left out. Where saved is "
                 "not above 0: 0 if saved == 0 and owed <= 0, for then `a` never costs more; else float(\"inf\"), even "
                 "where `a` is cheaper at first: it does not stay so."])
def pays_off(answer):
    return pays_off_right(answer)
