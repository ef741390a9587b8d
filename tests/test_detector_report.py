"""From a folder of clips to the tables and figures of a detector, by way of the command."""

import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio
from fakeorreal.cli import main
from fakeorreal.named_channels import CONDITIONS


@pytest.fixture
def clips(tmp_path, make_speech):
    """Two sources a split, each with a real and a fake clip."""
    rows = []
    for k, split in enumerate(("training", "validation", "testing")):
        for source in ("a", "b"):
            for label in ("real", "fake"):
                name = f"{split}-{source}-{label}.wav"
                y = make_speech(1.0, 16000, f0=100 + 20 * len(rows), seed=k)
                audio.write(tmp_path / "clips" / name, y, sr=16000)
                rows.append({"file": name, "split": split, "label": label, "source": split + source, "system": "x"})
    pd.DataFrame(rows).to_csv(tmp_path / "clips" / "manifest.csv", index=False)
    return tmp_path / "clips"


def evaluate(clips, detector, out):
    where = ["--detector", str(detector), "--results", str(out / "results"), "--images", str(out / "Images")]
    return main(["evaluate-detector", str(clips), *where])


def test_scores_tables_and_figures(clips, tiny_detector, tmp_path, capsys):
    assert evaluate(clips, tiny_detector, tmp_path) == 0
    scores = pd.read_csv(tmp_path / "results" / "detector_scores.csv")
    assert scores.groupby(["split", "condition"]).size().to_dict() == {
        ("validation", "clean"): 4,
        **{("testing", condition): 4 for condition in ("clean", *CONDITIONS)},
    }
    assert np.isfinite(scores["score"]).all()
    assert not scores["clip"].str.startswith("training").any()
    for name in ("detector_summary", "detector_families", "detector_sources"):
        assert "2 real and 2 fake clips of 2 sources" in (tmp_path / "results" / f"{name}.md").read_text()
    for name in ("det", "reliability", "families", "sources"):
        assert (tmp_path / "Images" / f"detector_{name}.png").stat().st_size > 1000
    assert "noise-15dB" in capsys.readouterr().out


def test_a_broken_clip_is_reported_and_left_out(clips, tiny_detector, tmp_path, capsys):
    (clips / "testing-a-real.wav").write_bytes(b"no audio")
    (clips / "validation-b-fake.wav").write_bytes(b"")
    assert evaluate(clips, tiny_detector, tmp_path) == 2
    errors = capsys.readouterr().err
    assert "testing-a-real.wav: cannot be decoded" in errors and "validation-b-fake.wav" in errors
    scores = pd.read_csv(tmp_path / "results" / "detector_scores.csv")
    assert len(scores) == 6 * 4 - 1 - 5
