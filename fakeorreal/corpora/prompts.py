"""'prompts', the embedded corpus: where its human speech and its sentences come from, and who says what.

Real speech is the telephone prompts that Debian and Ubuntu package for the Asterisk exchange: professional speakers,
16 kHz G.722 (one of them 8 kHz), Creative Commons. Fakes are the same sentences from text-to-speech engines, and copy
synthesis of the recordings. ``prompts_build`` renders the plan made here into FoR's own folder layout.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.tts import VOICES
from fakeorreal.synthesis.vocoders import VOCODERS

INSTALLED = Path("/usr/share")
UNSEEN_VOCODER = "harmonic-noise"
TRAINING_VOCODERS = tuple(v for v in VOCODERS if v != UNSEEN_VOCODER)
VALIDATION_SHARE = 0.17  # of the sentences of the training speakers; FoR has 5,400 of 32,300


@dataclass(frozen=True)
class Source:
    """One human voice in one language: the folder it is in, its band, and whom to credit."""

    folder: str
    language: str
    speaker: str
    testing: bool
    telephone: bool
    package: str
    licence: str
    attribution: str


SOURCES = (
    Source(
        "en_US_f_Allison",
        "en",
        "allison",
        False,
        False,
        "asterisk-core-sounds-en-g722",
        "CC-BY-SA-3.0",
        "Allison Smith, theivrvoice.com; Digium, Inc.",
    ),
    Source(
        "es_MX_f_Allison",
        "es",
        "allison",
        False,
        False,
        "asterisk-core-sounds-es-g722",
        "CC-BY-SA-3.0",
        "Allison Smith, theivrvoice.com; Digium, Inc.",
    ),
    Source(
        "it_IT_m_Carlo",
        "it",
        "carlo",
        False,
        False,
        "asterisk-core-sounds-it-g722",
        "CC-BY-3.0",
        "Carlo Flora, carloflora.com; translated by Silvia Petrin, segreterietelefoniche.it",
    ),
    Source(
        "it_IT_f_Menardi",
        "it",
        "paola",
        False,
        True,
        "asterisk-prompt-it-menardi-wav",
        "CC-BY-SA-3.0-IT",
        "Marco Menardi and Paola Dal Zot, www.voip.ammdomus.it",
    ),
    Source(
        "fr_CA_f_June",
        "fr",
        "june",
        True,
        False,
        "asterisk-core-sounds-fr-g722",
        "CC-BY-SA-3.0",
        "June Wallack, junewallack.com; Digium, Inc.; Unlimitel; BGM Informatique",
    ),
    Source(
        "ru_RU_f_IvrvoiceRU",
        "ru",
        "ivrvoice",
        True,
        False,
        "asterisk-core-sounds-ru-g722",
        "CC-BY-3.0",
        "Maxim Topal, www.ivrvoice.ru",
    ),
)
GENDERS = {
    **{source.speaker: {"f": "female", "m": "male"}[source.folder.split("_")[2]] for source in SOURCES},
    **{voice.name: "female" for voice in VOICES if "+f" in voice.voice},
    **{voice.name: "male" for voice in VOICES if "+m" in voice.voice},
    "flite-awb": "male",
    "flite-rms": "male",
    "flite-slt": "female",
    "festival-kal_diphone": "male",
    "festival-ked_diphone": "male",
    "festival-cmu_us_slt_arctic_hts": "female",
    "festival-lp_diphone": "female",
    "festival-pc_diphone": "male",
    "festival-msu_ru_nsh_clunits": "male",
}
"""Speaker → gender of the voice, where it is stated: of recordings by the packages' folder names (``_f_``, ``_m_``),
of espeak-ng by its voice variants, of festival by the ``gender`` of its voice files, of flite by its README. The plain
voices of espeak-ng and flite's kal16 state none."""

TEXT_PACKAGES = tuple(f"asterisk-core-sounds-{language}" for language in ("en", "es", "fr", "it", "ru"))
PACKAGES = (*(source.package for source in SOURCES), *TEXT_PACKAGES, "asterisk-prompt-it-menardi")


@dataclass(frozen=True)
class Sentence:
    """A sentence as one human said it, and the one generator that fakes it.

    Attributes:
        stem: unique file stem, ``language-speaker-prompt``.
        path: the recording.
        text: what is said.
        group: shared by all who say this sentence in this language, whatever its prompt is called.
        split: training, validation or testing.
        source: the voice.
        generator: name of a TTS voice or of a vocoder.
    """

    stem: str
    path: Path
    text: str
    group: str
    split: str
    source: Source
    generator: str


def fetch_packages(folder, packages=PACKAGES):
    """Download the packages, unless all are installed, and unpack them below ``folder``; needs no root.

    Args:
        folder: where packages are kept and unpacked; no others may be in it.
        packages: their names.

    Returns:
        the ``share`` folder that holds ``asterisk`` and ``doc``.

    Raises:
        FakeOrRealError: no apt-get, no network, or a package that is not to be had.
    """
    if all(_installed(name) for name in packages):
        return INSTALLED
    folder = Path(folder)
    unpacked, draft = folder / "unpacked", folder / "unpacking"
    if not unpacked.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        hint = (
            f"Run: sudo apt-get update && sudo apt-get install {' '.join(packages)} (Debian or Ubuntu). "
            "Elsewhere put data of your own into a folder and name it, as data/README.md says (FAKEORREAL_DATA)."
        )
        for program in ("apt-get", "dpkg-deb"):
            if shutil.which(program) is None:
                raise FakeOrRealError(f"the packages cannot be fetched: {program} is not on this system. {hint}")
        _run(["apt-get", "download", *packages], folder, hint)
        shutil.rmtree(draft, ignore_errors=True)
        for name in packages:
            archive = max(folder.glob(f"{name}_*.deb"), key=lambda p: p.stat().st_mtime)
            _run(["dpkg-deb", "-x", archive.name, draft.name], folder, hint)
        os.replace(draft, unpacked)  # so that what is unpacked is whole
    return unpacked / "usr" / "share"


def _run(command, folder, hint):
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise FakeOrRealError(f"the packages cannot be fetched: {command[0]} says {reason!r}. {hint}")


def _installed(package):
    """Whether a package is there whole: systems made small keep its copyright and drop the rest of its doc folder."""
    texts = package not in TEXT_PACKAGES or _texts_path(INSTALLED, package).is_file()
    return texts and (INSTALLED / "doc" / package / "copyright").is_file()


def _texts_path(share, package):
    return share / "doc" / package / f"{package.removeprefix('asterisk-')}.txt.gz"


def read_texts(share, language):
    """Sentence texts of a language: dict of prompt name → text; tones, notes and single words are left out."""
    path = _texts_path(share, f"asterisk-core-sounds-{language}")
    texts = {}
    for line in gzip.decompress(path.read_bytes()).decode("utf-8-sig").splitlines():
        prompt, colon, text = line.partition(":")
        text = re.sub(r"[^\w\s.,;:?!'’%+-]", " ", text).strip()
        is_note = line.startswith(";") or re.match(r"\s*[\[(<]", line.partition(":")[2])
        if colon and not is_note and len(text.split()) >= 2:
            texts[prompt.strip()] = re.sub(r"\s+", " ", text)
    return texts


def plan(share):
    """Who says what: every sentence with its split and its generator.

    Speakers and languages of testing are in no other split, nor are its TTS voices and one of its vocoders. Within a
    voice, TTS and copy synthesis alternate and generators take turns, in an order that depends on names only.

    Args:
        share: folder from ``fetch_packages``.

    Returns:
        list of ``Sentence``, sorted by stem.
    """
    sentences = []
    for source in SOURCES:
        texts = read_texts(share, source.language)
        first_with = {}
        for prompt in sorted(texts):
            first_with.setdefault(_plain(texts[prompt]), prompt)
        voices = [voice.name for voice in VOICES if voice.language == source.language]
        vocoders = list(VOCODERS) if source.testing else TRAINING_VOCODERS
        root = share / "asterisk" / "sounds" / source.folder
        recordings = [*sorted(root.rglob("*.wav")), *sorted(root.rglob("*.g722"))]  # where both are there, .g722 wins
        found = {str(p.relative_to(root).with_suffix("")): p for p in recordings}
        turns = {}
        for prompt in sorted(found, key=lambda name: _digest(source.folder + name)):
            if prompt not in texts or prompt.startswith(("digits/", "letters/", "phonetic/", "silence/")):
                continue
            group = f"{source.language}/{first_with[_plain(texts[prompt])]}"
            split = "testing" if source.testing else "validation" if _in_validation(group) else "training"
            turn = turns[split] = turns.get(split, -1) + 1
            pool = voices if turn % 2 == 0 else vocoders
            sentences.append(
                Sentence(
                    stem=f"{source.language}-{source.speaker}-{prompt.replace('/', '_')}",
                    path=found[prompt],
                    text=texts[prompt],
                    group=group,
                    split=split,
                    source=source,
                    generator=pool[turn // 2 % len(pool)],
                )
            )
    return sorted(sentences, key=lambda s: s.stem)


def _plain(text):
    return " ".join(re.findall(r"\w+", text.lower()))


def _digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def _in_validation(group):
    return int(_digest(group)[:8], 16) / 16**8 < VALIDATION_SHARE
