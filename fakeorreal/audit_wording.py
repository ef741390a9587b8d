"""An audit in words: the verdict, and tables that the terminal, the page and the Markdown report show alike."""

import pandas as pd

from fakeorreal.audit import FEW_GROUPS, SHORTCUT_LIMIT
from fakeorreal.nuisances import NUISANCES
from fakeorreal.wording import printable

CAVEAT = (
    "A nuisance can also be a trace of synthesis itself, such as the peaks of a vocoder. Ask where it comes from "
    "before you mend it."
)

_NAMED = 5  # shortcuts that a verdict names


def verdict(audit):
    """The verdict, headline first.

    Args:
        audit: an `audit.Audit`.

    Returns:
        list of str, one thing each: whether the corpus can be cheated and by what, what else betrays the label, what
        to do, where testing contradicts training, what names tell, and how far all this can be trusted.
    """
    table = audit.nuisances
    telling = table[(table["auc_low"] > 0.5) & (table["trend"] != "reversed")]
    heard = telling[telling["nuisance"] != "name"]
    together = audit.classifiers.set_index("classifier").loc["all but the file name"]
    cheated = max([*heard["auc"], together["auc"] if together["auc_low"] > 0.5 else 0]) >= SHORTCUT_LIMIT
    if heard.empty and together["auc_low"] <= 0.5:
        sentences = [_nothing(table, together)]
    else:
        sentences = [_headline(heard, together, cheated), *_others(heard), *([_remedies(heard)] if cheated else [])]
    if "name" in set(telling["nuisance"]):
        sentences.append(
            f"File names tell real from fake: {_evidence(telling.set_index('nuisance').loc['name'])}. No detector "
            "reads names, but they often say what was done to a file, and that may be heard."
        )
    return [*sentences, *_contradictions(table), *_cautions(audit)]


def nuisance_table(audit):
    """The nuisances for reading: text in every cell."""
    rows = audit.nuisances
    table = {
        "nuisance": [NUISANCES[name].title for name in rows["nuisance"]],
        "AUC [95 %]": [interval(row.auc, row.auc_low, row.auc_high) for row in rows.itertuples()],
        "fakes are": [printable(fakes) for fakes in rows["fakes"]],
        "real": [printable(real) for real in rows["real"]],
        "fake": [printable(fake) for fake in rows["fake"]],
    }
    if audit.held_out:
        table["AUC in training"] = [
            f"{row.training_auc:.2f}" + (f", {row.trend} in testing" if row.trend else "") for row in rows.itertuples()
        ]
    return pd.DataFrame(table)


def classifier_table(audit):
    """The classifiers for reading, and what they reach by chance."""
    rows = [
        {"classifier": row.classifier, "AUC [95 %]": interval(row.auc, row.auc_low, row.auc_high)}
        for row in audit.classifiers.itertuples()
    ]
    low, high = audit.shuffled
    return pd.DataFrame(
        [*rows, {"classifier": "all together, labels shuffled", "AUC [95 %]": f"{low:.2f} to {high:.2f}"}]
    )


def protocol(audit):
    """What was scored, and how."""
    real, fake = audit.counts.set_index("label")["clips"].reindex((0, 1))
    how = (
        "the testing split, by what training teaches"
        if audit.held_out
        else "cross-validated: groups of clips teach others"
    )
    return f"{real:,} real and {fake:,} fake clips ({how})."


def interval(value, low, high):
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _nothing(table, together):
    seen = (0.5 + table["auc"] - table["auc_low"]).max()
    titles = ", ".join(NUISANCES[name].title for name in NUISANCES if name != "name")
    return (
        f"Nothing found: no nuisance tells real from fake, nor do all together (AUC {_interval_of(together)}). "
        f"Looked for: {titles}. A single one of AUC {seen:.2f} or more would have been seen."
    )


def _headline(heard, together, cheated):
    says = (
        "The corpus can be cheated"
        if cheated
        else f"There are traces, too weak to cheat by (AUC below {SHORTCUT_LIMIT})"
    )
    if heard.empty or (cheated and heard["auc"].max() < SHORTCUT_LIMIT):
        return f"{says}: all nuisances together tell real from fake with AUC {_interval_of(together)}, none alone does."
    best = heard.iloc[0]
    return f"{says}: {NUISANCES[best['nuisance']].title} alone tells real from fake: {_evidence(best)}."


def _others(heard):
    named = [f"{NUISANCES[row['nuisance']].title} ({_evidence(row)})" for _, row in heard.iloc[1:_NAMED].iterrows()]
    more = f", and {len(heard) - _NAMED} more" if len(heard) > _NAMED else ""
    return [f"Further: {'; '.join(named)}{more}."] if named else []


def _remedies(heard):
    remedies = dict.fromkeys(NUISANCES[name].remedy for name in heard["nuisance"][:_NAMED])
    return f"To mend it, {'; '.join(remedies)}." if remedies else "To mend it, compare how the classes were recorded."


def _evidence(row, prefix=""):
    auc, low, high, fakes, real, fake = (
        row[prefix + column] for column in ("auc", "auc_low", "auc_high", "fakes", "real", "fake")
    )
    return f"AUC {interval(auc, low, high)}; fakes are {printable(fakes)} ({printable(fake)} against {printable(real)})"


def _interval_of(row):
    return interval(row["auc"], row["auc_low"], row["auc_high"])


def _contradictions(table):
    sentences = []
    for _, row in table[table["trend"] != ""].iterrows():
        says = "the reverse holds" if row["trend"] == "reversed" else "nothing of it is left"
        sentences.append(
            f"Warning: {NUISANCES[row['nuisance']].title} misleads. In training, {_evidence(row, 'training_')}; in "
            f"testing {says} (fakes are {printable(row['fakes'])}, AUC {_interval_of(row)}). A detector that learns it "
            "errs there, and a random split would hide that."
        )
    return sentences


def _cautions(audit):
    sentences = []
    fewest = audit.counts["groups"].min()
    if fewest < FEW_GROUPS:
        sentences.append(f"Too little to rely on: a class has clips of {fewest} sources only, {FEW_GROUPS} are few.")
    if len(audit.failed):
        sentences.append(f"{len(audit.failed)} clips could not be read and are left out.")
    return sentences
