"""What all figures share: one colour a module, light to dark with depth, and the stamp on stand-in data."""

import seaborn as sns


def module_colours(K):
    """K colours, light to dark, first module to last."""
    return sns.color_palette("crest", K)


def stamped(figure, standin):
    """The figure, with words across it if it was drawn from generated images."""
    if standin:
        figure.text(0.5, 0.5, "STAND-IN DATA, not CIFAR-10", color="crimson", alpha=0.35, fontsize=20, rotation=15,
                    ha="center", va="center")
    return figure
