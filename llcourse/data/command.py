"""`python -m llcourse data [NAME]`: fetch an image set, if it is not there, and say what is there; of text too."""

from .. import paths
from . import sources, textfiles
from .errors import DataError, Unavailable
from .sets import SETS, named


def configure(parser):
    parser.add_argument("name", nargs="?", default="cifar10", choices=[*SETS, "text"],
                        help="image set (default cifar10), or text: which is read, nothing is fetched")


def main(args):
    """Return 0 if real images, or a text, are there now, 1 if not."""
    if args.name == "text":
        return _text()
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


def _text():
    try:
        found = textfiles.find()
    except DataError as error:
        print(f"text: {error}")
        return 1
    train, unseen = (f"{sum(map(len, files.values())):,}" for files in (found.train, found.unseen))
    print(f"text: {found.name}, {train} bytes to train on in {len(found.train):,} files, {unseen} unseen in "
          f"{len(found.unseen):,}, from {found.where} ({found.kind})\nsha256 of all files: {found.sha256}")
    return 0
