"""Wrong answers to the exercises of chapter 11, each with words that its message must hold, and right ones."""

from . import ch11_deadlock, ch11_failing, ch11_queue, ch11_wire

EVERY = {"11.1": ch11_deadlock, "11.2": ch11_wire, "11.3": ch11_queue, "11.4": ch11_failing}
WRONG = {id: module.WRONG for id, module in EVERY.items()}
RIGHT = [(id, answer) for id, module in EVERY.items() for answer in module.RIGHT]
