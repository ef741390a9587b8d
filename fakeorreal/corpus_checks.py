"""The audit and the duplicates of a corpus, computed once and kept: what they say depends on nothing but the clips."""

import json

import pandas as pd

from fakeorreal.audit import Audit, audit
from fakeorreal.cross_scores import clips_digest, kept
from fakeorreal.duplicates import find_duplicates
from fakeorreal.files import write_atomically

_TABLES = ("nuisances", "classifiers", "counts", "failed")


def kept_audit(corpus, folder):
    """The ``audit.Audit`` of a table of clips.

    Args:
        corpus: table of clips.
        folder: where audits are kept.

    Returns:
        `audit.Audit`.
    """
    path = folder / f"{clips_digest(corpus)}.json"
    if not path.is_file():
        found = audit(corpus)
        tables = {name: getattr(found, name).to_dict("list") for name in _TABLES}
        what = {**tables, "shuffled": found.shuffled, "held_out": found.held_out}
        write_atomically(path, json.dumps(what).encode())
    what = json.loads(path.read_text())
    tables = {name: pd.DataFrame(what[name]) for name in _TABLES}
    return Audit(**tables, shuffled=tuple(what["shuffled"]), held_out=what["held_out"])


def kept_pairs(corpus, folder, cache):
    """The ``pairs`` of ``duplicates.find_duplicates``.

    Args:
        corpus: table of clips.
        folder: where pairs are kept.
        cache: where fingerprints are kept.

    Returns:
        DataFrame.
    """
    return kept(folder / f"{clips_digest(corpus)}.csv", lambda: find_duplicates(corpus, folder=cache).pairs)
