"""What a chapter is made with: `begin` its session, `show` a figure, `check` an exercise, state a `claim`."""

from .checks import check, hint, reveal
from .claims import claim, margins
from .figures import show
from .session import begin

__all__ = ["begin", "check", "claim", "hint", "margins", "reveal", "show"]
