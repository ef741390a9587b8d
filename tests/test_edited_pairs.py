"""A pair: what its files hold, that only the regions differ, and that a second call changes nothing."""

import json

import numpy as np
import pytest
import soundfile as sf
from signals import SR, decibel, power, sine

from fakeorreal import channels
from fakeorreal.corpora import edited_pairs, load_fakesound
from fakeorreal.corpora.edited_pairs import FADE, SEEN, SETS, UNSEEN, final_chain, make_pair, write_sets
from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.region_edits import EDITS


@pytest.fixture(scope="module")
def speech(make_speech):
    return make_speech(4, SR)


@pytest.fixture(scope="module")
def donor(make_speech):
    return make_speech(3, SR, f0=200, seed=3)


def pair(root, y, key="a", subset="train", turn=0, **options):
    return make_pair(y, key=key, subset=subset, source="s", turn=turn, root=root, **options)


def clips(root, rows):
    return [sf.read(root / row["filepath"], dtype="float32")[0] for row in rows]


def samples(row):
    return [(round(start * SR), round(end * SR)) for start, end in row["onset_offset"]]


def test_no_method_is_both_seen_and_unseen():
    assert {UNSEEN, *SEEN} == set(EDITS) and UNSEEN not in SEEN
    assert [name for name, rule in SETS.items() if UNSEEN in rule.methods] == ["zeroshot"]
    assert SETS["zeroshot"].methods == (UNSEEN,)


def test_rows(tmp_path, speech, donor):
    real, fake = pair(tmp_path, speech, "k", donor=donor, notes={"speaker": "ann"})
    assert real == {
        "audio_id": "k-real",
        "label": 0,
        "onset_offset": [],
        "filepath": "audio/k-real.wav",
        "source": "s",
        "split": "train",
        "speaker": "ann",
    }
    assert fake["audio_id"] == "k-fake" and fake["label"] == 1 and fake["method"] == SEEN[0]
    assert all(1 <= end - start <= 4 for start, end in fake["onset_offset"])
    for row in (real, fake):
        info = sf.info(tmp_path / row["filepath"])
        assert (info.samplerate, info.channels, info.subtype, info.frames) == (SR, 1, "PCM_16", len(speech))


@pytest.mark.parametrize("channel", [None, channels.g722])
@pytest.mark.parametrize("turn", range(len(SEEN)))
def test_only_the_regions_differ(tmp_path, speech, donor, turn, channel):
    rows = pair(tmp_path, speech, turn=turn, donor=donor, channel=channel)
    assert rows[1]["method"] == SEEN[turn]
    real, fake = clips(tmp_path, rows)
    inside, reach = np.zeros(len(real), bool), round(FADE * SR)
    for start, end in samples(rows[1]):
        inside[start - reach : end + reach] = True
        assert np.sqrt(power(fake[start:end] - real[start:end]) / power(real[start:end])) > 0.12
        assert decibel(power(fake[start:end]) / power(real[start:end])) == pytest.approx(0, abs=1)
    first = np.flatnonzero(inside)[0]
    assert np.array_equal(real[: first - 64], fake[: first - 64])  # up to the delay of the codec
    assert power((real - fake)[~inside]) < 10**-2.5 * power(real[~inside])  # what the codec spreads
    assert decibel(power(fake[~inside]) / power(real[~inside])) == pytest.approx(0, abs=0.1)


def test_new_samples_pass_the_channel_of_the_source(tmp_path, speech):
    rows = [pair(tmp_path / str(k), speech, channel=channel) for k, channel in enumerate((None, np.negative))]
    (real, plain), (real_too, turned) = (clips(tmp_path / str(k), r) for k, r in enumerate(rows))
    assert np.array_equal(real, real_too)
    for start, end in samples(rows[0][1]):
        inner = slice(start + 400, end - 400)
        assert np.corrcoef(plain[inner], turned[inner])[0, 1] < -0.95


def test_the_real_clip_is_the_source_at_the_common_level(tmp_path, speech):
    real = clips(tmp_path, pair(tmp_path, speech))[0]
    assert decibel(power(real)) == pytest.approx(channels.SPEECH_LEVEL, abs=0.2)
    assert np.corrcoef(real, speech)[0, 1] > 0.995


def test_the_noise_of_the_chain_is_faint_and_of_the_key():
    silent = np.zeros(SR, np.float32)
    assert decibel(power(final_chain(silent, "a"))) == pytest.approx(-71, abs=0.5)
    assert np.array_equal(final_chain(silent, "a"), final_chain(silent, "a"))
    assert not np.array_equal(final_chain(silent, "a"), final_chain(silent, "b"))


def test_no_donor_no_splice(tmp_path, speech):
    methods = [pair(tmp_path, speech, f"k{turn}", turn=turn)[1]["method"] for turn in range(len(SEEN) - 1)]
    assert methods == [method for method in SEEN if method != "splice"]


def test_a_second_call_makes_nothing(tmp_path, speech, monkeypatch):
    rows = pair(tmp_path, speech)
    monkeypatch.setattr(edited_pairs, "edit_region", None)
    assert pair(tmp_path, speech) == rows
    (tmp_path / "parts" / "a.json").unlink()  # killed before it was done
    monkeypatch.undo()
    before = {path.name: path.read_bytes() for path in (tmp_path / "audio").iterdir()}
    assert pair(tmp_path, speech) == rows
    assert {path.name: path.read_bytes() for path in (tmp_path / "audio").iterdir()} == before


def test_other_keys_other_regions(tmp_path, speech):
    regions = [pair(tmp_path, speech, key)[1]["onset_offset"] for key in "abc"]
    assert len({json.dumps(stretches) for stretches in regions}) == 3


def test_silence_makes_no_pair(tmp_path):
    with pytest.raises(FakeOrRealError, match="must hold 1 s of sound"):
        pair(tmp_path, sine(500, seconds=4) * 0)
    assert not (tmp_path / "audio").exists()


def test_it_loads_as_fakesound(tmp_path, speech):
    rows = []
    for subset in SETS:
        rows += make_pair(speech, key=f"{subset}-1", subset=subset, source=subset, turn=3, root=tmp_path)
    write_sets(tmp_path, rows[::-1])
    corpus, regions = load_fakesound(tmp_path)
    assert corpus.groupby(["split", "label"]).size().to_dict() == {
        (split, label): n for split, n in (("training", 1), ("validation", 1), ("testing", 3)) for label in (0, 1)
    }
    stated = {row["filepath"]: row["onset_offset"] for row in rows if row["label"]}
    found = {
        clip: [list(pair) for pair in zip(t["start"], t["end"], strict=True)] for clip, t in regions.groupby("clip")
    }
    assert found == stated
    assert set(regions.loc[regions["clip"].str.startswith("audio/zeroshot"), "method"]) == {UNSEEN}
