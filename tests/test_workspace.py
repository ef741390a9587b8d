"""Where a study runs: what it asks of TensorFlow before that starts."""

import os

import pytest

from fakeorreal.workspace import Workspace


@pytest.mark.parametrize(("profile", "expected"), [("demo", ("2", "1")), ("full", (None, None))])
def test_a_fixed_number_of_threads_and_one_operator_at_a_time(monkeypatch, profile, expected):
    """Two convolutions that shared the threads split their sums differently each time, and trainings differed."""
    names = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    for name in names:
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    Workspace(profile)
    assert tuple(os.environ.get(name) for name in names) == expected
