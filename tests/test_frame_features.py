"""Frame features from files: their place in time, the tokens of EAT, and files that are no such thing."""

import numpy as np
import pytest

from fakeorreal.corpora.corpus import make_corpus
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import FrameFeatures
from fakeorreal.features.frame_features import EAT_HOP, eat_frames

MIDDLES = (np.arange(500) + 0.5) * 0.02


@pytest.fixture
def corpus():
    rows = [(f"set/{k}.wav", k % 2) for k in range(3)]
    return make_corpus([{"clip": c, "path": c, "label": n, "split": "training", "group": c} for c, n in rows])


@pytest.fixture
def write(tmp_path):
    def write(clip, **arrays):
        path = tmp_path / f"{clip}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez(path, **arrays)

    return write


@pytest.fixture
def filled(corpus, write, tmp_path, rng):
    """(folder, arrays) of one file per clip, on the grid of the localiser."""
    arrays = rng.standard_normal((3, 500, 4)).astype(np.float32)
    for clip, features in zip(corpus["clip"], arrays, strict=True):
        write(clip, features=features)
    return tmp_path, arrays


def one(corpus, folder, **options):
    return FrameFeatures(corpus[:1], folder, **options).rows([0])[0]


def test_rows_on_the_grid_stay_as_they_are(corpus, filled):
    folder, arrays = filled
    features = FrameFeatures(corpus, folder)
    found = features.rows([2, 0])
    assert (len(features), features.shape, found.dtype) == (3, (500, 4), np.float32)
    assert features.labels.tolist() == [0, 1, 0] and features.failed.empty
    np.testing.assert_array_equal(found, arrays[[2, 0]])


@pytest.mark.parametrize("hop", [0.005, 0.01, 0.02, 0.025, 0.16])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_ramp_stays_in_its_place(corpus, write, tmp_path, hop, dtype):
    rows = round(10.08 / hop)
    time = (np.arange(rows) + 0.5) * hop
    write(corpus["clip"][0], features=time[:, None].astype(dtype), hop=hop)
    inside = hop / 2 < MIDDLES
    np.testing.assert_allclose(one(corpus, tmp_path)[inside, 0], MIDDLES[inside], rtol=1e-3)


def test_two_rows_of_ten_milliseconds_are_one_frame(corpus, write, tmp_path, rng):
    rows = rng.standard_normal((1000, 3)).astype(np.float32)
    write(corpus["clip"][0], features=rows, hop=0.01)
    np.testing.assert_allclose(one(corpus, tmp_path), rows.reshape(500, 2, 3).mean(axis=1), atol=1e-5)


@pytest.mark.parametrize(("rows", "heard"), [(499, 500), (100, 101), (600, 500)])
def test_the_last_row_is_held_for_a_frame_and_zeros_follow(corpus, write, tmp_path, rows, heard):
    write(corpus["clip"][0], features=np.arange(1, rows + 1, dtype="float32")[:, None])
    found = one(corpus, tmp_path)[:, 0]
    np.testing.assert_array_equal(found[:heard], np.minimum(np.arange(1, heard + 1), rows))
    np.testing.assert_array_equal(found[heard:], 0)


def test_other_numbers_of_frames(corpus, filled):
    folder, arrays = filled
    np.testing.assert_array_equal(one(corpus, folder, frames=200), arrays[0, :200])


def test_bands_of_eat_are_averaged_by_stretch():
    bands = np.arange(8.0) - 3.5
    tokens = np.array([[100 * stretch + band] for stretch in range(64) for band in bands])
    np.testing.assert_allclose(eat_frames(tokens)[:, 0], 100 * np.arange(64))


def test_tokens_of_eat_come_to_lie_where_they_were_heard(corpus, write, tmp_path):
    tokens = np.zeros((512, 2), np.float32)
    tokens[8 * 20 : 8 * 21] = 1  # 3.20 to 3.36 s
    write(corpus["clip"][0], features=eat_frames(tokens), hop=EAT_HOP)
    found = one(corpus, tmp_path)[:, 0]
    np.testing.assert_allclose(np.sum(found * MIDDLES) / found.sum(), 3.28, atol=1e-4)
    assert np.flatnonzero(found == found.max()).tolist() == [163, 164]
    assert MIDDLES[found > 0.5].tolist() == pytest.approx(np.arange(3.21, 3.36, 0.02))


def test_digest_follows_content_hop_and_clips(corpus, filled, write):
    folder, arrays = filled
    digests = [FrameFeatures(corpus, folder).digest, FrameFeatures(corpus[:2], folder).digest]
    assert FrameFeatures(corpus, folder).digest == digests[0]
    for change in ({"features": arrays[0] + 1}, {"features": arrays[0], "hop": 0.04}):
        write(corpus["clip"][0], **change)
        digests.append(FrameFeatures(corpus, folder).digest)
    assert len(set(digests)) == 4


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"other": np.zeros((5, 4))}, "holds no array `features`"),
        ({"features": np.zeros(5)}, r"Received: shape \(5,\)"),
        ({"features": np.zeros((0, 4))}, r"Received: shape \(0, 4\)"),
        ({"features": np.zeros((5, 4), int)}, "of int64"),
        ({"features": np.full((5, 4), np.nan)}, "must be finite"),
        ({"features": np.zeros((5, 4)), "hop": 0.0}, "hop 0.0"),
        ({"features": np.zeros((5, 4)), "hop": np.nan}, "hop nan"),
        ({"features": np.zeros((5, 4)), "hop": np.ones(2)}, "cannot be read"),
        ({"features": np.array([[{}]], object)}, "cannot be read"),
        ({"features": np.zeros((5, 3))}, "rows of width 3, 0.wav.npz of 4"),
    ],
)
def test_a_file_that_holds_something_else_is_an_error(corpus, filled, write, arrays, message):
    write(corpus["clip"][1], **arrays)
    with pytest.raises(FakeOrRealError, match=message) as error:
        FrameFeatures(corpus, filled[0])
    assert "1.wav.npz" in str(error.value)


@pytest.mark.parametrize("data", [None, b"", b"no zip", b"PK\x03\x04 cut"])
def test_a_file_that_cannot_be_read_is_an_error(corpus, filled, data):
    path = filled[0] / "set" / "1.wav.npz"
    path.unlink() if data is None else path.write_bytes(data)
    with pytest.raises(FakeOrRealError, match=r"1\.wav\.npz: cannot be read"):
        FrameFeatures(corpus, filled[0])


def test_a_bare_array_is_an_error(corpus, filled):
    path = filled[0] / "set" / "1.wav.npz"
    with open(path, "wb") as file:
        np.save(file, np.zeros((5, 4)))
    with pytest.raises(FakeOrRealError, match=r"1\.wav\.npz: cannot be read"):
        FrameFeatures(corpus, filled[0])


def test_no_clip_is_an_error(corpus, tmp_path):
    with pytest.raises(FakeOrRealError, match="0 clips"):
        FrameFeatures(corpus[:0], tmp_path)


@pytest.mark.parametrize("shape", [(513, 4), (0, 4), (512,)])
def test_tokens_that_are_no_whole_stretches_are_an_error(shape):
    with pytest.raises(FakeOrRealError, match="8 \\* stretches"):
        eat_frames(np.zeros(shape))
