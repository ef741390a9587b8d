"""Audits and duplicates are computed once, and read back as they were."""

from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio, corpus_checks
from fakeorreal.audit import audit
from fakeorreal.audit_wording import verdict
from fakeorreal.corpora import make_corpus


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, make_speech):
    """Six clips of each class in training and testing; the fakes are louder, and two testing clips are of training."""
    folder, rows = tmp_path_factory.mktemp("clips"), []
    for s, split in enumerate(("training", "testing")):
        for k in range(12):
            path = folder / f"{split}{k}.wav"
            y = make_speech(1.0, 16000, f0=90 + 10 * k, seed=10 * s * (k > 1) + k)
            audio.write(path, y * (0.2 + 0.6 * (k % 2)), sr=16000)
            rows.append({"clip": path.name, "path": str(path), "split": split, "label": k % 2, "group": path.name})
    return make_corpus(pd.DataFrame(rows))


def test_an_audit_is_read_back_as_it_was(corpus, tmp_path, monkeypatch):
    first = corpus_checks.kept_audit(corpus, tmp_path)
    wanted = audit(corpus, progress=False)
    for field in fields(wanted):
        here, there = getattr(first, field.name), getattr(wanted, field.name)
        if isinstance(there, pd.DataFrame):
            pd.testing.assert_frame_equal(here, there, check_dtype=len(there) > 0, check_index_type=False)
        else:
            assert here == there
    assert verdict(first) == verdict(wanted)
    monkeypatch.setattr(corpus_checks, "audit", lambda *a: pytest.fail("measured again"))
    pd.testing.assert_frame_equal(corpus_checks.kept_audit(corpus, tmp_path).nuisances, first.nuisances)
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        corpus_checks.kept_audit(corpus[:-1], tmp_path)


def test_pairs_are_found_once(corpus, tmp_path, monkeypatch):
    first = corpus_checks.kept_pairs(corpus, tmp_path / "pairs", tmp_path / "cache")
    found = set(zip(first["clip_a"], first["clip_b"], strict=True))
    assert found >= {("testing0.wav", "training0.wav"), ("testing1.wav", "training1.wav")}
    assert np.isfinite(first["score"]).all() and set(first["kind"]) <= {"bytes", "samples", "near"}
    monkeypatch.setattr(corpus_checks, "find_duplicates", lambda *a, **b: pytest.fail("searched again"))
    pd.testing.assert_frame_equal(corpus_checks.kept_pairs(corpus, tmp_path / "pairs", tmp_path / "cache"), first)
