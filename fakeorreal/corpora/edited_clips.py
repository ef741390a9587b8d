"""The embedded counterpart of FakeSound: speech and music of Debian in which regions were made anew.

Speech is the wide-band recordings of the packages that `fakeorreal.corpora.prompts` names: prompts of one speaker, put
end to end with their own pauses until ten seconds are nearly full, so that the joins are in both clips of a pair.
Testing has speakers and languages of its own; a sentence is in one clip only. Music is the five pieces of
asterisk-moh-opsound-g722, cut every ten seconds. Pieces are whole in their set but for one: hard takes its beginning,
zeroshot its end, with 24 s or more between them; both are testing.

`fakeorreal.corpora.edited_pairs` says how pairs are made and where they lie; ``sources.csv`` lists them with their
licences. All sources come from G.722, so the new samples pass it as well.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile as sf

from fakeorreal import channels
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.corpora import edited_pairs, prompts, prompts_build
from fakeorreal.corpora.edited_pairs import SECONDS, SETS, make_pair, write_sets
from fakeorreal.errors import FakeOrRealError

BUILD_VERSION = 2  # raise when other clips are chosen
PAIRS = {"train": (80, 40), "validation": (13, 7), "easy": (13, 7), "hard": (13, 7), "zeroshot": (48, 12)}
"""How many pairs of speech and of music a set has."""

MUSIC_PACKAGE = "asterisk-moh-opsound-g722"
SHORTEST = 6.0  # seconds of prompts put end to end
_SAMPLES = round(SECONDS * SAMPLE_RATE)


@dataclass(frozen=True)
class Stretch:
    """A part of a piece of music, from one share of its length to another, and whom to credit."""

    piece: str
    artist: str
    first: float = 0.0
    last: float = 1.0

    @property
    def name(self):
        return self.piece if self.last - self.first == 1 else f"{self.piece}@{self.first:g}-{self.last:g}"


MUSIC = {
    "train": (
        Stretch("reno_project-system", "Reno Project"),
        Stretch("macroform-the_simplicity", "Paul Shuler (Macroform)"),
    ),
    "validation": (Stretch("manolo_camp-morning_coffee", "Manolo Camp"),),
    "easy": (Stretch("macroform-robot_dity", "Paul Shuler (Macroform)"),),
    "hard": (Stretch("macroform-cold_day", "Paul Shuler (Macroform)", last=0.4),),
    "zeroshot": (Stretch("macroform-cold_day", "Paul Shuler (Macroform)", first=0.5),),
}


@dataclass(frozen=True)
class Take:
    """A clip before it is edited.

    Attributes:
        key: unique; the name of the pair.
        paths: recordings that follow each other in it.
        start: sample of the first recording that it begins at; it ends with the last, or after ten seconds.
        source: what no other set has.
        voice: speaker and language, or stretch of music; clips of one voice splice from each other.
        credit: speaker, language, package, licence and attribution.
    """

    key: str
    paths: tuple
    start: int
    source: str
    voice: str
    credit: tuple


def build(root, *, pairs=None, n_jobs=-1, progress=True):
    """Build the corpus, or what is missing of it. Needs no speech engine.

    Args:
        root: folder of the corpus, such as ``data/edited-clips``; packages go to ``downloads`` beside it.
        pairs: dict of set to how many pairs of speech and of music, ``PAIRS`` if None; the few without a stretch worth
            editing are then left out, see ``left_out.txt``.
        n_jobs: processes.
        progress: whether to show a progress bar.

    Returns:
        path of ``sources.csv``; it is written last, so it exists only beside a complete corpus.

    Raises:
        FakeOrRealError: packages that cannot be had, or fewer clips than wanted.
    """
    root = Path(root)
    downloads = root.parent / "downloads"
    listed, marker = root / "sources.csv", root / "build.json"
    share = prompts.fetch_packages(downloads / "debian")
    music = prompts.fetch_packages(downloads / "music", (MUSIC_PACKAGE,))
    chosen = choose_takes(prompts.plan(share), music, PAIRS if pairs is None else pairs)
    plan = [[subset, take.key, take.start, *(path.name for path in take.paths)] for subset, take in chosen]
    state = {
        "build": [BUILD_VERSION, edited_pairs.BUILD_VERSION],
        "plan": hashlib.sha256(json.dumps(plan).encode()).hexdigest(),
        "soxr": version("soxr"),
    }
    if marker.is_file() and json.loads(marker.read_text()) != state:
        prompts_build.clear(root, (listed.name, "left_out.txt", "meta_data", "licences", "parts", "audio"))
    if listed.is_file():
        shutil.rmtree(root / "parts", ignore_errors=True)  # of a build that was killed at its very end
        return listed
    root.mkdir(parents=True, exist_ok=True)
    prompts_build.write_text(marker, json.dumps(state))
    prompts_build.copy_licences(share, root / "licences")
    shutil.copyfile(music / "doc" / MUSIC_PACKAGE / "copyright", root / "licences" / f"{MUSIC_PACKAGE}.txt")

    with prompts_build.processes(n_jobs) as pool:
        found = prompts_build.run_jobs(pool, _render, _jobs(chosen, root), "edited clips", progress)
    rows_of = {key: rows for key, rows, _ in found}
    left_out = sorted(f"{key}: {fault}\n" for key, _, fault in found if fault)
    write_sets(root, [row for rows in rows_of.values() for row in rows])
    prompts_build.write_text(root / "left_out.txt", "".join(left_out))
    table = pd.DataFrame([_row(subset, take) for subset, take in chosen if rows_of[take.key]])
    prompts_build.write_text(listed, table.to_csv(index=False, lineterminator="\n"))
    shutil.rmtree(root / "parts")
    if progress:
        prompts_build.say_left_out(left_out, f"{len(chosen)} clips", root)
    return listed


def choose_takes(sentences, music, pairs):
    """The clips of the corpus, in an order that depends on names only.

    Args:
        sentences: list of ``prompts.Sentence``.
        music: the ``share`` folder of the music.
        pairs: dict of set to how many pairs of speech and of music.

    Returns:
        list of (set, `Take`), the sets in their order.

    Raises:
        FakeOrRealError: more than there are.
    """
    speech = {split: _in_turns(_joined(sentences, split)) for split in ("training", "validation", "testing")}
    chosen = []
    for subset, (spoken, played) in pairs.items():
        pool = speech[{"train": "training", "validation": "validation"}.get(subset, "testing")]
        pieces = _in_turns([_cut(music, stretch) for stretch in MUSIC[subset]])
        for kind, wanted, there in (("speech", spoken, pool), ("music", played, pieces)):
            if wanted > len(there):
                raise FakeOrRealError(
                    f"{subset} can have {len(there)} pairs of {kind}. Received: {wanted}. Take fewer."
                )
        chosen += [(subset, take) for take in (*pool[:spoken], *pieces[:played])]
        del pool[:spoken]
    return chosen


def _joined(sentences, split):
    """Clips of one split, a list for each voice: the prompts of a voice end to end, each sentence once."""
    voices, said = {}, set()
    for sentence in sorted(sentences, key=lambda s: hashlib.sha256(s.stem.encode()).digest()):
        source = sentence.source
        if sentence.split != split or source.telephone or (source, sentence.group) in said:
            continue
        said.add((source, sentence.group))
        voices.setdefault(f"{source.language}-{source.speaker}", []).append(sentence)
    return [_filled(voice, voices[voice]) for voice in sorted(voices)]


def _filled(voice, sentences):
    held, seconds = [[]], 0.0
    for sentence in sentences:
        more = _seconds(sentence.path)
        if held[-1] and seconds + more > SECONDS:
            held, seconds = [*held, []], 0.0
        held[-1].append(sentence)
        seconds += more
    return [_spoken(voice, some) for some in held if sum(_seconds(s.path) for s in some) >= SHORTEST]


def _spoken(voice, sentences):
    source, key = sentences[0].source, sentences[0].stem
    credit = (source.speaker, source.language, source.package, source.licence, source.attribution)
    return Take(key, tuple(s.path for s in sentences), 0, key, voice, credit)


def _seconds(path):
    return path.stat().st_size * 2 / SAMPLE_RATE if path.suffix == ".g722" else sf.info(path).duration


def _cut(music, stretch):
    path = music / "asterisk" / "moh" / f"{stretch.piece}.g722"
    samples = 2 * path.stat().st_size
    starts = range(round(stretch.first * samples), round(stretch.last * samples) - _SAMPLES + 1, _SAMPLES)
    credit = (stretch.artist, "none", MUSIC_PACKAGE, "CC-BY-SA-3.0", stretch.artist)
    return [
        Take(f"{stretch.piece}-{k // SAMPLE_RATE:03d}s", (path,), k, stretch.name, stretch.name, credit) for k in starts
    ]


def _in_turns(takes_of):
    """One list of several: the first of each, the second of each, and so on."""
    return [take for turn in zip_longest(*takes_of) for take in turn if take is not None]


def _jobs(chosen, root):
    """Arguments of `_render`; the donor is the next clip of the same voice in the same set."""
    turns, jobs = dict.fromkeys(SETS, -1), []
    for subset, take in chosen:
        turns[subset] += 1
        alike = [other for name, other in chosen if name == subset and other.voice == take.voice]
        donor = alike[(alike.index(take) + 1) % len(alike)]
        jobs.append((take, donor if donor != take else None, subset, turns[subset], root))
    return jobs


def _render(take, donor, subset, turn, root):
    """Write a pair: (key, rows, why it was left out or None)."""
    try:
        rows = make_pair(
            _read(take),
            key=take.key,
            subset=subset,
            source=take.source,
            turn=turn,
            root=root,
            donor=donor and _read(donor),
            channel=channels.g722,
            notes={"speaker": take.credit[0], "language": take.credit[1]},
        )
    except FakeOrRealError as error:
        return take.key, [], str(error)
    return take.key, rows, None


def _read(take):
    recordings = [prompts_build.read_recording(path) for path in take.paths]
    return np.concatenate(recordings)[take.start :][:_SAMPLES]


def _row(subset, take):
    names = ("speaker", "language", "package", "licence", "attribution")
    recordings = " ".join(path.name for path in take.paths)
    return {"pair": take.key, "set": subset, "source": take.source, "recordings": recordings} | dict(
        zip(names, take.credit, strict=True)
    )
