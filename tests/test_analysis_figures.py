"""An analysis in a notebook: pictures show what they are given, and the outputs outlive cleaning."""

import base64
import re

import nbformat
import numpy as np
import pytest
import soundfile as sf
from analysis_double import make_analysis, make_segment
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from fakeorreal import notebooks, plotting
from fakeorreal.analysis_figures import segment_maps, whole_recording


@pytest.fixture
def talk(tmp_path, make_speech):
    path = tmp_path / "talk.wav"
    sf.write(path, make_speech(6.0, 16000), 16000)
    return str(path)


def images(ax):
    return [np.asarray(image.get_array()) for image in ax.images]


def test_the_whole_recording(talk):
    analysis = make_analysis(talk)
    wave, sound, values = whole_recording(analysis).axes
    assert [text.get_text() for text in wave.texts] == ["1", "2"]
    assert images(sound)[0].shape[0] == 256
    bars = [(bar.get_x(), bar.get_height()) for bar in values.patches if bar.get_width() < 1]
    np.testing.assert_allclose(bars, [(start, 100 * p) for start, _, p in analysis.per_second])
    assert values.lines[0].get_ydata()[0] == pytest.approx(100 / (1 + np.exp(-0.5)))
    colours = [plotting.mpl.colors.to_hex(bar.get_facecolor()) for bar in values.patches if bar.get_width() < 1]
    assert colours == [plotting.COLOURS[1]] * 2 + [plotting.COLOURS[0]] * 4


@pytest.mark.parametrize("kind", ["map", "measures"])
def test_maps_of_a_segment(kind):
    segment = make_segment(gradients=kind)
    left, right, *_ = segment_maps(segment).axes
    _, over = images(left)
    np.testing.assert_array_equal(over, segment.occlusion)
    assert left.images[1].origin == "lower" and left.images[1].norm.vmin == -left.images[1].norm.vmax
    (values,) = images(right)
    if kind == "map":
        np.testing.assert_array_equal(values, segment.gradients.values)
    else:
        names = [text.get_text() for text in right.get_yticklabels()]
        assert names == ["how fast +4.50", "how <b>abruptly</b> -2.00"]
        np.testing.assert_array_equal(values, segment.gradients.values)


def test_without_gradients_there_is_one_map():
    assert len(segment_maps(make_segment(gradients=None)).axes) == 2  # and its colour bar


@pytest.fixture
def shown(talk):
    """What a notebook keeps of an analysis that is the value of a cell, after cleaning."""
    shell = InteractiveShell.instance()
    try:
        with capture_output() as said:
            shell.display_formatter.format(make_analysis(talk, gradients="measures"))
        outputs = [nbformat.v4.new_output("stream", name="stdout", text=said.stdout)]
        outputs += [nbformat.v4.new_output("display_data", data=mimebundle(out.data)) for out in said.outputs]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("analysis", outputs=outputs)])
        nbformat.validate(notebook := notebooks.clean(notebook))
        return notebook
    finally:
        InteractiveShell.clear_instance()


def mimebundle(data):
    return {kind: base64.b64encode(v).decode() if isinstance(v, bytes) else v for kind, v in data.items()}


def test_a_committed_notebook_shows_it(shown):
    said, *pictures = shown.cells[0].outputs
    assert "talk.wav: fake." in said.text and "RMS of probabilities" in said.text
    assert "Hiding 2–3 kHz" in said.text and "the gap is 0.4 %" in said.text
    kinds = [("image/jpeg" in out.data, "<audio" in out.data.get("text/html", "")) for out in pictures]
    assert kinds == [(True, False), (True, False), (False, True), (True, False), (False, True)]
    for out in pictures[2::2]:
        wav = re.search(r"data:audio/wav;base64,([^\"]+)", out.data["text/html"])[1]
        assert base64.b64decode(wav)[:4] == b"RIFF"


def test_a_notebook_stays_small(shown):
    assert len(nbformat.writes(shown)) < 1e6
