"""The exercises of a chapter as its notebook shows them: the card's text, the stub, the check.

A card is Markdown with a line such as `### Exercise 3.2: A window of two ●●○ 10 min`. The cell of the stub carries
metadata {"llcourse": {"exercise": "3.2"}}.
"""

import re

CARD = re.compile(r"Exercise (\d+\.\d+)\b[^\n●]*(●+)(○*)[^\n\d]*(\d+) min")


def stubs(notebook):
    """{id: source of its stub cell}."""
    marked = [(cell.metadata.get("llcourse", {}).get("exercise"), cell.source) for cell in notebook.cells
              if cell.cell_type == "code"]
    return {id: source for id, source in marked if id}


def faults(notebook, exercises):
    """What differs between a notebook and its {id: Exercise}."""
    cards = {m[1]: (len(m[2]), len(m[2] + m[3]), int(m[4])) for cell in notebook.cells if cell.cell_type == "markdown"
             for m in CARD.finditer(cell.source)}
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    for id in sorted({*cards, *stubs(notebook), *exercises}):
        if id not in exercises:
            yield f"the notebook has an exercise {id} that the package does not"
        elif id not in cards:
            yield f"exercise {id} has no card: a line `### Exercise {id}: title ●○○ 5 min`"
        elif cards[id] != (exercises[id].dots, 3, exercises[id].minutes):
            yield (f"the card of {id} shows {cards[id]}, "
                   f"the exercise has {(exercises[id].dots, 3, exercises[id].minutes)}")
        elif id not in stubs(notebook):
            yield f"exercise {id} has no stub: a code cell with metadata.llcourse.exercise"
        elif not re.search(rf"""\bcheck\(\s*["']{re.escape(id)}["']""", code):
            yield f"""the notebook never calls check("{id}", ...)"""
