"""Tables of localisation by hand, against scikit-learn and the counts of segments, on made-up scores."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from fakeorreal import calling, localisation_report, metrics, segments
from fakeorreal.calling import Calling
from fakeorreal.corpora.region_labels import make_regions
from fakeorreal.frame_regions import frames_in, overlapped
from fakeorreal.localisation_report import ENERGY, EVERYTHING, LOCALIZER, SHIPPED
from fakeorreal.localisation_study import Run
from fakeorreal.locator import Location

SECONDS = 4.0
SETS = ("easy", "zeroshot")
EDITS = [(10.0, 12.0, "splice"), (60.0, 62.0, "coding"), (98.5, 104.0, "reversal")]


def made(seed, gain, pairs=8):
    """Clips of validation and two test sets, half of them with a region; fake frames stand out by ``gain``."""
    rng, rows, regions = np.random.default_rng(0), [], []
    for test_set in ("", *SETS):
        for k in range(pairs):
            for label in (0, 1):
                clip = f"{test_set}{k}-{label}"
                rows.append({"clip": clip, "label": label, "test_set": test_set, "group": f"{test_set}{k}"})
                if label:
                    start, length = rng.uniform(0, 2), rng.uniform(0.3, 2)
                    method = ("splice", "reversal")[k % 2]
                    regions.append({"clip": clip, "start": start, "end": start + length, "method": method})
    clips = pd.DataFrame(rows).assign(seconds=SECONDS, n_training=8, speaker="ann", language="en")
    clips["split"] = np.where(clips["test_set"] == "", "validation", "testing")
    regions = make_regions(regions)
    clips["generator"] = clips["clip"].map(regions.set_index("clip")["method"]).fillna("human")
    noise, frames = np.random.default_rng(seed), {}
    for clip in clips["clip"]:
        spans = regions.loc[regions["clip"] == clip, ["start", "end"]].to_numpy()
        fake = overlapped(spans, frames_in(SECONDS))
        frames[clip] = (gain * (2 * fake - 1) + noise.normal(size=len(fake))).astype("float32")
    clips["score"] = clips["label"] * gain + noise.normal(size=len(clips))
    return Run(seed, clips, frames), regions


@pytest.fixture(scope="module", autouse=True)
def small():
    """A grid that takes no time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calling, "THRESHOLDS", 6)
        patch.setattr(calling, "MEDIANS", (1, 25))
        patch.setattr(calling, "LEAST", (0.0,))
        patch.setattr(calling, "GAPS", (0.0, 0.25))
        yield


@pytest.fixture(scope="module")
def runs():
    return [made(seed, 1.0)[0] for seed in (1, 2)]


@pytest.fixture(scope="module")
def truth():
    return made(1, 1.0)[1]


@pytest.fixture(scope="module")
def shipped():
    """A third localiser, which calls as it was frozen to."""
    return made(3, 1.5)[0]._replace(seed=None), Calling(0.5, 25, 0.0, 0.25, np.nan, np.nan)


@pytest.fixture(scope="module")
def called(runs, shipped, truth):
    """Two trainings, the shipped localiser and the baselines; the level of a frame says nothing."""
    rng = np.random.default_rng(9)
    levels = {clip: rng.normal(size=len(frames)) for clip, frames in runs[0].frames.items()}
    return localisation_report.call(runs, shipped, truth, levels)


def seconds_of(run, **wanted):
    rows = run.clips
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return rows.set_index("clip")["seconds"]


def one_of(table, **wanted):
    (row,) = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)].itertuples()
    return row


def test_the_corpus_is_counted_by_set(runs, truth):
    table = localisation_report.corpus_table(runs[0].clips, truth).set_index("set")
    assert list(table.index) == ["validation", *SETS]
    assert (table[["clips", "sources", "speakers", "regions"]] == [16, 8, 1, 8]).all(axis=None)
    lengths = (truth["end"] - truth["start"])[truth["clip"].str.startswith("easy")]
    found = table.loc["easy", ["shortest", "median", "longest"]].tolist()
    assert found == pytest.approx([lengths.min(), lengths.median(), lengths.max()])


# How frames are called


def test_thresholds_know_nothing_of_testing(runs, shipped, truth):
    changed = runs[0]._replace(
        frames={clip: frames + 50 * clip.startswith(SETS) for clip, frames in runs[0].frames.items()}
    )
    levels = runs[0].frames
    both = [localisation_report.call([run], shipped, truth, levels)[0].calling for run in (runs[0], changed)]
    assert both[0] == both[1]


def test_soft_frames_are_called_where_that_is_better(runs, shipped, truth):
    soft = {clip: -frames for clip, frames in runs[0].frames.items()}
    localizer, _, _, energy = localisation_report.call(runs[:1], shipped, truth, soft)
    assert energy.calling == localizer.calling
    pd.testing.assert_frame_equal(energy.found, localizer.found)


def test_the_shipped_localiser_calls_as_it_was_frozen_to(shipped, called, runs):
    (one,) = [one for one in called if one.system == SHIPPED]
    seconds = runs[0].clips.set_index("clip")["seconds"]
    wanted = segments.found_regions(shipped[0].frames, seconds, 0.5, median=25, least=0.0, gap=0.25)
    pd.testing.assert_frame_equal(one.found, wanted)


def test_callings_are_listed(called):
    table = localisation_report.calling_table(called)
    assert table["system"].tolist() == [LOCALIZER, LOCALIZER, SHIPPED, ENERGY]
    assert table["threshold"].tolist() == [one.calling.threshold for one in called if one.calling]


# Is a clip edited?


@pytest.mark.parametrize("test_set", SETS)
def test_detection_is_that_of_scikit_learn(runs, shipped, test_set):
    table = localisation_report.detection_table(runs, shipped)
    for rule in ("clip head", "highest frame", f"{SHIPPED}, highest frame"):
        wanted = []
        for run in runs if SHIPPED not in rule else shipped[:1]:
            clips = run.clips.assign(
                used=[run.frames[c].max() for c in run.clips["clip"]] if rule == "highest frame" else run.clips["score"]
            )
            testing, validation = clips[clips["test_set"] == test_set], clips[clips["split"] == "validation"]
            threshold = metrics.eer_threshold(validation["label"], validation["used"])
            accuracy = ((testing["used"] >= threshold) == testing["label"]).mean()
            wanted.append((roc_auc_score(testing["label"], testing["used"]), 100 * accuracy))
        row = one_of(table, test_set=test_set, rule=rule)
        assert (row.auc, row.accuracy) == pytest.approx(tuple(np.mean(wanted, axis=0)))
        assert row.n_clips == 16 and row.n_groups == 8 and row.eer_low <= row.eer_high


# Where?


def frame_labels(regions, seconds, resolution):
    spans = {clip: rows[["start", "end"]].to_numpy() for clip, rows in regions.groupby("clip")}
    return np.concatenate(
        [
            overlapped(spans.get(clip, np.empty((0, 2))), frames_in(length, resolution), resolution)
            for clip, length in seconds.items()
        ]
    )


@pytest.mark.parametrize("test_set", SETS)
def test_f1_is_that_of_scikit_learn(runs, truth, called, test_set):
    table = localisation_report.localisation_table(runs, truth, called)
    seconds = seconds_of(runs[0], test_set=test_set)
    for column, resolution in (("f1_1s", 1.0), ("f1_20ms", 0.02)):
        true = frame_labels(truth, seconds, resolution)
        for system in (LOCALIZER, SHIPPED, EVERYTHING, ENERGY):
            wanted = [
                f1_score(true, frame_labels(one.found, seconds, resolution)) for one in called if one.system == system
            ]
            row = one_of(table, test_set=test_set, system=system)
            assert getattr(row, column) == pytest.approx(100 * np.mean(wanted))
    share = frame_labels(truth, seconds, 1.0).mean()
    row = one_of(table, test_set=test_set, system=EVERYTHING)
    assert row.share == pytest.approx(100 * share)
    assert row.f1_1s == pytest.approx(100 * 2 * share / (1 + share))


def test_the_gain_is_the_paired_difference_to_the_better_baseline(runs, truth, called):
    table = localisation_report.localisation_table(runs, truth, called)
    for test_set in SETS:
        rows = table[table["test_set"] == test_set].set_index("system")
        rival = rows.loc[[EVERYTHING, ENERGY], "f1_1s"].max()
        for system in (LOCALIZER, SHIPPED):
            assert rows.loc[system, "gain"] == pytest.approx(rows.loc[system, "f1_1s"] - rival)
            assert rows.loc[system, "gain_low"] < rows.loc[system, "gain"] < rows.loc[system, "gain_high"]
        assert rows["gain"].notna().sum() == 2


def test_other_rates_are_those_of_segments(runs, truth, called):
    table = localisation_report.localisation_table(runs, truth, called)
    seconds = seconds_of(runs[0], test_set="easy")
    true = truth[truth["clip"].isin(seconds.index)]
    found = [one.found[one.found["clip"].isin(seconds.index)] for one in called[:2]]
    row = one_of(table, test_set="easy", system=LOCALIZER)
    events = [segments.f1(segments.event_table(true, regions, seconds)) for regions in found]
    overlap = [segments.iou(segments.duration_table(true, regions, seconds)) for regions in found]
    points = [segments.point_eer(true, {clip: run.frames[clip] for clip in seconds.index}) for run in runs]
    ranges = [segments.range_eer(true, {clip: run.frames[clip] for clip in seconds.index}) for run in runs]
    wanted = [100 * np.mean(rates) for rates in (events, overlap, points, ranges)]
    assert [row.f1_event, row.iou, row.point_eer, row.range_eer] == pytest.approx(wanted)
    real = seconds_of(runs[0], test_set="easy", label=0)
    lost = [(regions["end"] - regions["start"])[regions["clip"].isin(real.index)].sum() for regions in found]
    assert row.called_real == pytest.approx(100 * np.mean(lost) / real.sum())
    everything = one_of(table, test_set="easy", system=EVERYTHING)
    assert everything.called_real == 100 and np.isnan(everything.point_eer)


def test_the_table_shows_who_knows_where(runs, truth, called):
    table = localisation_report.localisation_table(runs, truth, called)
    localizer = table[table["system"] == LOCALIZER]
    assert (localizer["gain_low"] > 10).all() and (localizer["point_eer"] < 25).all()


# By what


def test_regions_by_hand():
    edges = pd.DataFrame(
        {
            "clip": ["a", "a", "b", "c"],
            "start": [0.0, 2.0, 1.0, 0.0],
            "end": [0.4, 3.0, 4.0, 1.5],
            "method": ["splice", "splice", "reversal", "splice"],
            "test_set": ["easy", "easy", "hard", "hard"],
            "sharpness": [3.0, 1.0, 2.0, 4.0],
        }
    )
    found = make_regions({"clip": ["a", "b", "b", "c"], "start": [0.3, 0, 3.5, 0.5], "end": [2.5, 1.5, 9.0, 2.0]})
    nothing = make_regions({"clip": [], "start": [], "end": []})
    called = [
        localisation_report.Called(LOCALIZER, 0, None, found, None),
        localisation_report.Called(SHIPPED, None, None, nothing, None),
    ]
    table = localisation_report.region_table(edges, called)
    assert (table[table["system"] == SHIPPED][["found", "hit"]] == 0).all(axis=None)
    table = table[table["system"] == LOCALIZER]
    seconds = {"0": 0.1, "1": 0.5, "2": 1.0, "3": 1.0}
    assert one_of(table, by="test_set", value="easy").found == pytest.approx(100 * 0.6 / 1.4)
    splice = one_of(table, by="method", value="splice")
    assert (splice.hit, splice.n_regions) == (pytest.approx(200 / 3), 3) and splice.seconds == pytest.approx(2.9)
    assert splice.found == pytest.approx(100 * (seconds["0"] + seconds["1"] + seconds["3"]) / 2.9)
    assert (splice.hit_low, splice.hit_high) == pytest.approx(tuple(100 * np.array(metrics.wilson(2, 3))))
    lengths = table[table["by"] == "length"].set_index("value")["hit"]
    assert lengths.to_dict() == {"below 0.5 s": 0, "1 to 2 s": 100, "2 s and longer": 0}
    assert table[table["by"] == "edges"]["n_regions"].tolist() == [2, 1, 1]
    assert one_of(table, by="edges", value="sharp").hit == 100


# Examples and long recordings


def test_examples_are_of_median_iou_and_the_worst(runs, truth, called):
    chosen = localisation_report.choose_examples(runs[0], truth, called[0].found)
    table = {}
    for clip in runs[0].clips.query("split == 'testing' and label == 1")["clip"]:
        seconds = pd.Series({clip: SECONDS})
        parts = [regions[regions["clip"] == clip] for regions in (truth, called[0].found)]
        counts = segments.duration_table(*parts, seconds)
        table[clip] = segments.iou(counts), (counts["fp"] + counts["fn"]).item()
    for title, clip in list(chosen.items())[:2]:
        of_set = [iou for name, (iou, _) in table.items() if name.startswith(title.split(",")[0])]
        assert table[clip][0] == pytest.approx(sorted(of_set)[4])
    assert list(chosen.values())[2] == max(table, key=lambda name: table[name][1])
    assert all(title.endswith(("splice", "reversal")) for title in chosen)


@pytest.fixture
def location():
    regions = ((10.2, 12.1, 0.9), (40.0, 40.5, 0.6), (99.0, 100.0, 0.7), (101.0, 105.0, 0.8))
    return Location(None, 120.0, regions, np.zeros(6000, "float32"), 0.0, "x", 16000, 1, "tones", "1", "0" * 12)


def test_planted_edits_are_paired_with_the_region_that_shares_most(location):
    table = localisation_report.planted_table(EDITS, location)
    assert table["method"].tolist() == ["splice", "coding", "reversal"]
    assert table["distance"].tolist() == [pytest.approx(0.2), pytest.approx(np.nan, nan_ok=True), pytest.approx(2.5)]
    assert table["found_start"].dropna().tolist() == [10.2, 101.0]
    assert table["confidence"].dropna().tolist() == pytest.approx([90, 80])


def test_nothing_found_has_the_same_columns(location):
    first, second = (localisation_report.planted_table([edit], location) for edit in EDITS[:2])
    assert list(first) == list(second) and second["distance"].isna().all()


def test_regions_elsewhere_are_counted_by_the_minute(location):
    text = localisation_report.elsewhere([EDITS[0], EDITS[2]], location)
    assert text.startswith("1 other regions in 2.0 minutes, 0.50 a minute, 0.5 s")
