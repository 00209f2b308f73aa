"""The look of every figure: colours, type, sizes, and bytes that depend on nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, StringIO

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from iop_outcomes.vocabulary import Arm

COLOUR = {Arm.INTERVENTION: "#0072B2", Arm.COMPARATOR: "#D55E00"}  # distinct to every eye
LINE = {Arm.INTERVENTION: "-", Arm.COMPARATOR: (0, (5, 2))}  # and without colour
INK, FAINT, RED = "#222222", "#8a8a8a", "#b00020"
STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}
SIGNED = FuncFormatter(lambda value, _: f"{value:g}".replace("-", "−"))
NAMES = {
    **{"intervention": "intervention", "comparator": "comparator"},
    **{"unadjusted": "Unadjusted", "iptw": "Weighted", "per_protocol": "Per protocol"},
    **{"g_computation": "G-computation", "aipw": "AIPW", "tmle": "TMLE"},
    "clock": "Days since admission",
}


class NotebookFigure(Figure):
    """A Figure without pyplot's state that a notebook shows by itself."""

    def _repr_png_(self) -> bytes:
        page = BytesIO()
        with rc_context(STYLE):
            self.savefig(page, format="png", dpi=144, metadata={"Software": None})
        return page.getvalue()


@contextmanager
def canvas(width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches, in the house style."""
    with rc_context(STYLE):
        yield NotebookFigure(figsize=(width, height), layout="constrained")


def svg(figure: Figure, name: str) -> str:
    """The figure as SVG text that depends on nothing but what it shows.

    Parameters
    ----------
    name
        Seeds the ids inside the drawing; two figures of one page need two names.
    """
    page = StringIO()
    with rc_context({**STYLE, "svg.hashsalt": name, "svg.fonttype": "none"}):
        if figure.get_layout_engine() is not None:
            # Laid out once: a second pass would start from the first and move by hairs.
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        figure.savefig(page, format="svg", metadata={"Date": None, "Creator": None})
    return page.getvalue()


def capital(text: str) -> str:
    """The text with its first letter raised and the rest as it was."""
    return text[:1].upper() + text[1:]


def wrapped(text: str, width: int) -> str:
    """The text in lines of at most `width` characters where its words allow."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
