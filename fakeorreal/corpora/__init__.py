"""Corpora: tables that say which clips exist, and the loaders that make them."""

from fakeorreal.corpora.corpus import (
    COLUMNS,
    FAKE,
    LABELS,
    REAL,
    SPLITS,
    check_no_leak,
    cut_windows,
    make_corpus,
    subsample,
)
from fakeorreal.corpora.fakesound import load_fakesound
from fakeorreal.corpora.folder import load_folder
from fakeorreal.corpora.for_dataset import VERSIONS, data_root
from fakeorreal.corpora.for_dataset import load as load_corpus
from fakeorreal.corpora.in_the_wild import load_in_the_wild
from fakeorreal.corpora.region_labels import make_regions, read_partialspoof, read_rttm
from fakeorreal.corpora.speaker_splits import (
    check_no_shared_speaker,
    leave_one_speaker_out,
    published_split,
    speaker_folds,
)
from fakeorreal.corpora.validation import validate
from fakeorreal.corpora.wavefake import load_wavefake

__all__ = [
    "COLUMNS",
    "FAKE",
    "LABELS",
    "REAL",
    "SPLITS",
    "VERSIONS",
    "check_no_leak",
    "check_no_shared_speaker",
    "cut_windows",
    "data_root",
    "leave_one_speaker_out",
    "load_corpus",
    "load_fakesound",
    "load_folder",
    "load_in_the_wild",
    "load_wavefake",
    "make_corpus",
    "make_regions",
    "published_split",
    "read_partialspoof",
    "read_rttm",
    "speaker_folds",
    "subsample",
    "validate",
]
