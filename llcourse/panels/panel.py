"""The one kind of widget in the course."""

import base64
import html
import io
import re
from collections.abc import Mapping
from typing import NamedTuple

import ipywidgets as widgets
import matplotlib.pyplot as plt

from .. import plots
from ..arguments import whole
from ..plots.style import LABEL
from ..tables import plain

PIXELS = 100  # CSS pixels an inch, as figures of the chapters are shown
SHARP = 2  # pixels of the picture for each of them: screens have up to two
STRIP = 9  # inches: all pictures that stand side by side in a strip


class Picture(NamedTuple):
    """Room for one picture, in inches: at most 8 x 4, for controls, picture and text to fit a screen of 1280 x 720.

    down: in a strip, one below the other.   share: axes that all pictures of a strip have in common, of "x" and "y".
    """

    width: float
    height: float
    down: bool = False
    share: str = ""

    def subplots(self, n):
        """A Figure and the list of its n Axes."""
        rows, columns = (n, 1) if self.down else (1, n)
        size = self.width if columns == 1 else STRIP, self.height * (0.6 + 0.4 * rows)  # axes are named once
        figure, axes = plt.subplots(rows, columns, figsize=size, sharex="x" in self.share, sharey="y" in self.share,
                                    squeeze=False, layout="constrained")
        return figure, list(axes.flat)


class Panel(widgets.VBox):
    """Controls that redraw a picture.

    draw: a function (Axes, **settings) that draws.   say: a function (**settings) -> the HTML text below the picture.
    picture: its Picture.   controls: {setting: an ipywidgets control}.
    Only values of traits change, so a notebook stores and compares the same output every time, and code can ask it:
    `panel.text_at(K=8)` is what a reader would see below the picture at K = 8, and leaves the panel where it is;
    `panel.set(K=8)` moves the controls; `panel.png` holds the picture shown. A value that the control does not take is
    a ValueError.
    """

    def __init__(self, draw, say, picture, /, **controls):
        self.draw, self.say, self.picture, self.controls = draw, say, picture, controls
        self.image, self.text = widgets.HTML(), widgets.HTML()  # an ipywidgets Image has no alternative text
        for name, control in controls.items():
            control.description = name
            control.style.description_width = "initial"  # as wide as it is: the default cuts names off
            control.layout.max_width = "100%"
            control.observe(self._refresh, "value")
        self._refresh()
        super().__init__([widgets.HBox(list(controls.values()), layout={"flex_flow": "row wrap"}), self.image,
                          self.text])

    @property
    def settings(self):
        return {name: control.value for name, control in self.controls.items()}

    def set(self, **settings):
        """Move controls as a reader would; returns the text then shown."""
        for name, value in self._with(settings).items():
            self.controls[name].value = value
        return self.text.value

    def text_at(self, **settings):
        """The text at other settings than those shown. The panel stays where it is."""
        return self.say(**self._with(settings))

    def _with(self, settings):
        """The panel's settings, these in place of its own."""
        if not isinstance(settings, Mapping):
            raise ValueError(f"settings are a dict such as {{'K': 4}}; got {settings!r}")
        if unknown := settings.keys() - self.controls.keys():  # as Python says of keywords
            raise TypeError(f"this panel has the controls {', '.join(self.controls)}; got {', '.join(unknown)}")
        return self.settings | {name: _taken(name, self.controls[name], value) for name, value in settings.items()}

    def strip(self, *several):
        """A static Figure of several settings, for readers without a kernel. several: dicts of settings.

        Each picture has a title of what differs; what they share stands above them all.
        """
        if not several:
            raise ValueError("a strip shows several settings, each a dict such as {'K': 4}; got none")
        chosen = [self._with(settings) for settings in several]
        shared = {name: value for name, value in chosen[0].items() if all(s[name] == value for s in chosen)}
        figure, every = self.picture.subplots(len(chosen))
        for axes, settings in zip(every, chosen):
            self.draw(axes, **settings)
            axes.set_title(_names({name: value for name, value in settings.items() if name not in shared}),
                           fontsize=LABEL, loc="left" if self.picture.down else "center")
            if self.picture.share:
                axes.label_outer()
        if shared:
            figure.suptitle(_names(shared), fontsize=LABEL)
        plots.legend(figure, loc="outside lower center", ncols=3)
        return figure

    def _refresh(self, _change=None):
        figure, (axes,) = self.picture.subplots(1)
        self.draw(axes, **self.settings)
        plots.legend(figure, loc="outside upper right", ncols=3)
        self.text.value = self.say(**self.settings)
        self.png, (width, height) = _png(figure), figure.get_size_inches() * PIXELS
        words = re.sub("<[^>]*>", "", f"{_names(self.settings)}. {self.text.value}")
        # its own size, or less where there is no room for it
        self.image.value = (f'<img alt="{html.escape(words)}" width="{width:.0f}" height="{height:.0f}" '
                            'style="max-width: 100%; height: auto" '
                            f'src="data:image/png;base64,{base64.b64encode(self.png).decode()}">')

    def __repr__(self):
        return f"Panel({', '.join(f'{name}={value!r}' for name, value in self.settings.items())})"


def _taken(name, control, value):
    """`value` as the control has it."""
    if not hasattr(control, "options"):
        return whole(name, value, control.min, control.max)
    for option in control.options if isinstance(plain(value), (str, int, float)) else ():
        if plain(value) == option:
            return option
    raise ValueError(f"{name} is {value!r}; it is one of {', '.join(map(str, control.options))}")


def _names(settings):
    return ", ".join(f"{name} = {value}" for name, value in settings.items())


def _png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=SHARP * PIXELS, bbox_inches=None)  # of the size said
    plt.close(figure)
    return buffer.getvalue()
