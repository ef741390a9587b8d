"""What was frozen to a folder: settings in JSON, and ONNX files known by their hash, run without TensorFlow."""

import hashlib
import json
import textwrap
from pathlib import Path

import onnxruntime

from fakeorreal.errors import FakeOrRealError
from fakeorreal.features import build_front_end


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


def load_network(folder, member, shape, *, threads=1):
    """Open a frozen network.

    Args:
        folder: that holds it.
        member: dict with ``file``, its name, and ``sha256``, of its content.
        shape: of one row that it takes.
        threads: of its operators, 0 for one per core.

    Returns:
        ``onnxruntime.InferenceSession``.

    Raises:
        FakeOrRealError: the file cannot be read, is not the network that was frozen, or takes another shape.
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
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # fatal: what else it has to say is in its exceptions
    try:
        network = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class for each of its codes
        reason = textwrap.shorten(str(error), 200, placeholder=" …")
        raise FakeOrRealError(f"{path}: is no network that can be run ({reason}). Freeze it again.") from error
    taken = [tuple(put_in.shape[1:]) for put_in in network.get_inputs()]
    if taken != [tuple(shape)]:
        raise FakeOrRealError(
            f"{path}: takes {', '.join(map(str, taken))}, but the front end gives {tuple(shape)}. Freeze it again."
        )
    return network
