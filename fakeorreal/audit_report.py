"""The reports of ``fakeorreal audit``: a page, a Markdown file, and the figure on the page."""

import datetime
import hashlib
import textwrap
from html import escape

from fakeorreal import __version__
from fakeorreal.audit import SHORTCUT_LIMIT
from fakeorreal.audit_wording import CAVEAT, classifier_table, nuisance_table, protocol, verdict
from fakeorreal.files import write_atomically
from fakeorreal.nuisances import NUISANCES
from fakeorreal.page_parts import encoded, fill, notice, template
from fakeorreal.plotting import Picture, styled

_COLOURS = {"sound": "#0173b2", "file": "#de8f05", "name": "#949494"}


@styled
def nuisance_bars(nuisances):
    """AUC of each nuisance with its interval, the strongest on top.

    Args:
        nuisances: table of an `audit.Audit`.

    Returns:
        Figure.
    """
    figure = Picture(8, 1.2 + 0.3 * len(nuisances))
    ax = figure.subplots()
    titles = [NUISANCES[name].title for name in nuisances["nuisance"]]
    colours = [_COLOURS[NUISANCES[name].kind] for name in nuisances["nuisance"]]
    reach = (nuisances["auc"] - nuisances["auc_low"], nuisances["auc_high"] - nuisances["auc"])
    ax.barh(titles, nuisances["auc"] - 0.5, left=0.5, color=colours)
    ax.errorbar(nuisances["auc"], titles, xerr=reach, fmt="none", ecolor="0.2", elinewidth=1)
    ax.axvline(0.5, color="0.2", lw=1)
    ax.axvline(SHORTCUT_LIMIT, color="0.2", lw=1, ls="--")
    ax.set(xlim=(min(0.5, nuisances["auc_low"].min()) - 0.01, 1.01), xlabel="AUC")
    ax.invert_yaxis()
    return figure


def text(name, audit):
    """The report for a terminal.

    Args:
        name: of the corpus.
        audit: an `audit.Audit`.

    Returns:
        str.
    """
    tables = (table.to_string(index=False) for table in (classifier_table(audit), nuisance_table(audit)))
    sentences = (textwrap.fill(sentence, 100, subsequent_indent="  ") for sentence in [*verdict(audit), CAVEAT])
    return "\n\n".join([f"{name}: {protocol(audit)}", *tables, *sentences])


def write_markdown(path, name, audit):
    """Write the report as Markdown, whole or not at all.

    Args:
        path: file to write.
        name: of the corpus.
        audit: an `audit.Audit`.
    """
    parts = [
        f'<!-- name="generator" content="fakeorreal {__version__}" -->',
        f"# Shortcut audit: {_plain(name)}",
        "\n".join(f"* {_plain(sentence)}" for sentence in verdict(audit)),
        f"Scored: {protocol(audit)} Intervals hold for all nuisances at once. {CAVEAT}",
        "## Classifiers that see nothing but nuisances",
        _markdown(classifier_table(audit)),
        "## Each nuisance alone",
        _markdown(nuisance_table(audit)),
    ]
    write_atomically(path, ("\n\n".join(parts) + "\n").encode())


def write_page(path, name, audit):
    """Write the report as one HTML file that needs nothing else, whole or not at all.

    Args:
        path: file to write.
        name: of the corpus.
        audit: an `audit.Audit`.
    """
    style = template("report.css")
    headline, *sentences = verdict(audit)
    page = fill(
        "audit.html",
        text={
            "name": name,
            "package_version": __version__,
            "made": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
            "protocol": protocol(audit),
            "headline": headline,
            "caveat": CAVEAT,
            "limit": SHORTCUT_LIMIT,
            "figure": encoded(nuisance_bars(audit.nuisances)._repr_png_()),
            "style_hash": encoded(hashlib.sha256(style.encode()).digest()),
        },
        markup={
            "style": style,
            "sentences": "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences),
            "classifiers": _rows(classifier_table(audit)),
            "nuisances": _rows(nuisance_table(audit)),
            "failed": notice("Not measured:", audit.failed["reason"]),
        },
    )
    write_atomically(path, page.encode())


def _rows(table):
    """Head and body of an HTML table."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.itertuples(index=False)
    )
    return f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"


def _markdown(table):
    return table.map(_plain).to_markdown(index=False, disable_numparse=True)


def _plain(cell):
    """Text that Markdown takes as it is, though a file name may hold anything."""
    return "".join(f"\\{c}" if c in "\\`*_|<>[]#" else c for c in cell)
