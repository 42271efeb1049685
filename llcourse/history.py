"""What a training run leaves behind: plain figures, one row an epoch."""

from dataclasses import dataclass, field

from .data.score import ACCURACY, Score


@dataclass
class History:
    """What a run did: `rows` holds one plain dict an epoch.

    Keys of a row: epoch (from 1), phase (from 0), loss (K mean training losses), the data's score (for images accuracy:
    K test accuracies of the heads in percent; for a text bits per byte), seconds; what the run was told to watch stands
    beside them. None stands for a loss that was not computed and a head that was not yet trained.   standin: whether
    the images were generated ones; figures say so.   score: the data's score, whose name is its column.

    >>> history = History([{"epoch": 1, "phase": 0, "loss": [2.1, 2.0], "accuracy": [21.5, 25.0], "seconds": 3.2}])
    >>> history.accuracy, history.column("loss", module=0)
    (25.0, [2.1])
    """

    rows: list = field(default_factory=list)
    standin: bool = False
    score: Score = ACCURACY

    @property
    def last(self):
        """The score of the last head after the last epoch."""
        return self.by_head[-1]

    @property
    def by_head(self):
        """The score of every head after the last epoch."""
        return self._finished()[-1][self.score.name]

    @property
    def best(self):
        """The best score that the last head had after any epoch, chosen on the test set: a little too good."""
        measured = [score for score in self.column(self.score.name) if score is not None]
        if not measured:
            raise ValueError("the last head of this History was never scored")
        return self.score.best(measured)

    @property
    def accuracy(self):
        """Test accuracy of the last head after the last epoch, in percent."""
        return self.accuracies[-1]

    @property
    def accuracies(self):
        """Test accuracy of every head after the last epoch, in percent. ValueError where that is not the score."""
        if self.score is not ACCURACY:
            raise ValueError(f"this History has no accuracy: its score is {self.score.name}; take history.last, "
                             "history.by_head or history.best")
        return self.by_head

    def column(self, name, module=-1):
        """One figure over the epochs, such as column("accuracy") or column("loss", module=0).

        Raises ValueError for a name or a module that the rows lack.
        """
        try:
            return [row[name][module] if isinstance(row[name], list) else row[name] for row in self._finished()]
        except (KeyError, IndexError, TypeError):
            raise ValueError(f"no row has {name!r} of module {module!r}: {self.rows[0]}") from None

    def _finished(self):
        if not self.rows:
            raise ValueError("this History holds no finished epoch: run the cell that trains to its end")
        return self.rows

    def __repr__(self):
        if not self.rows:
            return "History(no epoch finished)"
        heads = " ".join("-" if a is None else f"{a:.{self.score.digits}f}" for a in self.by_head)
        return f"History({len(self.rows)} epochs, test {self.score.name} by head {heads})"
