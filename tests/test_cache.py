import dataclasses
import os
import sys
import types

import numpy as np
import pandas as pd
import pytest
import soundfile as sf

from fakeorreal import audio
from fakeorreal.corpora.corpus import make_corpus
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import LogMel, cache, extract

SR = 16000


@dataclasses.dataclass(frozen=True)
class Probe:
    """Gives (samples, sum, is TensorFlow loaded, process), leaves a dot per clip in a log, stops after some."""

    log: str
    stop_after: int = 10**9
    sr = SR
    shape = (4,)

    def __call__(self, y):
        if self.count() >= self.stop_after:
            raise RuntimeError("the power went out")
        with open(self.log, "a") as f:
            f.write(".")
        total = np.nan if y.max() > 0.99 else y.sum()
        return np.array([len(y), total, "tensorflow" in sys.modules, os.getpid()], np.float32)

    def count(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def config(self):
        return {"class": "Probe"}


@pytest.fixture
def probe(tmp_path):
    return Probe(str(tmp_path / "log"))


@pytest.fixture
def corpus(tmp_path, rng):
    rows = []
    for k in range(12):
        path = tmp_path / "audio" / f"{k:02}.wav"
        audio.write(path, 0.1 * rng.standard_normal(1600 + 100 * k), sr=SR)
        rows.append({"clip": path.name, "path": str(path), "label": k % 2, "split": "training", "group": path.name})
    return make_corpus(rows)


@pytest.fixture
def run(corpus, tmp_path):
    return lambda front_end, table=corpus, n_jobs=1: extract(
        table, front_end, tmp_path / "cache", n_jobs=n_jobs, progress=False
    )


def blocks(tmp_path):
    return sorted((tmp_path / "cache").rglob("*.npy"))


def test_rows_equal_direct_computation_in_any_order(corpus, run):
    front_end = LogMel(seconds=0.1, n_mels=16)
    features = run(front_end)
    assert len(features) == 12
    assert features.shape == front_end.shape == (16, 4, 1)
    np.testing.assert_array_equal(features.labels, corpus["label"])
    assert features.failed.empty
    for indices in ([7, 0, 7, 11], np.arange(12)[::-1], []):
        rows = features.rows(indices)
        assert rows.dtype == np.float32
        assert rows.shape == (len(indices), 16, 4, 1)
        for k, row in zip(indices, rows, strict=True):
            np.testing.assert_array_equal(row, front_end(audio.read(corpus["path"][k], sr=SR)))


def test_two_processes_give_the_same_without_tensorflow(corpus, tmp_path, probe):
    front_end = LogMel(seconds=0.1)
    one, two = (extract(corpus, front_end, tmp_path / str(n), n_jobs=n, progress=False).rows(range(12)) for n in (1, 2))
    np.testing.assert_array_equal(one, two)
    rows = extract(corpus, probe, tmp_path / "probe", n_jobs=2, progress=False).rows(range(12))
    assert not rows[:, 2].any()
    assert os.getpid() not in rows[:, 3]


def test_second_run_computes_nothing(run, probe):
    first = run(probe).rows(range(12))
    assert probe.count() == 12
    np.testing.assert_array_equal(run(probe).rows(range(12)), first)
    assert probe.count() == 12


def test_new_clips_are_added_to_those_there(corpus, run, probe):
    run(probe, corpus[:5])
    features = run(probe)
    assert probe.count() == 12
    np.testing.assert_array_equal(features.rows(range(12))[:, 0], 1600 + 100 * np.arange(12))


def test_a_stopped_run_goes_on_from_its_blocks(run, probe):
    with pytest.raises(RuntimeError, match="power"):
        run(dataclasses.replace(probe, stop_after=8))
    features = run(probe)
    np.testing.assert_array_equal(features.rows(range(12))[:, 0], 1600 + 100 * np.arange(12))
    # 12 clips for one process make 4 blocks of 3: two were complete, two clips of the third were lost
    assert probe.count() == 8 + 6


def test_half_a_block_is_computed_again(tmp_path, run, probe):
    first = run(probe).rows(range(12))
    victims = blocks(tmp_path)
    victims[0].unlink()
    victims[1].with_suffix(".json").unlink()
    victims[1].write_bytes(b"half")
    victims[2].with_name("ffff.npy.1.part").write_bytes(b"half")
    np.testing.assert_array_equal(run(probe).rows(range(12)), first)
    assert probe.count() == 12 + 6


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: b"no" + data[2:]])
def test_a_block_that_was_damaged_is_named(tmp_path, run, probe, change):
    features = run(probe)
    path = blocks(tmp_path)[0]
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(FakeOrRealError, match=f"{path}: is not as it was written. Delete it"):
        features.rows(range(12))


def test_rows_are_those_of_the_blocks_and_nothing_is_left_behind(tmp_path, run, probe):
    rows = run(probe).rows(range(12))
    stored = np.concatenate([np.load(path, allow_pickle=False) for path in blocks(tmp_path)])
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(np.sort(stored, axis=0), np.sort(rows, axis=0))
    assert {p.suffix for p in blocks(tmp_path)[0].parent.iterdir()} == {".npy", ".json"}


def test_memory_does_not_grow_with_the_corpus(monkeypatch, tmp_path, run, probe):
    monkeypatch.setattr("fakeorreal.features.cache.BLOCK_BYTES", 2 * 4 * 4)  # two rows of four numbers
    run(probe)
    assert [len(np.load(p)) for p in blocks(tmp_path)] == [2] * 6


def test_bad_files_are_reported_and_left_out(tmp_path, corpus, run, probe):
    (tmp_path / "audio/02.wav").write_bytes(b"no sound")
    (tmp_path / "audio/03.wav").unlink()
    sf.write(tmp_path / "audio/04.wav", np.ones(1600), SR)  # the probe answers NaN
    for _ in range(2):
        features = run(probe)
        assert list(features.failed["clip"]) == ["02.wav", "03.wav", "04.wav"]
        for reason, word in zip(features.failed["reason"], ["decoded", "opened", "finite"], strict=True):
            assert word in reason
        good = corpus.drop([2, 3, 4]).reset_index(drop=True)
        assert features.corpus.equals(good)
        np.testing.assert_array_equal(features.labels, good["label"])
        np.testing.assert_array_equal(features.rows(range(9))[:, 0], [1600, 1700, *range(2100, 2800, 100)])


def test_nothing_to_compute_is_an_error(tmp_path, corpus, run, probe):
    for path in corpus["path"]:
        os.truncate(path, 10)
    with pytest.raises(FakeOrRealError, match=r"none of the 12 clips.*00\.wav"):
        run(probe)
    with pytest.raises(FakeOrRealError, match="0 clips"):
        run(probe, corpus[:0])


def test_same_content_is_computed_once_under_any_name(tmp_path, corpus, run, probe):
    copy = tmp_path / "copy.wav"
    copy.write_bytes((tmp_path / "audio/00.wav").read_bytes())
    corpus.loc[5, "path"] = str(copy)
    rows = run(probe).rows([0, 5])
    np.testing.assert_array_equal(rows[0], rows[1])
    assert probe.count() == 11


def test_changed_content_is_computed_again(tmp_path, run, probe):
    run(probe)
    audio.write(tmp_path / "audio/00.wav", np.full(800, 0.25), sr=SR)
    np.testing.assert_allclose(run(probe).rows([0])[0, :2], [800, 200])
    assert probe.count() == 13


def test_windows_of_one_file_are_rows_of_their_own(corpus, run, probe):
    table = corpus[:3].assign(path=corpus["path"][11], start=[0.0, 0.05, 0.1], end=[0.05, 0.06, np.nan])
    np.testing.assert_array_equal(run(probe, table).rows(range(3))[:, 0], [800, 160, 2700 - 1600])


def test_front_ends_do_not_mix(run):
    assert run(LogMel(seconds=0.1)).rows([0]).shape == (1, 128, 4, 1)
    assert run(LogMel(seconds=0.1, n_mels=8)).rows([0]).shape == (1, 8, 4, 1)


def test_channel_is_applied_with_the_clip_as_key(monkeypatch, corpus, run, probe):
    channels = types.SimpleNamespace(apply_channel=lambda y, *, sr, name, key: y[: sr // 100 + int(key[:2])])
    monkeypatch.setitem(sys.modules, "fakeorreal.named_channels", channels)
    table = corpus[:3].assign(path=corpus["path"][0], channel=["", "cut", "cut"])
    np.testing.assert_array_equal(run(probe, table).rows(range(3))[:, 0], [1600, 161, 162])


def test_progress_goes_to_standard_error(capsys, corpus, tmp_path, probe):
    extract(corpus, probe, tmp_path, n_jobs=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Probe" in err and "12/12" in err
    extract(corpus, LogMel(), tmp_path, n_jobs=1, progress=False)
    assert capsys.readouterr().err == ""


def test_the_digest_of_many_rows_is_that_of_all_at_once():
    for n in (1, 4096, 9000):
        end = np.where(np.arange(n) % 3, np.nan, np.arange(n) / 7)
        rows = pd.DataFrame({"clip": [f'c{k} "é"' for k in range(n)], "label": np.arange(n) % 2, "end": end})
        keys = [f"{k:064x}" for k in range(n)]
        assert cache._digest_of_rows(keys, rows) == cache._digest([keys, rows.astype(str).to_numpy().tolist()])
