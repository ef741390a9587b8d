"""Frozen networks and settings that a stranger wrote: little memory, an end, one clear sentence, never a verdict."""

import hashlib
import json
import resource
import time
from pathlib import Path

import fuzz
import numpy as np
import pytest
from test_bad_input import MOST_MEMORY, refused

from fakeorreal import detector, frozen_network
from fakeorreal.errors import FakeOrRealError
from fakeorreal.frozen_network import load_network


@pytest.fixture
def frozen(tmp_path):
    """Function ``(data)`` -> what `load_network` needs of a network from (3,) to (2,), its hash being right."""

    def make(data):
        (tmp_path / "a.onnx").write_bytes(data)
        return tmp_path, {"file": "a.onnx", "sha256": hashlib.sha256(data).hexdigest()}, (3,), (2,)

    return make


def onnx_network(nodes, weights=(), domains=()):
    onnx = pytest.importorskip("onnx")
    make, number = onnx.helper, onnx.TensorProto.FLOAT
    taken = make.make_tensor_value_info("x", number, [None, 3])
    given = make.make_tensor_value_info("y", number, None)
    made = [make.make_node(*node[:3], **({"body": node[3]} if node[3:] else {})) for node in nodes]
    graph = make.make_graph(made, "g", [taken], [given], weights)
    for node in graph.node:
        node.domain = domains[0] if domains else ""
    opsets = [make.make_opsetid("", 17), *(make.make_opsetid(domain, 1) for domain in domains)]
    return make.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def weight(*dims, raw=b"", **elsewhere):
    """An initialiser, in the model or elsewhere."""
    tensor = pytest.importorskip("onnx").TensorProto(name="w", data_type=1, dims=dims, raw_data=raw)
    for key, value in elsewhere.items():
        tensor.data_location = 1
        tensor.external_data.add(key=key, value=value)
    return [tensor]


TIMES = [("MatMul", ["x", "w"], ["y"])]


def without_output():
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(onnx_network(TIMES, weight(3, 2, raw=bytes(24))))
    del model.graph.output[:]
    return model.SerializeToString()


NETWORKS = {
    "garbage": lambda: b"garbage",
    "nothing": lambda: b"",
    "half": lambda: onnx_network(TIMES, weight(3, 2, raw=bytes(24)))[:50],
    "weights of a parent folder": lambda: onnx_network(TIMES, weight(3, 2, location="../../../../etc/passwd")),
    "weights of the system": lambda: onnx_network(TIMES, weight(3, 2, location="/etc/passwd")),
    "weights beside it": lambda: onnx_network(TIMES, weight(3, 2, location="w.bin")),
    "weights in memory": lambda: onnx_network(
        TIMES, weight(3, 2, location="*/_ORT_MEM_ADDR_/*", offset="4096", length="24")
    ),
    "weights of a terabyte": lambda: onnx_network(TIMES, weight(3, 10**11)),
    "weights of too many": lambda: onnx_network(TIMES, weight(2**62, 2**62, raw=bytes(24))),
    "weights of less than nothing": lambda: onnx_network(TIMES, weight(-1, 4, raw=bytes(24))),
    "an unknown operator": lambda: onnx_network([("Evil", ["x"], ["y"])], domains=["evil"]),
    "no output": without_output,
    "Python": lambda: onnx_network([("PyOp", ["x"], ["y"])], domains=["com.microsoft"]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_hostile_networks(tmp_path, frozen, monkeypatch, capfd, name):
    monkeypatch.chdir(tmp_path)
    np.ones(6, np.float32).tofile("w.bin")
    folder, *asked = frozen(NETWORKS[name]())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(lambda path: load_network(folder, *asked), folder / "a.onnx")
    assert 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < MOST_MEMORY / 2
    assert capfd.readouterr() == ("", "")


def test_the_network_that_they_are_made_of_is_run(frozen):
    network = load_network(*frozen(onnx_network(TIMES, weight(3, 2, raw=np.ones(6, "<f4").tobytes()))))
    np.testing.assert_array_equal(network(np.ones((1, 3), np.float32)), [[3, 3]])


def constants(**values):
    numpy_helper = pytest.importorskip("onnx.numpy_helper")
    return [numpy_helper.from_array(np.array(value), name) for name, value in values.items()]


def for_ever():
    """A network that doubles its input 10^15 times."""
    onnx = pytest.importorskip("onnx")
    make, kinds = onnx.helper, onnx.TensorProto
    signature = {"taken": [("i", kinds.INT64, []), ("go", kinds.BOOL, []), ("v", kinds.FLOAT, None)]}
    signature["given"] = [("on", kinds.BOOL, []), ("v2", kinds.FLOAT, None)]
    taken, given = ([make.make_tensor_value_info(*value) for value in values] for values in signature.values())
    nodes = [make.make_node("Identity", ["go"], ["on"]), make.make_node("Add", ["v", "v"], ["v2"])]
    return make.make_graph(nodes, "body", taken, given)


RUNS = {
    "two gigabytes": lambda: onnx_network(
        [("ConstantOfShape", ["s"], ["c"]), ("ReduceSum", ["c"], ["r"]), ("Add", ["x", "r"], ["y"])],
        constants(s=[1000, 1000, 500]),
    ),
    "a terabyte": lambda: onnx_network([("Expand", ["x", "s"], ["y"])], constants(s=[10**6, 10**5, 1, 3])),
    "no end": lambda: onnx_network([("Loop", ["n", "go", "x"], ["y"], for_ever())], constants(n=10**15, go=True)),
    "what is not there": lambda: onnx_network([("Gather", ["x", "k"], ["y"])], constants(k=[99])),
    "another shape": lambda: onnx_network([("Identity", ["x"], ["y"])]),
    "one row of eight": lambda: onnx_network(
        [("MatMul", ["x", "w"], ["m"]), ("ReduceMean", ["m"], ["y"])], weight(3, 2, raw=bytes(24))
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_networks_that_cannot_be_run(frozen, monkeypatch, capfd, name):
    monkeypatch.setattr(frozen_network, "MOST_SECONDS", 1)
    folder, *asked = frozen(RUNS[name]())
    network = load_network(folder, *asked)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    message = refused(lambda path: network(np.ones((8, 3), np.float32)), folder / "a.onnx")
    assert ("takes more than 1 s" in message) == (name == "no end")
    assert 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < MOST_MEMORY
    assert time.process_time() - start < 10
    assert capfd.readouterr() == ("", "")


SETTINGS = {
    "brackets": "[" * fuzz.DEEP,
    "objects": '{"a":' * fuzz.DEEP,
    "a long number": '{"sr": ' + 10_000 * "9" + "}",
    "no hash": lambda settings: settings["members"][0].pop("sha256"),
    "a hash that is none": lambda settings: settings["members"][0].update(sha256=["0"]),
    "another hash": lambda settings: settings["members"][0].update(sha256=64 * "0"),
    "a parent folder": lambda settings: settings["members"][0].update(file="../a.onnx"),
    "no number": lambda settings: settings.update(threshold=float("nan")),
    "an endless window": lambda settings: settings.update(window=float("inf")),
    "a window of years": lambda settings: [
        part.update(seconds=1e300, window=1e300) for part in (settings, settings["front_end"])
    ],
    "no step": lambda settings: settings.update(hop=0),
    "a step of one sample": lambda settings: settings.update(hop=1 / 16000),
    "a list for an object": lambda settings: settings.update(calibration=[1, 2]),
    "another front end": lambda settings: settings.update(front_end={"class": "os.system"}),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_hostile_settings(tmp_path, name):
    text, change = "", SETTINGS[name]
    if isinstance(change, str):
        text = change
    else:
        settings = json.loads(Path(detector.__file__).with_name("weights").joinpath("detector.json").read_text())
        change(settings)
        text = json.dumps(settings)
        (tmp_path / settings["members"][0]["file"]).write_bytes(b"no network")
    (tmp_path / "detector.json").write_text(text)
    with pytest.raises(FakeOrRealError) as error:
        detector.load_detector(tmp_path)
    message = str(error.value)
    assert message.count(str(tmp_path)) == 1 and "\n" not in message and len(message) < 1000
