"""Two worker processes do what this machine does alone, byte for byte; a lost worker changes nothing."""

import dataclasses
import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from fakeorreal import audio, scale_out
from fakeorreal.audit import audit
from fakeorreal.cli import main
from fakeorreal.corpora import make_corpus
from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import Features, Waveform, extract
from fakeorreal.grid import Grid, run_grid
from fakeorreal.metrics import auc
from fakeorreal.networks.classical import CLASSICAL, score, xgboost
from fakeorreal.scale_out import is_spread, on_cluster
from fakeorreal.systems import System, get_system
from fakeorreal.training import fit_classical

SR = 16000


@pytest.fixture(scope="module")
def cluster():
    """Two processes of one thread each and their scheduler; a process that dies is replaced."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        yield cluster


@pytest.fixture
def address(cluster):
    """Of the scheduler, with both workers there."""
    with cluster.get_client() as client:
        client.wait_for_workers(2, timeout=60)
    return cluster.scheduler_address


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, make_speech):
    """Sixteen clips per split; fakes lack high frequencies."""
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for s, split in enumerate(("training", "validation", "testing")):
        for k in range(16):
            y = make_speech(0.5, SR, f0=90 + 10 * k, seed=20 * s + k)
            y = np.convolve(y, np.ones(5) / 5, "same") if k % 2 else y
            path = folder / f"{split}{k:02}.wav"
            audio.write(path, y, sr=SR)
            rows.append({"clip": path.name, "path": str(path), "split": split, "label": k % 2, "group": path.name})
    return make_corpus(pd.DataFrame(rows))


@dataclasses.dataclass(frozen=True)
class Slow(Waveform):
    """Takes its time and says who is at work: a file for each process, as long as it has done clips."""

    log: str = ""

    def __call__(self, y):
        with open(f"{self.log}/{os.getpid()}", "a") as f:
            f.write(".")
        time.sleep(0.02)
        return super().__call__(y)


@pytest.fixture
def log(tmp_path):
    """Folder that `Slow` writes to."""
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


def tree(folder):
    """Content by name, of features by row: how many share a block depends on the workers. Kills may leave drafts."""
    found = {}
    for path in filter(Path.is_file, folder.rglob("*")):
        name, block = path.relative_to(folder), path.with_suffix(".npy")
        if path.suffix == ".json" and block.is_file():
            rows = zip(json.loads(path.read_text()), np.load(block), strict=True)
            found |= {f"{name.parent}/{key}": row.tobytes() for key, row in rows}
        elif path.suffix not in (".npy", ".part"):
            found[str(name)] = path.read_bytes()
    return found


@pytest.fixture
def kill_one(log):
    """Function ``(others, after)`` that kills the first process not among others to have done so many clips."""
    done, killed = threading.Event(), []

    def watch(others, after):
        while not done.wait(0.002) and not killed:
            for path in log.iterdir():
                if path.name not in others and path.stat().st_size >= after and not killed:
                    os.kill(int(path.name), signal.SIGKILL)
                    killed.append(path.name)

    def start(others=(), after=7):
        threading.Thread(target=watch, args=(set(others), after)).start()
        return killed

    yield start
    done.set()


@pytest.mark.parametrize("kill", [False, True])
def test_extraction_gives_the_same_bytes(address, corpus, log, kill_one, tmp_path, kill):
    front_end = Slow(seconds=0.1, log=str(log))
    alone = extract(corpus, front_end, tmp_path / "alone", n_jobs=2, progress=False)
    here = os.listdir(log)
    killed = kill_one(others=here) if kill else []
    with on_cluster(address, reads=corpus["path"], writes=[tmp_path / "shared"]):
        shared = extract(corpus, front_end, tmp_path / "shared", progress=False)
    there = set(os.listdir(log)) - set(here)
    assert len(killed) == kill and len(there) >= 2 and there.issuperset(killed)
    assert tree(tmp_path / "shared") == tree(tmp_path / "alone") and len(tree(tmp_path / "alone")) == 48
    assert shared.digest == alone.digest
    np.testing.assert_array_equal(shared.rows(range(48)), alone.rows(range(48)))


def test_an_audit_finds_the_same(address, corpus, monkeypatch):
    module = sys.modules["fakeorreal.audit"]
    monkeypatch.setattr(module, "RESAMPLES", 5)
    monkeypatch.setattr(module, "SHUFFLES", 1)
    alone = audit(corpus, n_jobs=1, progress=False)
    with on_cluster(address, reads=corpus["path"]):
        monkeypatch.setattr("fakeorreal.nuisances.open_stream", None)  # nothing is read in this process
        shared = audit(corpus, progress=False)
    for field in ("nuisances", "classifiers", "counts", "failed"):
        pd.testing.assert_frame_equal(getattr(shared, field), getattr(alone, field))
    assert shared.shuffled == alone.shuffled


def test_a_grid_ends_with_the_same_table(address, corpus, log, kill_one, tmp_path):
    system = System("logistic_regression", Slow(seconds=0.02, log=str(log)), "classical")
    grid = Grid(system, {"batch": [4, 8], "front_end.seconds": [0.02, 0.03]}, epochs=(1,), seeds=(0, 1))

    def run(name):
        folder = tmp_path / name
        return run_grid(grid, corpus, folder / "grid.csv", features=folder / "f", runs=folder / "r", name="clips")

    alone = run("alone")
    killed = kill_one(others=os.listdir(log))
    with on_cluster(address):
        pd.testing.assert_frame_equal(run("shared"), alone)
    assert len(killed) == 1 and len(alone) == 8
    assert tree(tmp_path / "shared") == tree(tmp_path / "alone")


@pytest.fixture
def vectors(tmp_path):
    """Features of 400 rows to train on, and (rows, labels) of 4,000 held out; one number in eight tells the classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 4400)
    X = rng.standard_normal((4400, 8)).astype(np.float32)
    X[:, 0] += 2 * labels
    np.save(tmp_path / "block.npy", X[:400])
    places = [(tmp_path / "block.npy", k) for k in range(400)]
    return Features(pd.DataFrame({"label": labels[:400]}), None, (8,), places, ""), X[400:], labels[400:]


def test_boosted_trees_are_those_of_one_machine_on_one_worker_and_as_good_on_two(address, vectors, monkeypatch):
    features, X, labels = vectors
    system = get_system("xgboost")
    monkeypatch.setitem(CLASSICAL, "xgboost", lambda seed: xgboost(seed).set_params(n_estimators=30))

    def scores():
        return score(fit_classical(system, features, seed=3), X)

    alone = scores()
    assert not is_spread(system)
    with on_cluster(address):
        assert is_spread(system) and not is_spread(get_system("svm"))
        np.testing.assert_array_equal(scores(), alone)
        monkeypatch.setattr(scale_out, "ROWS", 200)
        spread = scores()
    assert not np.array_equal(spread, alone)  # else it was not spread
    assert auc(labels, alone) > 0.85 and abs(auc(labels, spread) - auc(labels, alone)) < 0.02


# What cannot be used


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of the memory of the GNU C library")
@pytest.mark.parametrize("kept", [False, True])
def test_workers_of_dask_keep_the_memory_of_a_clip_for_the_next(kept):
    """Pages that are handed back have to be asked for again at the next clip, each with a fault."""
    code = """
import resource, sys
import numpy as np
from fakeorreal.features import LogMel
from fakeorreal.scale_out import keep_memory
if sys.argv[1] == "True":
    keep_memory()
y, front_end = np.random.default_rng(0).standard_normal(32000).astype("float32"), LogMel()
for _ in range(10):
    front_end(y)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    front_end(y)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""
    as_of_dask = os.environ | {"MALLOC_TRIM_THRESHOLD_": "65536", "OPENBLAS_NUM_THREADS": "1"}
    said = subprocess.run(
        [sys.executable, "-c", code, str(kept)], env=as_of_dask, capture_output=True, text=True, check=True
    )
    assert float(said.stdout) < 20 if kept else float(said.stdout) > 200


def test_nobody_answers(monkeypatch, capsys, for_tree):
    pytest.importorskip("distributed")
    monkeypatch.setattr(scale_out, "PATIENCE", 0.5)
    assert main(["audit", str(for_tree()), "--dask", "tcp://127.0.0.1:9"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "no Dask scheduler answers at tcp://127.0.0.1:9" in err


def test_an_address_that_is_none(capsys, for_tree):
    pytest.importorskip("distributed")
    assert main(["audit", str(for_tree()), "--dask", "somewhere://"]) == 2
    assert "no Dask scheduler answers at somewhere://" in capsys.readouterr().err


def test_without_dask(monkeypatch, capsys, for_tree):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["audit", str(for_tree()), "--dask", "tcp://127.0.0.1:9"]) == 2
    assert capsys.readouterr().err.endswith("Run: pip install 'fakeorreal[dask]'\n")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_scheduler_without_workers(monkeypatch, workers):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(scale_out, "PATIENCE", 1)
    with (
        distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as small,
        pytest.raises(FakeOrRealError, match=r"has no two workers\. Start some with `dask worker tcp"),
        on_cluster(small.scheduler_address),
    ):
        pass


def test_a_worker_that_does_not_see_a_file(address, corpus, tmp_path, monkeypatch):
    paths = [*corpus["path"], str(tmp_path / "elsewhere.wav")]
    with (
        pytest.raises(FakeOrRealError, match=r"the worker tcp://.* does not see .*elsewhere.wav"),
        on_cluster(address, reads=paths[::-1]),
    ):
        pass
    with on_cluster(address, reads=paths[:-1], writes=[tmp_path / "new"]):
        assert not list((tmp_path / "new").iterdir())  # the mark that was looked for is gone again


def test_work_that_kills_its_workers():
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        pytest.raises(FakeOrRealError, match="died again and again"),
        on_cluster(cluster.scheduler_address),
    ):
        joblib.Parallel()(joblib.delayed(die)(os.getpid()) for _ in range(1))


def die(here):
    assert os.getpid() != here
    os._exit(1)
