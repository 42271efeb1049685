"""Wrong answers to the exercises of chapter 08, each with words that its message must hold: a file an exercise."""

from . import chunking, readouts, surprise, tying

WRONG = {"8.1": surprise.WRONG, "8.2": readouts.WRONG, "8.3": tying.WRONG, "8.4": chunking.WRONG}
RIGHT = {"8.1": surprise.RIGHT, "8.2": readouts.RIGHT, "8.3": tying.RIGHT, "8.4": chunking.RIGHT}  # in other styles
