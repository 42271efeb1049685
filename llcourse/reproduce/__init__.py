"""Published experiments as suites of training runs: recorded one JSON file a run, shown beside the published values."""

from .recorded import alignments, histories, predictions, runs, table
from .suites import SUITES, Configuration, Suite, named

__all__ = ["SUITES", "Configuration", "Suite", "alignments", "histories", "named", "predictions", "runs", "table"]
