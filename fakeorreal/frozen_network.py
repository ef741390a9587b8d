"""A network as it was frozen: an ONNX file whose content is known by its hash, run without TensorFlow."""

import hashlib
from pathlib import Path

import onnxruntime

from fakeorreal.errors import FakeOrRealError


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
    found = hashlib.sha256(data).hexdigest()
    if found != member["sha256"]:
        raise FakeOrRealError(
            f"{path}: is not the network that was frozen (SHA-256 {found[:12]}…, expected {member['sha256'][:12]}…). "
            "Copy the folder again."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    network = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    taken = [tuple(put_in.shape[1:]) for put_in in network.get_inputs()]
    if taken != [tuple(shape)]:
        raise FakeOrRealError(
            f"{path}: takes {', '.join(map(str, taken))}, but the front end gives {tuple(shape)}. Freeze it again."
        )
    return network
