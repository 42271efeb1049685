"""The one kind of widget in the course."""

import io

import ipywidgets as widgets
import matplotlib.pyplot as plt


class Panel(widgets.VBox):
    """Controls that redraw a picture.

    draw: a function (**settings) -> (matplotlib Figure, HTML text).   controls: {setting: an ipywidgets control}.
    Only values of traits change, so a notebook stores and compares the same output every time, and code can drive it:
    `panel.set(K=8)`; `panel.text.value` is what the reader sees below the picture.
    """

    def __init__(self, draw, **controls):
        self.draw, self.controls = draw, controls
        self.image, self.text = widgets.Image(format="png"), widgets.HTML()
        for name, control in controls.items():
            control.description = name
            control.observe(self._refresh, "value")
        self._refresh()
        super().__init__([widgets.HBox(list(controls.values())), self.image, self.text])

    @property
    def settings(self):
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **settings):
        """Move controls as a reader would; returns the text then shown."""
        for name, value in settings.items():
            self.controls[name].value = value
        return self.text.value

    def strip(self, *several):
        """A static Figure of several settings side by side, for readers without a kernel. several: dicts of
        settings."""
        figure, axes = plt.subplots(1, len(several), figsize=(3.6 * len(several), 3.2))
        for ax, chosen in zip(axes, several):
            drawn, _ = self.draw(**{**self.settings, **chosen})
            ax.imshow(plt.imread(io.BytesIO(_png(drawn))))
            ax.set_title(", ".join(f"{name} = {value}" for name, value in chosen.items()), fontsize=9)
            ax.axis("off")
        figure.tight_layout()
        return figure

    def _refresh(self, _change=None):
        figure, self.text.value = self.draw(**self.settings)
        self.image.value = _png(figure)

    def __repr__(self):
        return f"Panel({', '.join(f'{name}={value!r}' for name, value in self.settings.items())})"


def _png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return buffer.getvalue()
