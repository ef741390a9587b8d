"""Who pays for the errors: false alarms and misses by speaker, language, gender of voice and generator.

Rates are at the threshold of validation. Of every attribute the largest gap between two values is tested by permutation
of whole groups, which allows for having been picked as the largest; all these tests are adjusted after Holm.
"""

import itertools

import numpy as np
import pandas as pd

from fakeorreal import metrics
from fakeorreal.corpora.corpus import FAKE, REAL
from fakeorreal.significance import LEVEL, holm

ATTRIBUTES = ("speaker", "language", "gender", "generator")
NOT_STATED = "not stated"
ERRORS = {REAL: "false alarms", FAKE: "misses"}
LEAST = 10
"""Clips without which a value has a rate, but no part in a gap."""

PERMUTATIONS = 4999
_BLOCK = 2_000_000  # values permuted at once
_SAYS_NOTHING = ("", "unknown", NOT_STATED)


def fairness_table(scores):
    """Error rates of one run on testing, by every attribute that is stated for some clips.

    Args:
        scores: table of one run, with validation and testing: ``clip, label, score, group, split`` and any of
            ``ATTRIBUTES``; what is empty or ``unknown`` is not stated.

    Returns:
        DataFrame, no row where nothing is stated: attribute, value (``NOT_STATED`` for the clips that do not say),
        label, ``rate`` (per cent: false alarms of real, misses of fakes) with its Wilson 95 % interval, which takes
        the clips of a row as independent, ``n_clips, n_groups``.

    Raises:
        FakeOrRealError: as ``metrics.evaluate``.
    """
    clips = _clips(scores)
    rows = []
    for (attribute, label), part in _parts(clips):
        for value, of_value in part.groupby(attribute, sort=True):
            n, wrong = len(of_value), int(of_value["wrong"].sum())
            low, high = metrics.wilson(wrong, n)
            rates = (100 * rate for rate in (wrong / n, low, high))
            rows.append((attribute, value, label, *rates, n, of_value["group"].nunique()))
    columns = ["attribute", "value", "label", "rate", "rate_low", "rate_high", "n_clips", "n_groups"]
    return pd.DataFrame(rows, columns=columns)


def gap_table(scores):
    """The largest gap of every attribute, real and fake apart, and whether it means anything.

    Args, Raises: as ``fairness_table``.

    Returns:
        DataFrame, a row per attribute and label that have two values of ``LEAST`` clips: attribute, label, ``highest,
        lowest`` (the values), ``gap`` (points) with its 95 % interval over groups, which does not know that it was
        picked, ``p`` (permutation of groups, which does), ``p_holm``, ``n_values, n_clips``, ``fixed_by`` (attributes
        every value of which goes with one value of this one, so that the gap may be theirs), and ``meaning``:
        ``differ`` where p_holm is below ``LEVEL``, else ``no difference shown``.
    """
    parts = {}
    for key, part in _parts(_clips(scores)):
        enough = part[key[0]].map(part[key[0]].value_counts()) >= LEAST
        part = part[enough & (part[key[0]] != NOT_STATED)]
        if part[key[0]].nunique() > 1:
            parts[key] = part
    table = pd.DataFrame(
        [_gap(attribute, label, part, parts) for (attribute, label), part in parts.items()],
        columns=["attribute", "label", "highest", "lowest", "gap", "gap_low", "gap_high", "p", "n_values", "n_clips",
                 "fixed_by"],
    )  # fmt: skip
    table.insert(8, "p_holm", holm(table["p"]))
    return table.assign(meaning=np.where(table["p_holm"] < LEVEL, "differ", "no difference shown"))


def gap_sentences(gaps, table):
    """Which gaps mean anything, in words.

    Args:
        gaps: from ``gap_table``.
        table: from ``fairness_table``, of the same scores.

    Returns:
        list of str: what differs and what may be behind it, what does not, and what was not stated or not comparable.
    """
    sentences = [_says(gap) for gap in gaps[gaps["meaning"] == "differ"].itertuples()]
    quiet = gaps[gaps["meaning"] != "differ"]
    if len(quiet):
        named = "; ".join(f"{ERRORS[g.label]} by {g.attribute} ({g.gap:.1f} points)" for g in quiet.itertuples())
        sentences.append(f"No difference is shown between the values of: {named}.")
    if len(gaps):
        sentences.append(f"{len(gaps)} gaps were tested, and their p adjusted for that (Holm).")
    for attribute in ATTRIBUTES:
        rows = table[(table["attribute"] == attribute) & (table["value"] != NOT_STATED)]
        if rows.empty:
            sentences.append(f"The {attribute} is not stated: there is nothing to compare.")
        for label, error in ERRORS.items():
            values = rows.loc[rows["label"] == label, "value"]
            compared = ((gaps["attribute"] == attribute) & (gaps["label"] == label)).any()
            if len(values) and not compared and (attribute, label) != ("generator", REAL):
                sentences.append(
                    f"{error.capitalize()} by {attribute} cannot be compared: only {_and(list(values[:3]))} "
                    f"{'is' if len(values) == 1 else 'are'} stated{'' if len(values) == 1 else ', with too few clips'}."
                )
    return sentences


def _clips(scores):
    """The testing clips, what is wrong among them, and every attribute as text."""
    testing, validation = (scores[scores["split"] == split] for split in ("testing", "validation"))
    threshold = metrics.evaluate(testing, validation)["threshold"]
    clips = testing.assign(wrong=(testing["score"] >= threshold) != (testing["label"] == FAKE))
    for attribute in ATTRIBUTES:
        stated = clips[attribute] if attribute in clips else pd.Series("", clips.index)
        clips[attribute] = stated.astype(str).mask(stated.isna() | stated.isin(_SAYS_NOTHING), NOT_STATED)
    return clips


def _parts(clips):
    """Yield ((attribute, label), clips) of what is stated for some; real clips have no generator."""
    for attribute, label in itertools.product(ATTRIBUTES, ERRORS):
        part = clips[clips["label"] == label]
        if (attribute, label) != ("generator", REAL) and (part[attribute] != NOT_STATED).any():
            yield (attribute, label), part


def _gap(attribute, label, part, parts):
    values, wrong = part[attribute].to_numpy(), part["wrong"].to_numpy()
    rates = part.groupby(attribute)["wrong"].mean()
    highest, lowest = rates.idxmax(), rates.idxmin()
    pair = part[np.isin(values, (highest, lowest))]

    def difference(is_highest, errors, weights):
        shares = [(weights * errors * side).sum(1) / (weights * side).sum(1) for side in (is_highest, 1 - is_highest)]
        return shares[0] - shares[1]

    if highest == lowest:  # all rates are the same
        interval = (0.0, 0.0)
    else:
        is_highest = (pair[attribute] == highest).to_numpy(int)
        interval = metrics.bootstrap(difference, is_highest, pair["wrong"].to_numpy(float), pair["group"])
    codes = np.unique(values, return_inverse=True)[1]
    others = [a for a in ATTRIBUTES if a != attribute and (a, label) in parts]
    fixed_by = [a for a in others if (part.groupby(a)[attribute].nunique() == 1).all()]
    return {
        "attribute": attribute,
        "label": label,
        "highest": highest,
        "lowest": lowest,
        "gap": 100 * (rates.max() - rates.min()),
        "gap_low": 100 * interval[0],
        "gap_high": 100 * interval[1],
        "p": permutation_p(codes, wrong, part["group"].to_numpy()),
        "n_values": len(rates),
        "n_clips": len(part),
        "fixed_by": _and(fixed_by),
    }


def permutation_p(values, wrong, groups):
    """How often the largest gap between values is as large as here when the values are dealt out at random.

    Each group takes over the values of another group of as many clips, in any order. So what the clips of a group have
    in common stays together, and no value gains or loses a clip.

    Args:
        values: value of each clip as 0, 1 …, shape (n,).
        wrong: whether the clip was judged wrongly, bool, shape (n,).
        groups: source utterance of each clip, shape (n,).

    Returns:
        p in (0, 1], of ``PERMUTATIONS`` draws with seed 0 and what was found itself.
    """
    _, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.lexsort((members, sizes[members]))  # groups of one size beside each other, clip by clip
    values, wrong, size_of = values[order], wrong[order], sizes[members][order]
    counts = np.bincount(values)
    rng = np.random.default_rng(0)

    def gaps(dealt):
        rates = np.stack([(dealt[:, wrong] == value).sum(1) / n for value, n in enumerate(counts)])
        return rates.max(0) - rates.min(0)

    found, as_large, left = gaps(values[None])[0], 0, PERMUTATIONS
    while left:
        draws = min(left, max(1, _BLOCK // len(values)))
        dealt = np.empty((draws, len(values)), values.dtype)
        for size in np.unique(size_of):
            of_size = np.tile(values[size_of == size].reshape(-1, size), (draws, 1, 1))
            whole = rng.permuted(np.tile(np.arange(of_size.shape[1]), (draws, 1)), axis=1)
            moved = rng.permuted(np.take_along_axis(of_size, whole[..., None], 1), axis=2)
            dealt[:, size_of == size] = moved.reshape(draws, -1)
        as_large += int((gaps(dealt) > found - 1e-9).sum())
        left -= draws
    return (1 + as_large) / (1 + PERMUTATIONS)


def _says(gap):
    theirs = f" Every {gap.fixed_by} has one {gap.attribute} here: the gap may be theirs." if gap.fixed_by else ""
    return (
        f"{ERRORS[gap.label].capitalize()} differ by {gap.attribute}: {gap.highest} has {gap.gap:.1f} points more than "
        f"{gap.lowest} (95 % interval {gap.gap_low:.1f} to {gap.gap_high:.1f}; adjusted p {gap.p_holm:.2g}).{theirs}"
    )


def _and(words):
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"
