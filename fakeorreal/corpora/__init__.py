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
from fakeorreal.corpora.folder import load_folder
from fakeorreal.corpora.for_dataset import VERSIONS, data_root
from fakeorreal.corpora.for_dataset import load as load_corpus
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
    "cut_windows",
    "data_root",
    "load_corpus",
    "load_folder",
    "load_wavefake",
    "make_corpus",
    "subsample",
    "validate",
]
