"""Gantt charts of simulated workers."""

import matplotlib.pyplot as plt
import seaborn as sns
from matplotlib.patches import Patch


def timeline(schedules, K, until=None):
    """Gantt charts, one above the other. schedules: {title: list of timeline.Task}; until: cut the time axis there."""
    figure, axes = plt.subplots(len(schedules), 1, figsize=(8, 0.35 * K * len(schedules) + 1.2), sharex=True,
                                squeeze=False)
    colours = sns.color_palette("colorblind")
    for ax, (title, tasks) in zip(axes[:, 0], schedules.items()):
        for task in tasks:
            backward = task.kind == "backward"
            ax.barh(task.worker + 1, task.end - task.start, left=task.start, height=0.8, edgecolor="white",
                    linewidth=0.5, color=colours[task.batch % len(colours)], alpha=1 if backward else 0.45)
        ax.set_yticks(range(1, K + 1))
        ax.invert_yaxis()
        ax.grid(False)
        ax.set_ylabel("worker")
        ax.set_title(title, fontsize=10, loc="left")
    axes[-1, 0].set_xlabel("time (1 = forward pass of one module)")
    if until:
        axes[-1, 0].set_xlim(0, until)
    axes[0, 0].legend(handles=[Patch(color="0.4", alpha=0.45, label="forward"), Patch(color="0.4", label="backward")],
                      loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, fontsize=8)
    figure.tight_layout()
    return figure
