"""Work shared out over the processes of this machine or, through joblib, over the workers of a Dask cluster.

Workers read the files of a corpus themselves and write features and runs themselves: all of them must see the same
folders under the same names. A worker that is lost has its work done again by another; what it wrote is whole.
"""

import contextlib
import ctypes
import os
import tempfile
from functools import lru_cache
from pathlib import Path

import joblib

from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import make_folder

PATIENCE = 10
"""Seconds that a scheduler and its first workers have to answer."""

ROWS = 2**20
"""Rows that one worker holds in `fit_trees`. Fewer are trained on one worker, to the trees of a single machine."""

_LOOKED_FOR = 100  # files of a corpus that every worker is asked for
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of malloc.h
_clients = []  # of the clusters in use, the innermost last


@contextlib.contextmanager
def on_cluster(address, *, reads=(), writes=()):
    """Send what joblib runs in this block to the workers of a Dask cluster; yields its client.

    Args:
        address: of the scheduler, such as ``tcp://10.0.0.1:8786``; None for this machine, where nothing changes.
        reads: list of files that workers will read; some of them are looked for.
        writes: folders that workers will write to.

    Raises:
        FakeOrRealError: Dask is not installed, no scheduler or not two workers answer, a worker does not see a file
            or a folder, or workers die of what they are given.
    """
    if address is None:
        yield None
        return
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise FakeOrRealError(
            "a cluster needs dask.distributed, which is not installed. Run: pip install 'fakeorreal[dask]'"
        ) from error
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:  # nobody there; no address
        raise FakeOrRealError(
            f"no Dask scheduler answers at {address}. Start one with `dask scheduler`, and workers beside it with "
            f"`dask worker {address} --nthreads 1`."
        ) from error
    with client:
        _check_sight(client, address, reads, writes)
        _clients.append(client)
        try:
            with joblib.parallel_config(_backend(client), n_jobs=-1):
                yield client
        except KilledWorker as error:
            raise FakeOrRealError(
                "workers of the cluster died again and again of the same work. Give them more memory."
            ) from error
        finally:
            _clients.remove(client)


def single_threaded():
    """Context for joblib: the workers of the cluster in use, else processes of this machine with one thread each."""
    return contextlib.nullcontext() if _clients else joblib.parallel_config("loky", inner_max_num_threads=1)


@lru_cache(maxsize=1)
def keep_memory():
    """Undo what Dask asks of its workers, to hand every array back to the system at once; called where they compute.

    The arrays of a clip would come back page by page, which takes longer than the clip does.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None  # the C library of Linux
    if "MALLOC_TRIM_THRESHOLD_" in os.environ and mallopt:
        mallopt(_M_MMAP_THRESHOLD, 2**25)
        mallopt(_M_TRIM_THRESHOLD, 2**26)


def is_spread(system):
    """Whether the training of a ``System`` takes the whole cluster in use, as `fit_trees` does."""
    return bool(_clients) and system.kind == "classical" and (system.network or system.name) == "xgboost"


def fit_trees(estimator, features):
    """Fit boosted trees to all rows, over the workers of the cluster in use.

    Up to ``ROWS`` rows the trees are those of a single machine. More are spread over the workers, which read them
    from the cache; trees then differ slightly, since cuts are drawn from summaries.

    Args:
        estimator: an ``xgboost.XGBClassifier`` not yet fitted.
        features: ``Features``, with labels real = 0, fake = 1.

    Returns:
        the estimator, fitted.
    """
    import dask
    import dask.array as da
    import numpy as np
    from xgboost.dask import DaskXGBClassifier

    n = len(features)
    rows = dask.delayed(features.rows, pure=False)
    parts = [range(first, min(first + ROWS, n)) for first in range(0, n, ROWS)]
    blocks = [da.from_delayed(rows(part), (len(part), *features.shape), np.float32) for part in parts]
    spread = DaskXGBClassifier(**estimator.get_params())
    spread.client = _clients[-1]
    spread.fit(da.concatenate(blocks), da.from_array(features.labels, chunks=ROWS))
    estimator.load_model(spread.get_booster().save_raw("json"))
    return estimator


def _backend(client):
    """joblib's, but for work that comes back with an error of Dask: joblib keeps it to itself and waits for ever."""
    from joblib._dask import DaskDistributedBackend

    class Backend(DaskDistributedBackend):
        def submit(self, func, callback=None):
            future = super().submit(func, callback)
            future.add_done_callback(lambda done: done.exception() and callback(done.exception()))
            return future

        def retrieve_result_callback(self, out):
            if isinstance(out, BaseException):
                raise out
            return super().retrieve_result_callback(out)

    return Backend(client=client)


def _check_sight(client, address, reads, writes):
    """Refuse a cluster of less than two workers, and workers that look at other folders than this process."""
    try:
        client.wait_for_workers(2, timeout=PATIENCE)  # where one is all there is, joblib works here instead
    except TimeoutError as error:
        raise FakeOrRealError(
            f"the Dask scheduler at {address} has no two workers. Start some with "
            f"`dask worker {address} --nworkers 2 --nthreads 1`."
        ) from error
    reads = list(reads)
    paths = [os.path.abspath(path) for path in reads[:: -(-len(reads) // _LOOKED_FOR) or 1]]
    with contextlib.ExitStack() as marks:
        for folder in writes:
            make_folder(folder)
            mark = marks.enter_context(tempfile.NamedTemporaryFile(dir=Path(folder).absolute(), suffix=".part"))
            paths.append(mark.name)
        try:
            unseen = client.run(_unseen, paths)
        except ImportError as error:
            raise FakeOrRealError(
                f"a worker of {address} has not got this version of fakeorreal. Install it where the workers run."
            ) from error
    for worker, path in unseen.items():
        if path:
            raise FakeOrRealError(
                f"the worker {worker} does not see {path}. Let all workers mount the folder under the same name."
            )


def _unseen(paths):
    """The first of some paths that is not there, or ""; runs on a worker."""
    return next((path for path in paths if not os.path.exists(path)), "")
