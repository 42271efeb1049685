"""`python -m llcourse data [NAME]`: fetch an image set, if it is not there, and say what is there."""

from .. import paths
from . import sources
from .errors import DataError, Unavailable
from .sets import SETS, named


def configure(parser):
    parser.add_argument("name", nargs="?", default="cifar10", choices=list(SETS),
                        help="image set (default cifar10)")


def main(args):
    """Return 0 if real images are there now, 1 if not."""
    image_set, root = named(args.name), paths.data()
    try:
        decoded = sources.find(image_set, root)
    except (DataError, Unavailable) as error:
        print(f"{image_set.title}: {error}")
        return 1
    print(f"{image_set.title}: {len(decoded.train_y):,} training and {len(decoded.test_y):,} test images, "
          f"{image_set.side}x{image_set.side}, {len(image_set.classes)} classes, "
          f"from {decoded.where} ({decoded.kind})\nsha256 of the decoded images: {decoded.sha256}")
    return 0
