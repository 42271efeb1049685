"""What images and labels are, whoever brings them: a user's tensors or the decoded cache's arrays."""


def check(split, x, y, classes, side=("H", "W")):
    """Raise ValueError, with the value, unless x are uint8 images, (N, *side, 3), and y as many int64 labels from 0 to
    classes - 1, at least one.

    split: "train" or "test".   x, y: tensors or NumPy arrays.   side: height and width; any pass if it is left out.
    """
    if len(x.shape) != 4 or x.shape[3] != 3 or side != ("H", "W") and tuple(x.shape[1:3]) != tuple(side):
        raise ValueError(f"{split}_x has the shape {tuple(x.shape)}; it is (N, {side[0]}, {side[1]}, 3)")
    if tuple(y.shape) != (len(x),) or not len(x):
        raise ValueError(f"{split}_y has the shape {tuple(y.shape)} beside {len(x):,} images; every image has a label, "
                         "and there is one at least")
    if _kind(x) != "uint8":
        raise ValueError(f"{split}_x is {_kind(x)}{_range(x)}; images are uint8 from 0 to 255")
    if _kind(y) != "int64" or y.min() < 0 or y.max() >= classes:
        raise ValueError(f"{split}_y is {_kind(y)}{_range(y)}; labels are int64 from 0 to {classes - 1}")


def _kind(array):
    return str(array.dtype).removeprefix("torch.")


def _range(array):
    """Where torch can tell it: the smallest and the largest value."""
    numbers = ("int", "float16", "float32", "float64", "bfloat16")
    return f" from {array.min().item():g} to {array.max().item():g}" if _kind(array).startswith(numbers) else ""
