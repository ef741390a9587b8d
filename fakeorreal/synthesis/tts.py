"""Text to speech with three free engines: espeak-ng (formant), flite (cluster, diphone), festival (diphone, HTS).

The engines are system programs, called as processes with their text in a file, never through a shell.
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fakeorreal.errors import FakeOrRealError

ENGINES = {"espeak-ng": "espeak-ng", "flite": "flite", "festival": "festival"}
DEBIAN_PACKAGES = (
    "espeak-ng",
    "flite",
    "festival",
    "festvox-kallpc16k",
    "festvox-kdlpc16k",
    "festvox-us-slt-hts",
    "festvox-italp16k",
    "festvox-itapc16k",
    "festvox-ru",
)


@dataclass(frozen=True)
class Voice:
    """A synthetic voice.

    Attributes:
        engine: key of ``ENGINES``.
        voice: the engine's own name for it.
        language: two letters.
        rate: words per minute for espeak-ng; for the others the factor on duration. Chosen so that the median
            utterance is about as long as the human one.
        encoding: what the engine's text file is written in.
    """

    engine: str
    voice: str
    language: str
    rate: float = 1.0
    encoding: str = "utf-8"

    @property
    def name(self):
        return f"{self.engine}-{self.voice}"


VOICES = (
    Voice("espeak-ng", "en-us", "en", 143),
    Voice("espeak-ng", "en-gb-x-rp+f2", "en", 140),
    Voice("flite", "kal16", "en", 1.35),
    Voice("flite", "awb", "en", 1.18),
    Voice("flite", "rms", "en", 1.03),
    Voice("flite", "slt", "en", 1.19),
    Voice("festival", "kal_diphone", "en", 1.21),
    Voice("festival", "ked_diphone", "en", 1.19),
    Voice("festival", "cmu_us_slt_arctic_hts", "en", 1.13),
    Voice("espeak-ng", "es", "es", 115),
    Voice("espeak-ng", "es-419+f3", "es", 123),
    Voice("espeak-ng", "es-419+m5", "es", 121),
    Voice("espeak-ng", "it+m2", "it", 174),
    Voice("espeak-ng", "it+f4", "it", 169),
    Voice("festival", "lp_diphone", "it", 1.0, "iso-8859-1"),
    Voice("festival", "pc_diphone", "it", 1.0, "iso-8859-1"),
    Voice("espeak-ng", "fr-fr", "fr", 130),
    Voice("espeak-ng", "fr-be+f5", "fr", 136),
    Voice("espeak-ng", "fr-ch+m7", "fr", 135),
    Voice("espeak-ng", "ru+f1", "ru", 139),
    Voice("espeak-ng", "ru-lv+m3", "ru", 135),
    Voice("festival", "msu_ru_nsh_clunits", "ru"),
)


def missing_engines():
    """Names of the engines whose programs are not on the PATH."""
    return [name for name, program in ENGINES.items() if shutil.which(program) is None]


def speak(voice, sentences, folder):
    """Speak sentences into WAV files, at the engine's own sample rate.

    Args:
        voice: a ``Voice``.
        sentences: dict of file stem → text.
        folder: where ``<stem>.wav`` is written.

    Returns:
        list of stems that the engine could not speak; no file is left for those.

    Raises:
        FakeOrRealError: the engine is not installed, or does not come to an end.
    """
    program = shutil.which(ENGINES[voice.engine])
    if program is None:
        raise FakeOrRealError(f"{voice.engine} is not installed. Run: sudo apt-get install {' '.join(DEBIAN_PACKAGES)}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if voice.engine == "festival":
        _festival(program, voice, sentences, folder)
    else:
        for stem, text in sentences.items():
            _speak_one(program, voice, text, folder / f"{stem}.wav")
    return [stem for stem in sentences if not _usable(folder / f"{stem}.wav")]


def _usable(path):
    if path.is_file() and path.stat().st_size > 2000:
        return True
    path.unlink(missing_ok=True)
    return False


def _speak_one(program, voice, text, path):
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding=voice.encoding, errors="replace") as script:
        script.write(text)
        script.flush()
        if voice.engine == "espeak-ng":
            options = ["-v", voice.voice, "-s", f"{voice.rate:g}", "-b", "1", "-w", path.name]
        else:
            options = ["-voice", voice.voice, "--setf", f"duration_stretch={voice.rate:g}", "-o", path.name]
        _run([program, *options, "-f", script.name], path.parent, seconds=120)


def _festival(program, voice, sentences, folder):
    """One process for many sentences, since a voice takes longer to load than to speak; what failed is tried alone."""
    _festival_batch(program, voice, sentences, folder)
    for stem, text in sentences.items():
        if not _usable(folder / f"{stem}.wav"):
            _festival_batch(program, voice, {stem: text}, folder)


def _festival_batch(program, voice, sentences, folder):
    lines = [f"(voice_{voice.voice})", f"(Parameter.set 'Duration_Stretch {voice.rate:g})"]
    for stem, text in sentences.items():
        quoted = text.replace("\\", " ").replace('"', " ")
        lines.append(f'(utt.save.wave (utt.synth (Utterance Text "{quoted}")) "{stem}.wav" \'riff)')
    with tempfile.NamedTemporaryFile("wb", suffix=".scm") as script:
        script.write("\n".join(lines).encode(voice.encoding, "replace"))
        script.flush()
        _run([program, "-b", script.name], folder, seconds=60 + 10 * len(sentences))


def _run(command, folder, *, seconds):
    """Run an engine inside the folder it writes to, so that no folder name has to be quoted for it.

    Its exit code says nothing: engines report success without speaking, and failure after speaking.
    """
    try:
        subprocess.run(command, cwd=folder, check=False, capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired as error:
        raise FakeOrRealError(f"{command[0]} took more than {seconds} s. Try again when less is running.") from error
