"""What was frozen to a folder: settings in JSON, and ONNX files known by their hash, run without TensorFlow."""

import hashlib
import json
import os
import textwrap
import threading
import time
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import build_front_end

MOST_SECONDS = 10  # for one run; one of the package's takes a hundredth of it
MOST_BYTES = max(2**29, 2**27 * (os.cpu_count() or 1))  # for all networks of a process; the package's take some 2**21

_ends = {}  # options of runs on the way → when each must have ended


class FrozenNetwork:
    """An ONNX network, ready to run; made by `load_network`. Any number of threads may call it at a time.

    Args:
        path: its file, for errors.
        session: ``onnxruntime.InferenceSession``.
        gives: shape of what it gives for one row.
    """

    def __init__(self, path, session, gives):
        self._path, self._session, self._gives = path, session, tuple(gives)
        self._taken, self._given = (puts[0].name for puts in (session.get_inputs(), session.get_outputs()))

    def __call__(self, rows):
        """Run it on rows, float32, shape (n, ...).

        Returns:
            its first output, shape (n, *gives).

        Raises:
            FakeOrRealError: it fails, gives another shape, or takes more than ``MOST_SECONDS`` or ``MOST_BYTES``.
        """
        options = onnxruntime.RunOptions()
        options.log_severity_level = 4
        _start_watch()
        _ends[options] = time.monotonic() + MOST_SECONDS
        try:
            (found,) = self._session.run([self._given], {self._taken: rows}, options)
        except Exception as error:  # ONNX Runtime has a class for each of its codes
            reason = f"takes more than {MOST_SECONDS} s" if options.terminate else _shortened(error)
            raise FakeOrRealError(f"{self._path}: cannot be run ({reason}). Freeze it again.") from error
        finally:
            del _ends[options]
        if np.shape(found) != (len(rows), *self._gives):
            raise FakeOrRealError(
                f"{self._path}: gives {np.shape(found)} for {len(rows)} rows, not {(len(rows), *self._gives)}. "
                "Freeze it again."
            )
        return found


def read_settings(path, check):
    """Read the settings of a frozen detector or localiser.

    Args:
        path: JSON file.
        check: function of the settings that raises what is wrong with them.

    Returns:
        (settings, front_end).

    Raises:
        FakeOrRealError: they are malformed, lack a value or break a rule.
    """
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        check(settings)
        return settings, build_front_end(settings["front_end"])
    except KeyError as error:
        raise FakeOrRealError(f"{path}: lacks {error}. Copy the folder again.") from error
    except OSError as error:
        raise FakeOrRealError(f"{path}: cannot be read ({error.strerror}). Check its permissions.") from error
    except RecursionError as error:
        raise FakeOrRealError(f"{path}: is malformed: nested too deeply. Copy the folder again.") from error
    except (ArithmeticError, AttributeError, TypeError, ValueError) as error:
        raise FakeOrRealError(f"{path}: is malformed: {error} Copy the folder again.") from error


def load_network(folder, member, shape, gives, *, threads=1):
    """Open a frozen network.

    Args:
        folder: that holds it.
        member: dict with ``file``, its name, and ``sha256``, of its content.
        shape: of one row that it takes.
        gives: shape of what it gives for one row.
        threads: of its operators, 0 for one per core.

    Returns:
        FrozenNetwork.

    Raises:
        FakeOrRealError: the file cannot be read, is not the network that was frozen, takes another shape or gives
            nothing.
    """
    path = Path(folder, member["file"])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FakeOrRealError(f"{path}: cannot be read ({error.strerror}). Copy the folder again.") from error
    found, expected = hashlib.sha256(data).hexdigest(), str(member.get("sha256"))
    if found != expected:
        raise FakeOrRealError(
            f"{path}: is not the network that was frozen (SHA-256 {found[:12]}…, expected {expected[:12]}…). "
            "Copy the folder again."
        )
    _bound_memory()
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # fatal: what else it has to say is in its exceptions
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class for each of its codes
        raise FakeOrRealError(
            f"{path}: is no network that can be run ({_shortened(error)}). Freeze it again."
        ) from error
    taken = [tuple(put_in.shape[1:]) for put_in in session.get_inputs()]
    if taken != [tuple(shape)]:
        raise FakeOrRealError(
            f"{path}: takes {', '.join(map(str, taken))}, but the front end gives {tuple(shape)}. Freeze it again."
        )
    if not session.get_outputs():
        raise FakeOrRealError(f"{path}: gives nothing. Freeze it again.")
    return FrozenNetwork(path, session, gives)


@cache
def _bound_memory():
    """Have all networks of this process share one pool of memory of a limited size."""
    places, kinds = onnxruntime.OrtAllocatorType, onnxruntime.OrtMemType
    memory = onnxruntime.OrtMemoryInfo("Cpu", places.ORT_ARENA_ALLOCATOR, 0, kinds.DEFAULT)
    onnxruntime.create_and_register_allocator(memory, onnxruntime.OrtArenaCfg({"max_mem": MOST_BYTES}))


@cache
def _start_watch():
    """One thread for all runs: to start one for each would take as long as a run."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch():
    while True:
        time.sleep(MOST_SECONDS / 10)
        for options, end in _ends.copy().items():
            if time.monotonic() > end:
                options.terminate = True


def _shortened(error):
    return textwrap.shorten(str(error), 200, placeholder=" …")
