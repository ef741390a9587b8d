"""Training the localiser: targets, the same numbers twice and after an interruption, and that every layer learns."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy.special import expit

from fakeorreal import localizer_training as module
from fakeorreal.corpora.region_labels import make_regions
from fakeorreal.errors import FakeOrRealError
from fakeorreal.localizer_training import FrameLoss, FrameTargets, fit_localizer, learning_rate, score_frames

FRAMES, WIDTH, CLIPS = 12, 5, 16
OPTIONS = {"planes": 8, "stem": False}


class Made:
    """Features of made-up clips, half of them with a region that a width of 2 features shows; some end early."""

    def __init__(self, seed, clips=CLIPS):
        rng = np.random.default_rng(seed)
        self.labels = np.arange(clips) % 2
        self.shape = (FRAMES, WIDTH)
        self.values = rng.standard_normal((clips, FRAMES, WIDTH)).astype("float32")
        frames = np.where(np.arange(clips) % 4 < 2, FRAMES, FRAMES - 3)
        self.corpus = pd.DataFrame({"clip": [f"{seed}-{k:02}" for k in range(clips)], "label": self.labels})
        self.corpus = self.corpus.assign(start=0.0, end=frames * 0.02 - 0.005)
        first = rng.integers(0, 5, clips)
        self.regions = make_regions(
            [
                {"clip": self.corpus["clip"][k], "start": first[k] * 0.02, "end": first[k] * 0.02 + 0.08}
                for k in np.flatnonzero(self.labels)
            ]
        )
        for k in np.flatnonzero(self.labels):
            self.values[k, first[k] : first[k] + 4, :2] += 3

    def __len__(self):
        return len(self.labels)

    def rows(self, indices):
        return self.values[indices]


TRAINING, VALIDATION = Made(1), Made(2)
REGIONS = pd.concat([TRAINING.regions, VALIDATION.regions])


@pytest.fixture(scope="module", autouse=True)
def small():
    """One block and one encoder, and nothing is compiled, which would take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fakeorreal.networks.localizer.BLOCKS", 1)
        patch.setattr("fakeorreal.networks.localizer.ENCODERS", 1)
        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)


def fit(folder, epochs=4, seed=0, options=OPTIONS, **settings):
    return fit_localizer(
        options, TRAINING, VALIDATION, REGIONS, epochs=epochs, seed=seed, folder=folder, batch=8, **settings
    )


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    return folder, *fit(folder)


def test_targets_are_frames_that_a_region_overlaps():
    drawn = {  # each character 20 ms
        "a.wav": ("..####....", [(0.04, 0.12)]),
        "b.wav": ("###...##..", [(0.0, 0.041), (0.139, 0.14), (0.14, 0.16)]),
        "c.wav": ("..........", []),
        "d.wav": (".....##   ", [(0.11, 0.14)]),
        "e.wav": (".#.....   ", [(0.02, 0.04)]),
    }
    ends = {"d.wav": 0.14, "e.wav": 0.1201}
    corpus = pd.DataFrame({"clip": list(drawn)[::-1], "start": 0.0})
    corpus["label"] = [int(bool(drawn[clip][1])) for clip in corpus["clip"]]
    corpus["end"] = [ends.get(clip, 3.0) for clip in corpus["clip"]]
    regions = [{"clip": clip, "start": s, "end": e} for clip, (_, stretches) in drawn.items() for s, e in stretches]
    targets = FrameTargets(corpus, make_regions([*regions, {"clip": "other", "start": 0, "end": 1}]), 10)
    for row, clip in enumerate(corpus["clip"]):
        line = "".join(np.where(targets.heard[row], np.where(targets.fake[row], "#", "."), " "))
        assert line == drawn[clip][0], clip


def test_a_clip_may_be_a_stretch_of_its_file():
    corpus = pd.DataFrame({"clip": ["a"], "label": [0], "start": [7.0], "end": [7.1]})
    assert FrameTargets(corpus, make_regions([]), 10).heard.sum() == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [({"end": np.nan}, "must state its `end`. Received: none for 1-00"), ({"label": 0}, "Received: 1-01 .8 such")],
)
def test_clips_that_do_not_fit_the_regions_are_an_error(change, message):
    with pytest.raises(FakeOrRealError, match=message):
        FrameTargets(TRAINING.corpus.assign(**change), TRAINING.regions, FRAMES)


def test_training_without_fake_frames_is_an_error(tmp_path):
    real = Made(1)
    real.corpus, real.labels = real.corpus.assign(label=0), 0 * real.labels
    with pytest.raises(FakeOrRealError, match="frames that are fake and frames that are real"):
        fit_localizer(OPTIONS, real, real, REGIONS[:0], epochs=1, seed=0, folder=tmp_path)


def test_the_loss_is_the_mean_over_frames_that_are_heard(rng):
    truth, logits, heard = rng.integers(0, 2, (3, 7)), 3 * rng.standard_normal((3, 7)), rng.integers(0, 2, (3, 7))
    p = expit(logits)
    cost = -np.log(np.where(truth == 1, p, 1 - p))
    found = float(FrameLoss()(truth.astype("float32"), logits.astype("float32"), heard.astype("float32")))
    assert found == pytest.approx(cost[heard == 1].mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (1, {0: 1}),
        (20, {0: 0.5, 1: 1, 2: 1, 11: 0.5, 19: 1 / 18}),
        (2100, {0: 0.01, 49: 0.5, 99: 1, 100: 1, 1100: 0.5, 2099: 1 / 2000}),
    ],
)
def test_the_rate_rises_and_falls_in_lines(steps, expected):
    assert {step: learning_rate(2.0, step, steps) / 2 for step in expected} == pytest.approx(expected)
    assert max(learning_rate(1.0, step, steps) for step in range(steps)) == 1


def test_two_runs_give_the_same_numbers_and_another_seed_does_not(straight, tmp_path):
    _, model, history = straight
    again, again_history = fit(tmp_path / "again")
    pd.testing.assert_frame_equal(history, again_history)
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    _, other_history = fit(tmp_path / "other", epochs=1, seed=1)
    assert abs(other_history["loss"][0] - history["loss"][0]) > 1e-4


def test_a_killed_run_goes_on_and_ends_where_a_straight_one_does(straight, tmp_path, monkeypatch):
    _, model, history = straight
    validate = module._validate

    def killed(*arguments):
        if (tmp_path / "state").exists() and len(
            json.loads((tmp_path / "state/history.json").read_text())["history"]
        ) == 2:
            raise KeyboardInterrupt
        return validate(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_validate", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path)
    resumed, resumed_history = fit(tmp_path)
    pd.testing.assert_frame_equal(history, resumed_history)
    for one, other in zip(model.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    pd.testing.assert_frame_equal(fit(tmp_path)[1], history)  # which trains no more


def test_history_is_that_of_the_network_handed_out(straight):
    _, model, history = straight
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    best = history.loc[history["val_loss"].idxmin()]
    frames, clips = score_frames(model, VALIDATION)
    truth = FrameTargets(VALIDATION.corpus, REGIONS, FRAMES)
    costs = [
        np.mean(np.logaddexp(0, np.where(labels, -logits, logits)))
        for labels, logits in (
            (truth.fake[truth.heard], np.concatenate(list(frames.values()))),
            (VALIDATION.labels, clips.to_numpy()),
        )
    ]
    assert [best["val_frame_loss"], best["val_clip_loss"]] == pytest.approx(costs, rel=1e-4)
    assert best["val_loss"] == pytest.approx(0.9 * costs[0] + 0.1 * costs[1], rel=1e-4)


def test_the_file_holds_what_was_handed_out_and_is_loaded_by_keras_alone(straight):
    folder, model, _ = straight
    loaded = keras.models.load_model(folder / "best.keras", safe_mode=True)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "fakeorreal" not in json.dumps(loaded.get_config())


def test_it_learns_and_every_weight_moves(tmp_path, monkeypatch):
    """Without weight decay, so that nothing but a gradient moves a weight."""
    monkeypatch.setattr(module, "WEIGHT_DECAY", 0.0)
    keras.utils.set_random_seed(0)
    before = module._new_model(OPTIONS, TRAINING)
    model, history = fit(tmp_path, epochs=10, rate=5e-3)
    pairs = zip(before.trainable_variables, model.trainable_variables, strict=True)
    moved = {
        new.path: np.abs(new - old).max() for old, new in pairs if new.name != "beta" and "key/bias" not in new.path
    }
    assert {"frame_logit/kernel", "frame_logit/bias", "clip_logit/kernel", "clip_logit/bias"} <= set(moved)
    assert not [path for path, change in moved.items() if change < 1e-4]
    assert history["loss"].iloc[-1] < 0.15 < 0.5 < history["loss"].iloc[0]
    assert history["val_frame_auc"].max() > 0.95


def test_frames_behind_the_end_of_a_clip_teach_nothing(straight, tmp_path):
    """Whatever is called fake there."""
    _, _, history = straight
    late = {"start": (FRAMES - 2) * 0.02, "end": FRAMES * 0.02}
    short = TRAINING.corpus["clip"][(TRAINING.labels == 1) & (TRAINING.corpus["end"] < 0.2)]
    longer = make_regions([*REGIONS.to_dict("records"), *({"clip": clip, **late} for clip in short)])
    assert len(longer) == len(REGIONS) + len(short) > len(REGIONS)
    _, found = fit_localizer(OPTIONS, TRAINING, VALIDATION, longer, epochs=4, seed=0, folder=tmp_path, batch=8)
    pd.testing.assert_frame_equal(history, found)


def test_scores_end_with_their_clip_and_do_not_depend_on_the_batch(straight):
    _, model, _ = straight
    many = Made(3, clips=18)  # more than are scored at once
    frames, clips = score_frames(model, many)
    assert list(frames) == list(clips.index) == list(many.corpus["clip"])
    assert [len(logits) for logits in frames.values()] == [12, 12, 9, 9] * 4 + [12, 12]
    assert {logits.dtype for logits in frames.values()} == {np.dtype("float32")}
    expected, expected_clips = (output.numpy() for output in model(many.values[5:6], training=False))
    np.testing.assert_allclose(frames["3-05"], expected[0], atol=1e-5)
    np.testing.assert_allclose(clips["3-05"], expected_clips[0, 0], atol=1e-5)
