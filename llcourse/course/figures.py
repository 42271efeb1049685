"""Showing a figure together with words for those who cannot see it."""

import base64
import html
import io


def show(figure, alt):
    """Show a figure as the cell's output, and close it. alt: one or two sentences with what is to be seen in it.

    JupyterLab and nbconvert give a screen reader the alt text of HTML alone, so there is an <img> beside the plain PNG,
    which an export as PDF takes.
    """
    import matplotlib.pyplot as plt  # late: where packages are missing, it is `begin` that says so
    from IPython.core.pylabtools import print_figure
    from IPython.display import display

    png = base64.b64encode(_with_palette(print_figure(figure, "png", bbox_inches="tight"))).decode()
    image = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{png}">'
    display({"image/png": png, "text/html": image, "text/plain": repr(figure)},
            metadata={"image/png": {"alt": alt}}, raw=True)
    plt.close(figure)


def _with_palette(png):
    """The same picture with at most 256 colours: a third of the bytes, and a chapter may have a megabyte."""
    from PIL import Image

    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    return small.getvalue()
