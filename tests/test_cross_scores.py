"""Judges give what the runs give; damage befalls whole clips; nothing is scored twice."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio, cross_scores, training
from fakeorreal.corpora import make_corpus
from fakeorreal.cross_scores import DetectorJudge, SystemJudge
from fakeorreal.detector import load_detector
from fakeorreal.errors import FakeOrRealError
from fakeorreal.experiments import split_features
from fakeorreal.features import Handcrafted, LogMel, Waveform
from fakeorreal.named_channels import apply_channel
from fakeorreal.systems import System

SR = 16000
CUT = System("cut", LogMel(seconds=0.5), window=0.5)
PLAIN = System("plain", Waveform(SR, 0.5), "classical", window=0.5)


class Loudness:
    """An estimator whose score is the mean power of a row."""

    def decision_function(self, rows):
        return (rows.astype(float) ** 2).mean(axis=1)


@pytest.fixture
def clips(tmp_path, make_speech):
    """Six clips of 0.3 to 1.4 s."""
    rows = []
    for k in range(6):
        path = tmp_path / f"{k}.wav"
        audio.write(path, make_speech(0.3 + 0.22 * k, SR, f0=90 + 10 * k, seed=k), sr=SR)
        rows.append({"clip": path.name, "path": str(path), "split": "testing", "label": k % 2, "group": f"g{k}"})
    return make_corpus(pd.DataFrame(rows))


def judge(system, folder, model):
    return SystemJudge(system, folder, "somewhere", lambda: model)


def test_a_judge_scores_as_its_run_does(clips, tmp_path, tiny_network):
    model = tiny_network(CUT.front_end.shape, 1)
    features = split_features(CUT, clips, "testing", cap=None, folder=tmp_path / "features")
    wanted = training.score_clips(CUT, model, features)
    found = cross_scores.score([judge(CUT, tmp_path / "run", model)], clips)
    pd.testing.assert_frame_equal(found[list(wanted)], wanted, rtol=1e-5)
    assert set(found["system"]) == {"cut"} and set(found["trained_on"]) == {"somewhere"}


@pytest.mark.parametrize("condition", ["clean", "noise-0dB", "first-0.5s", "speed-1.25"])
def test_damage_befalls_the_whole_clip_before_it_is_cut(clips, tmp_path, condition):
    found = cross_scores.score([judge(PLAIN, tmp_path / "run", Loudness())], clips, (condition,))
    assert set(found["condition"]) == {condition}
    for row in clips.itertuples():
        y = audio.read(row.path, sr=SR)
        if condition != "clean":
            y = apply_channel(y, sr=SR, name=condition, key=row.clip)
        n = max(1, round(len(y) / 8000 + 1e-9))
        pieces = [audio.fit_length(y[k * 8000 : (k + 1) * 8000], 8000) for k in range(n)]
        wanted = np.mean([(piece.astype(float) ** 2).mean() for piece in pieces])
        assert found.set_index("clip").loc[row.clip, "score"] == pytest.approx(wanted, rel=1e-6)


def test_a_clip_goes_through_its_own_channel_unless_another_takes_its_place(clips, tmp_path):
    one = judge(PLAIN, tmp_path / "run", Loudness())
    clean = cross_scores.score([one], clips)["score"]
    own = cross_scores.score([one], clips.assign(channel="gain-minus-20dB"))["score"]
    np.testing.assert_allclose(own, clean / 100, rtol=0.02)
    louder = cross_scores.score([one], clips.assign(channel="gain-minus-20dB"), ("gain-minus-10dB",))["score"]
    np.testing.assert_allclose(louder, clean / 10, rtol=0.02)


def test_what_was_scored_is_read_without_model_or_damage(clips, tmp_path, monkeypatch):
    conditions = ("clean", "noise-20dB")
    first = cross_scores.score([judge(PLAIN, tmp_path / "run", Loudness())], clips, conditions)
    monkeypatch.setattr("fakeorreal.hearing._hear_block", lambda *a, **b: pytest.fail("damaged again"))
    again = SystemJudge(PLAIN, tmp_path / "run", "somewhere", lambda: pytest.fail("loaded"))
    pd.testing.assert_frame_equal(cross_scores.score([again], clips, conditions), first)


def test_only_who_has_not_scored_yet_is_asked_and_all_hear_the_same(clips, tmp_path):
    one, other = (judge(PLAIN, tmp_path / name, Loudness()) for name in ("one", "other"))
    first = cross_scores.score([one], clips, ("room-0.3s",))
    one._load = lambda: pytest.fail("loaded")
    both = cross_scores.score([SystemJudge(PLAIN, one.folder, "somewhere", one._load), other], clips, ("room-0.3s",))
    assert both["score"].tolist() == [*first["score"], *first["score"]]


@pytest.mark.parametrize("change", ["content", "label", "stretch"])
def test_other_clips_have_another_digest(clips, change):
    before = cross_scores.clips_digest(clips)
    assert cross_scores.clips_digest(clips.assign(path=clips["path"].str.replace("/0.wav", "/./0.wav"))) == before
    if change == "content":
        audio.write(clips["path"][0], np.zeros(8000, np.float32) + 0.1, sr=SR)
    elif change == "label":
        clips.loc[0, "label"] = 1
    else:
        clips.loc[0, "end"] = 0.2
    assert cross_scores.clips_digest(clips) != before


def test_an_unreadable_clip_is_left_out_and_named(clips, tmp_path, capsys):
    Path(clips["path"][2]).write_text("not audio")
    found = cross_scores.score([judge(PLAIN, tmp_path / "run", Loudness())], clips)
    assert found["clip"].tolist() == ["0.wav", "1.wav", "3.wav", "4.wav", "5.wav"]
    assert "left out 2.wav" in capsys.readouterr().err
    with pytest.raises(FakeOrRealError, match="none of 1 clips can be judged by plain"):
        cross_scores.score([judge(PLAIN, tmp_path / "run", Loudness())], clips[2:3])


def test_a_detector_judges_whole_clips_and_leaves_out_what_is_too_short(clips, tiny_detector, tmp_path, capsys):
    detector, one = load_detector(tiny_detector), DetectorJudge(tmp_path, tiny_detector)
    found = cross_scores.score([one], clips)
    assert one.folder == tmp_path / "detector" / f"tiny-0.1-{detector.hash}" and one.threshold == 0.2
    assert found["clip"].tolist() == [f"{k}.wav" for k in range(1, 6)]  # the first lasts 0.3 s
    assert "left out 0.wav" in capsys.readouterr().err
    wanted = [detector.predict(path).score for path in clips["path"][1:]]
    np.testing.assert_allclose(found["score"], wanted, rtol=1e-6)


def test_what_a_judge_costs_is_measured_once(clips, tmp_path, tiny_network, tiny_detector, monkeypatch):
    model = tiny_network(CUT.front_end.shape, 1)
    found = cross_scores.cost(judge(CUT, tmp_path / "run", model), clips)
    assert found["parameters"] == sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    assert found["speed"] > 0 and "Python" in found["machine"] and found["system"] == "cut"
    again = SystemJudge(CUT, tmp_path / "run", "somewhere", lambda: pytest.fail("loaded"))
    assert cross_scores.cost(again, clips) == found
    classical = judge(System("plain", Handcrafted(), "classical"), tmp_path / "classical", Loudness())
    assert np.isnan(cross_scores.cost(classical, clips)["parameters"])
    assert cross_scores.cost(DetectorJudge(tmp_path, tiny_detector), clips)["parameters"] > 1000
