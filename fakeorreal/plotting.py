"""The look of every picture: palette, style, and how a figure is shown and saved.

Real is blue and fake vermillion everywhere (the colour-blind-safe palette of seaborn).
"""

from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from fakeorreal.files import write_atomically

NAMES = ("real", "fake")
COLOURS = ("#0173b2", "#d55e00")  # real, fake
_STYLE = {
    **sns.axes_style("whitegrid"),
    **sns.plotting_context("notebook"),
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.labelsize": 11,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "axes.axisbelow": True,
}
styled = mpl.rc_context(_STYLE)


class Picture(Figure):
    """A Figure that Jupyter shows as the value of a cell, though pyplot does not know it."""

    def __init__(self, width, height):
        super().__init__(figsize=(width, height), layout="constrained")

    def _repr_png_(self):
        return _png(self)


def axes_or_new(ax, width, height):
    return ax if ax is not None else Picture(width, height).subplots()


def save_figure(fig, name, folder):
    """Write ``<name>.png`` atomically, the same bytes for the same picture, and close the figure.

    Args:
        fig: Figure.
        name: file name without suffix.
        folder: where to write; made if missing.
    """
    write_atomically(Path(folder) / f"{name}.png", _png(fig))
    plt.close(fig)


def _png(figure):
    data = BytesIO()
    figure.savefig(data, format="png", dpi=130, facecolor="white", metadata={"Software": None})
    return data.getvalue()
