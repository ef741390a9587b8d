import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis import tts
from fakeorreal.synthesis.tts import DEBIAN_PACKAGES, ENGINES, VOICES, Voice, missing_engines, speak

each_engine = pytest.mark.parametrize(
    "voice",
    [
        pytest.param(
            next(v for v in VOICES if v.engine == engine),
            id=engine,
            marks=pytest.mark.skipif(shutil.which(program) is None, reason=f"the program {program} is not installed"),
        )
        for engine, program in ENGINES.items()
    ],
)


@each_engine
def test_speaks_the_same_bytes_twice(tmp_path, voice):
    sentences = {"short": "Good morning.", "long": "Good morning, please enter the number of the conference."}
    for folder in ("a", "b"):
        assert speak(voice, sentences, tmp_path / folder) == []
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["long.wav", "short.wav"]
    for stem in sentences:
        assert (tmp_path / "a" / f"{stem}.wav").read_bytes() == (tmp_path / "b" / f"{stem}.wav").read_bytes()
    short, long = (sf.read(tmp_path / "a" / f"{stem}.wav")[0] for stem in sentences)
    rate = sf.info(tmp_path / "a" / "short.wav").samplerate
    assert short.ndim == 1 and rate >= 16000
    assert 0.4 * rate < len(short) < 2 * rate < len(long) < 8 * rate
    assert np.sqrt(np.mean(short**2)) > 0.01


@each_engine
def test_what_cannot_be_spoken_is_reported_and_leaves_no_file(tmp_path, voice):
    assert speak(voice, {"nothing": "", "something": "Good morning.", "blank": "  "}, tmp_path) == ["nothing", "blank"]
    assert [p.name for p in tmp_path.iterdir()] == ["something.wav"]


@each_engine
@pytest.mark.parametrize(
    "text",
    [
        '") (system "touch {0}") ("',
        '\\") (system "touch {0}") (\\"',
        '\'(system "touch {0}") hello',
        "$(touch {0}) `touch {0}` ; touch {0} & | touch {0} hello",
        "-o {0} hello",
        "--help",
        "hello \\",
        "-w {0} -f /etc/hostname hello",
        'hello\n(system "touch {0}")\n',
    ],
)
def test_text_is_spoken_and_never_obeyed(tmp_path, voice, text):
    trap = tmp_path / "trap"
    assert speak(voice, {"a": text.format(trap), "b": "Good morning."}, tmp_path / "out") == []
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.wav", "b.wav", "out"]
    assert sf.info(tmp_path / "out" / "a.wav").duration > 0.3


@each_engine
def test_any_folder_name(tmp_path, voice, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Path('José "x" (Ж) \\n -v')
    assert speak(voice, {"a": "Good morning."}, folder) == []
    assert [p.name for p in (tmp_path / folder).iterdir()] == ["a.wav"]
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]


@pytest.mark.skipif(shutil.which("festival") is None, reason="the program festival is not installed")
def test_a_voice_of_another_encoding(tmp_path):
    voice = next(v for v in VOICES if v.encoding == "iso-8859-1")
    assert speak(voice, {"a": "Perché no? “Così” – disse", "b": "Buongiorno"}, tmp_path / "Ж") == []
    assert len(list((tmp_path / "Ж").iterdir())) == 2


@pytest.mark.skipif(shutil.which("festival") is None, reason="the program festival is not installed")
def test_a_festival_voice_that_is_not_there(tmp_path):
    assert speak(Voice("festival", "nobody", "en"), {"a": "Good morning."}, tmp_path) == ["a"]


@pytest.mark.parametrize("engine", ENGINES)
def test_missing_engine(tmp_path, monkeypatch, engine):
    monkeypatch.setattr(shutil, "which", lambda program: None if program == ENGINES[engine] else f"/usr/bin/{program}")
    assert missing_engines() == [engine]
    voice = next(v for v in VOICES if v.engine == engine)
    with pytest.raises(FakeOrRealError, match=f"{engine} is not installed. Run: sudo apt-get install .*{engine}"):
        speak(voice, {"a": "Good morning."}, tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_hangs(tmp_path, monkeypatch, engine):
    program = tmp_path / ENGINES[engine]
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    run = tts._run
    monkeypatch.setattr(tts, "_run", lambda command, folder, seconds: run(command, folder, seconds=0.2))
    with pytest.raises(FakeOrRealError, match=f"{engine} took more than 0.2 s"):
        speak(next(v for v in VOICES if v.engine == engine), {"a": "Good morning."}, tmp_path / "out")


def test_voices():
    assert len({v.name for v in VOICES}) == len(VOICES)
    assert {v.engine for v in VOICES} == set(ENGINES)
    assert {v.language for v in VOICES} == {"en", "es", "it", "fr", "ru"}
    assert all((100 < v.rate < 200) if v.engine == "espeak-ng" else (0.8 < v.rate < 1.5) for v in VOICES)
    assert set(ENGINES.values()) <= set(DEBIAN_PACKAGES)
