"""From the scores of ``LocalisationStudy`` to its tables: every rate in per cent, AUC in [0, 1].

Frames are called by a threshold, a median filter and shortest regions and gaps that are chosen on validation alone, of
the localiser and of the baselines alike. Rates are means over seeds, intervals over groups.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from fakeorreal import metrics, segments, tables
from fakeorreal.calling import RESOLUTION, Calling, choose_calling, found_regions

LOCALIZER, SHIPPED = "localizer", "shipped localiser"
EVERYTHING, ENERGY = "everything fake", "energy threshold"

HIT = 0.5
"""Share of a region from which on it counts as found."""

LENGTHS = {"below 0.5 s": 0.0, "0.5 to 1 s": 0.5, "1 to 2 s": 1.0, "2 s and longer": 2.0}
EDGES = ("smooth", "middle", "sharp")


class Called(NamedTuple):
    """What one system calls fake.

    Attributes:
        system: ``LOCALIZER``, ``SHIPPED``, ``EVERYTHING`` or ``ENERGY``.
        seed: of the training; None where there is none.
        calling: the ``Calling``; None for everything.
        found: regions of validation and testing.
        frames: dict from clip to scores of its frames; None for everything.
    """

    system: str
    seed: int | None
    calling: Calling | None
    found: pd.DataFrame
    frames: dict | None


def corpus_table(corpus, regions):
    """How many clips, sources and speakers a set has, and how many regions of what length.

    Args:
        corpus, regions: of ``LocalisationStudy``.

    Returns:
        DataFrame: set, clips, sources, speakers, regions, shortest, median, longest (seconds of a region).
    """
    kind = corpus["test_set"].mask(corpus["test_set"] == "", corpus["split"]).rename("set")
    lengths = (regions["end"] - regions["start"]).groupby(regions["clip"].map(kind.set_axis(corpus["clip"])))
    counts = corpus.groupby(kind, sort=False).agg(
        clips=("clip", "size"), sources=("group", "nunique"), speakers=("speaker", "nunique")
    )
    return counts.join(lengths.agg(regions="size", shortest="min", median="median", longest="max")).reset_index()


def call(runs, shipped, truth, levels):
    """What the localisers call fake in validation and testing, and what two baselines do.

    Args:
        runs: from ``LocalisationStudy.run``.
        shipped: from ``LocalisationStudy.shipped``; it calls as it was frozen to.
        truth: regions that are fake.
        levels: from ``LocalisationStudy.levels``; whether loud or soft frames are called is chosen on validation, too.

    Returns:
        list of ``Called``, the localiser's first.
    """
    clips = runs[0].clips.set_index("clip")
    seconds = clips["seconds"]
    validation = seconds[clips["split"] == "validation"]
    run, calling = shipped

    def called(system, seed, *candidates):
        chosen = [(choose_calling(frames, truth, validation), frames) for frames in candidates]
        best, frames = max(chosen, key=lambda pair: pair[0].f1)
        return Called(system, seed, best, found_regions(frames, seconds, best), frames)

    return [
        *(called(LOCALIZER, run.seed, run.frames) for run in runs),
        Called(SHIPPED, None, calling, found_regions(run.frames, seconds, calling), run.frames),
        Called(EVERYTHING, None, None, segments.everything(seconds), None),
        called(ENERGY, None, levels, {clip: -level for clip, level in levels.items()}),
    ]


def calling_table(called):
    """What was chosen on validation: system, seed, threshold, median_filter (frames), shortest_region and shortest_gap
    (seconds), f1, f1_event."""
    rows = [{"system": one.system, "seed": one.seed, **one.calling._asdict()} for one in called if one.calling]
    names = {"median": "median_filter", "least": "shortest_region", "gap": "shortest_gap"}
    return pd.DataFrame(rows).rename(columns=names)


def detection_table(runs, shipped):
    """Is a clip edited anywhere? By test set, from the clip head and from the highest frame.

    Args:
        runs: from ``LocalisationStudy.run``.
        shipped: from ``LocalisationStudy.shipped``; of its clips the highest frame alone is known.

    Returns:
        DataFrame: test_set, rule, accuracy (at the threshold of validation), eer with its interval, auc, n_clips,
        n_groups, seeds.
    """
    judged = [("clip head", run.seed, run.clips, run.clips["score"]) for run in runs]
    judged += [("highest frame", run.seed, run.clips, _highest(run)) for run in runs]
    judged.append((f"{SHIPPED}, highest frame", "", shipped[0].clips, shipped[0].clips["score"]))
    parts = []
    for rule, seed, clips, scores in judged:
        clips = clips.assign(score=scores, system=rule, seed=seed, epochs=np.nan, n_training=0)
        for test_set in _test_sets(clips):
            kept = (clips["split"] == "validation") | (clips["test_set"] == test_set)
            parts.append(clips[kept].assign(dataset=test_set))
    table = tables.benchmark_table(pd.concat(parts)).rename(columns={"dataset": "test_set", "system": "rule"})
    columns = ["test_set", "rule", "accuracy", "eer", "eer_low", "eer_high", "auc", "n_clips", "n_groups", "seeds"]
    return table[columns].sort_values("test_set", kind="stable", ignore_index=True)


def localisation_table(runs, truth, called):
    """Where is it edited? By test set, beside the baselines; all clips of a set count, the real ones, too.

    Args:
        runs: from ``LocalisationStudy.run``.
        truth: regions that are fake.
        called: from `call`.

    Returns:
        DataFrame: test_set, system, f1_1s and f1_20ms (of segments) and f1_event (whole regions, collar 250 ms), the
        first two with their intervals; iou (of seconds), point_eer, range_eer, called_real (of the seconds of real
        clips), gain: of a localiser, f1_1s against the better of the two baselines, in points, with the interval of
        the paired difference; share (of segments of 1 s that are fake), n_clips, n_groups.
    """
    clips, rows = runs[0].clips, []
    systems = list(dict.fromkeys(one.system for one in called))
    for test_set in _test_sets(clips):
        of_set = clips[clips["test_set"] == test_set]
        seconds = of_set.set_index("clip")["seconds"]
        true = truth[truth["clip"].isin(seconds.index)]
        counts = {system: [_counts(one, true, seconds) for one in called if one.system == system] for system in systems}
        values = {system: _mean(segments.f1, [c["second"] for c in counts[system]])(None) for system in systems}
        rival = max((EVERYTHING, ENERGY), key=values.get)
        for system in systems:
            row = {"test_set": test_set, "system": system}
            for name, kind in (("f1_1s", "second"), ("f1_20ms", "frame")):
                rate = _mean(segments.f1, [c[kind] for c in counts[system]])
                row |= {name: rate(None), **_interval(name, rate, of_set)}
            row["f1_event"] = _mean(segments.f1, [c["event"] for c in counts[system]])(None)
            row["iou"] = _mean(segments.iou, [c["duration"] for c in counts[system]])(None)
            of_system = [one for one in called if one.system == system]
            row |= _error_rates(of_system, true, seconds)
            row["called_real"] = np.mean([_called_real(c["duration"], of_set) for c in counts[system]])
            if system in (LOCALIZER, SHIPPED):
                gain = _difference(*([c["second"] for c in counts[name]] for name in (system, rival)))
                row |= {"gain": gain(None), **_interval("gain", gain, of_set)}
            true_seconds = counts[system][0]["second"]
            row["share"] = (true_seconds["tp"] + true_seconds["fn"]).sum() / true_seconds.iloc[:, 1:].to_numpy().sum()
            rows.append({name: 100 * v if isinstance(v, float) else v for name, v in row.items()}
                        | {"n_clips": len(of_set), "n_groups": of_set["group"].nunique()})  # fmt: skip
    return pd.DataFrame(rows)


def region_table(edges, called):
    """Which regions of testing each localiser finds, by method, length and sharpness of the edges.

    Args:
        edges: from ``LocalisationStudy.edges``.
        called: from `call`.

    Returns:
        DataFrame: system, by, value, found (share of the seconds), hit (share of the regions of which ``HIT`` or more
        is found) with its Wilson interval, which takes regions as independent, n_regions, seconds.
    """
    lasts = edges["end"] - edges["start"]
    table = edges.assign(
        lasts=lasts,
        length=pd.cut(lasts, [*LENGTHS.values(), np.inf], right=False, labels=list(LENGTHS)),
        edges=pd.qcut(edges["sharpness"].rank(method="first"), len(EDGES), labels=list(EDGES)),
    )
    rows = []
    for system in (LOCALIZER, SHIPPED):
        shares = np.array([_shares_found(edges, one.found) for one in called if one.system == system])
        counted = table.assign(found=(shares * lasts.to_numpy()).mean(axis=0), hit=(shares >= HIT).mean(axis=0))
        for by in ("test_set", "method", "length", "edges"):
            for value, group in counted.groupby(by, observed=True):
                low, high = metrics.wilson(group["hit"].sum(), len(group))
                rates = {"found": group["found"].sum() / group["lasts"].sum(), "hit": group["hit"].mean()}
                rates |= {"hit_low": float(low), "hit_high": float(high)}
                row = {"system": system, "by": by, "value": value}
                row |= {name: 100 * rate for name, rate in rates.items()}
                rows.append(row | {"n_regions": len(group), "seconds": group["lasts"].sum()})
    return pd.DataFrame(rows)


def choose_examples(run, truth, found):
    """The fake of median IoU of each test set, and the one of all with most seconds missed or called wrongly.

    Args:
        run: a ``Run``.
        truth: regions that are fake.
        found: regions that it calls fake.

    Returns:
        dict from what it is an example of to the clip.
    """
    fakes = run.clips[(run.clips["split"] == "testing") & (run.clips["label"] == 1)]
    seconds = fakes.set_index("clip")["seconds"]
    kept = [regions[regions["clip"].isin(seconds.index)] for regions in (truth, found)]
    table = segments.duration_table(*kept, seconds)
    table["iou"] = table["tp"] / (table["tp"] + table["fp"] + table["fn"])
    table["wrong"] = table["fp"] + table["fn"]
    chosen, method = {}, fakes.set_index("clip")["generator"]
    for test_set, rows in table.groupby(fakes["test_set"].to_numpy()):
        clip = rows.sort_values(["iou", "clip"])["clip"].iloc[len(rows) // 2]
        chosen[f"{test_set}, median IoU: {method[clip]}"] = clip
    worst = table.loc[table["wrong"].idxmax(), "clip"]
    return chosen | {f"most seconds wrong: {method[worst]}": worst}


def planted_table(truth, location):
    """What was found of edits planted in a recording.

    Args:
        truth: (start, end, method) of the edits.
        location: the ``locator.Location`` of the recording.

    Returns:
        DataFrame: method, start, end, found_start, found_end (of the found region that shares most with it; NaN for
        none), distance (seconds by which the worse edge is off), confidence in per cent.
    """
    rows = []
    for start, end, method in truth:
        row = dict.fromkeys(("found_start", "found_end", "distance", "confidence"), np.nan)
        shared = [_shared(start, end, region[:2]) for region in location.regions]
        if max(shared, default=0) > 0:
            first, last, confidence = location.regions[int(np.argmax(shared))]
            row = {"found_start": first, "found_end": last}
            row |= {"distance": max(abs(first - start), abs(last - end)), "confidence": 100 * confidence}
        rows.append({"method": method, "start": start, "end": end, **row})
    return pd.DataFrame(rows)


def elsewhere(truth, location):
    """In a sentence: regions that touch no planted edit, how many and how long, by the minute."""
    false = [region for region in location.regions if not any(_shared(*edit[:2], region[:2]) > 0 for edit in truth)]
    minutes = location.seconds / 60
    seconds = sum(end - start for start, end, _ in false)
    return (
        f"{len(false)} other regions in {minutes:.1f} minutes, {len(false) / minutes:.2f} a minute, "
        f"{seconds:.1f} s together."
    )


def _highest(run):
    return run.clips["clip"].map(segments.clip_scores(run.frames))


def _test_sets(clips):
    return sorted(clips.loc[clips["split"] == "testing", "test_set"].unique())


def _counts(one, true, seconds):
    found = one.found[one.found["clip"].isin(seconds.index)]
    return {
        "second": segments.segment_table(true, found, seconds, resolution=RESOLUTION),
        "frame": segments.segment_table(true, found, seconds, resolution=0.02),
        "event": segments.event_table(true, found, seconds),
        "duration": segments.duration_table(true, found, seconds),
    }


def _mean(rate, per_seed):
    """Function of weights: the mean over seeds of a rate of tables of counts."""
    return lambda weights: np.mean([rate(table, weights) for table in per_seed], axis=0)


def _difference(ours, theirs):
    one, other = _mean(segments.f1, ours), _mean(segments.f1, theirs)
    return lambda weights: one(weights) - other(weights)


def _interval(name, rate, clips):
    interval = metrics.bootstrap(lambda labels, scores, weights: rate(weights), clips["label"], None, clips["group"])
    return {f"{name}_low": interval.low, f"{name}_high": interval.high}


def _error_rates(of_system, true, seconds):
    rates = {"point_eer": np.nan, "range_eer": np.nan}
    frames = [{clip: one.frames[clip] for clip in seconds.index} for one in of_system if one.frames]
    if frames:
        rates["point_eer"] = float(np.mean([segments.point_eer(true, scores) for scores in frames]))
        rates["range_eer"] = float(np.mean([segments.range_eer(true, scores) for scores in frames]))
    return rates


def _called_real(durations, clips):
    real = durations[durations["clip"].isin(clips.loc[clips["label"] == 0, "clip"])]
    return real["fp"].sum() / (real["fp"] + real["tn"]).sum()


def _shares_found(edges, found):
    spans = {clip: rows[["start", "end"]].to_numpy() for clip, rows in found.groupby("clip")}
    return [
        sum(_shared(row.start, row.end, span) for span in spans.get(row.clip, ())) / (row.end - row.start)
        for row in edges.itertuples()
    ]


def _shared(start, end, span):
    """Seconds that two stretches have in common."""
    return max(0.0, min(end, span[1]) - max(start, span[0]))
