"""Render the plan of the embedded corpus into FoR's folder layout: for-norm, for-2sec and for-rerec.

Both classes pass one chain: a G.722 round trip (the recordings come with theirs), the band of their source, silence
removal, level, room tone, another G.722 round trip. A fake is as long as its human original, to the sample, and
equalised to its broad spectrum. A fourth folder, ``placebo``, holds testing recordings that went down the path of the
fakes without any synthesis: a detector that tells them from the human clips has learned the path.
"""

import csv
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import joblib
import numpy as np
import soundfile as sf
from tqdm.auto import tqdm

from fakeorreal import audio, channels
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.corpora import for_dataset, prompts
from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import write_atomically
from fakeorreal.synthesis.tts import DEBIAN_PACKAGES, VOICES, missing_engines, speak
from fakeorreal.synthesis.vocoders import VOCODERS, copy_synthesis

BUILD_VERSION = 4  # raise when the sound of the corpus changes
SECONDS = 2.0
PLACEBO = "placebo"  # a 'fake' without synthesis: the recording itself, sent down the path of the fakes
SHORTEST = 1.0  # seconds of speech that a clip of for-norm has at least
MANIFEST_COLUMNS = (
    *("clip", "label", "split", "group", "speaker", "generator", "language", "seconds"),
    *("package", "licence", "attribution", "sha256"),
)
_PER_JOB = 16


def build(root, *, n_jobs=-1, progress=True):
    """Build the embedded corpus, or what is missing of it.

    Args:
        root: folder of the corpus, such as ``data/prompts``; packages and raw speech go to ``downloads`` beside it.
        n_jobs: processes.
        progress: whether to show progress bars.

    Returns:
        path of ``manifest.csv``; it is written last, so it exists only beside a complete corpus.

    Raises:
        FakeOrRealError: packages or speech engines that cannot be had.
    """
    root = Path(root)
    downloads = root.parent / "downloads"
    manifest, marker = root / "manifest.csv", root / "build.json"
    if missing_engines() and not manifest.is_file():
        raise FakeOrRealError(
            f"the speech engines {', '.join(missing_engines())} are not installed. "
            f"Run: sudo apt-get install {' '.join(DEBIAN_PACKAGES)}"
        )
    share = prompts.fetch_packages(downloads / "debian")
    sentences = prompts.plan(share)
    state = {"build": BUILD_VERSION, "plan": _plan_hash(sentences, share), "soxr": version("soxr")}
    if marker.is_file() and json.loads(marker.read_text()) != state:
        clear(root, ("manifest.csv", "left_out.txt", "parts", "licences", PLACEBO, *for_dataset.PARTS))
    if manifest.is_file():
        shutil.rmtree(root / "parts", ignore_errors=True)  # of a build that was killed at its very end
        return manifest
    root.mkdir(parents=True, exist_ok=True)
    write_text(marker, json.dumps(state))
    copy_licences(share, root / "licences")

    with processes(n_jobs) as pool:
        speech = downloads / "speech" / state["plan"][:12]
        run_jobs(pool, _speak_job, _speech_jobs(sentences, speech), "text to speech", progress)
        jobs = [(sentences[i : i + _PER_JOB], speech, root, i // _PER_JOB) for i in range(0, len(sentences), _PER_JOB)]
        run_jobs(pool, _render_job, jobs, "clips", progress)

    parts = [json.loads((root / "parts" / f"{k}.json").read_text()) for k in range(len(jobs))]
    rows = sorted((row for part in parts for row in part["rows"]), key=lambda row: row["clip"])
    left_out = [line for part in parts for line in part["left_out"]]
    write_text(root / "left_out.txt", "".join(line + "\n" for line in left_out))
    table = io.StringIO()
    writer = csv.DictWriter(table, MANIFEST_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(manifest, table.getvalue())
    shutil.rmtree(root / "parts")
    if progress:
        say_left_out(left_out, f"{len(sentences)} sentences", root)
    return manifest


def processes(n_jobs):
    """Pool of processes of this machine, with one thread each."""
    return joblib.Parallel(n_jobs, backend="loky", return_as="generator_unordered", inner_max_num_threads=1)


def run_jobs(pool, job, jobs, title, progress):
    """What ``job`` returns for each tuple of arguments, in the order of completion."""
    tasks = pool(joblib.delayed(job)(*arguments) for arguments in jobs)
    return list(tqdm(tasks, total=len(jobs), desc=title, disable=not progress))


def say_left_out(lines, whole, root):
    """Say on the error stream, which notebooks do not keep, how much of the whole was left out of a corpus."""
    if lines:
        tqdm.write(f"{len(lines)} of {whole} were left out; see {root.name}/left_out.txt", file=sys.stderr)


def _plan_hash(sentences, share):
    parts = [f"{s.stem} {s.text} {s.split} {s.generator} {s.path.relative_to(share)}" for s in sentences]
    parts += [repr(voice) for voice in VOICES]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def clear(root, names):
    """Delete what a build makes, its manifest named first and its marker not at all, so that a kill does no harm."""
    for name in names:
        if (root / name).is_dir():
            shutil.rmtree(root / name)
        else:
            (root / name).unlink(missing_ok=True)


def copy_licences(share, folder):
    folder.mkdir(exist_ok=True)
    for package in prompts.PACKAGES:
        shutil.copyfile(share / "doc" / package / "copyright", folder / f"{package}.txt")


def _speech_jobs(sentences, folder):
    jobs = []
    for voice in VOICES:
        todo = {s.stem: s.text for s in sentences if s.generator == voice.name and not _spoken(folder, s).is_file()}
        for batch in range(0, len(todo), 32):
            jobs.append((voice, dict(list(todo.items())[batch : batch + 32]), folder / voice.name))
    return jobs


def _speak_job(voice, texts, folder):
    """Speak next to the final folder and move what is complete, so that a killed run leaves no half-written file."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="draft-") as draft:
        failed = speak(voice, texts, draft)
        for stem in texts.keys() - set(failed):
            os.replace(Path(draft, f"{stem}.wav"), folder / f"{stem}.wav")


def _spoken(folder, sentence):
    return folder / sentence.generator / f"{sentence.stem}.wav"


def _render_job(sentences, speech, root, number):
    """Render some sentences; the list of what was made is written last and marks the job as done."""
    done = root / "parts" / f"{number}.json"
    if done.is_file():
        return
    rows, left_out = [], []
    for sentence in sentences:
        placebo = replace(sentence, generator=PLACEBO)
        try:
            human, fake = _pair(sentence, speech)
            copy = _pair(placebo, speech)[1] if sentence.split == "testing" else None
        except FakeOrRealError as error:
            left_out.append(f"{sentence.stem} ({sentence.generator}): {error}")
            continue
        rows += _write_versions(replace(sentence, generator="human"), human, root, "real")
        rows += _write_versions(sentence, fake, root, "fake")
        if copy is not None:
            rows.append(_write_clip(placebo, copy, root, PLACEBO, "fake", f"{sentence.stem}-{PLACEBO}.wav"))
    write_text(done, json.dumps({"rows": rows, "left_out": left_out}))


def _pair(sentence, speech):
    """The human clip and its fake: one channel, one length; float32, shape (n,) each, at 16 kHz."""
    human = read_recording(sentence.path)
    if sentence.generator in VOCODERS:
        fake = vocode(sentence, human, sentence.generator)
    elif sentence.generator == PLACEBO:
        fake = human
    else:
        spoken = _spoken(speech, sentence)
        fake = audio.read(spoken, sr=SAMPLE_RATE) if spoken.is_file() else np.zeros(0, np.float32)
        if not fake.any():  # some engines write zeros for what they cannot speak
            raise FakeOrRealError("the engine spoke nothing. Left out.")
    (human, fake), n = through_one_channel(sentence, human, [fake])
    pair = human, channels.match_spectrum(fake, human, sr=SAMPLE_RATE)
    return [_finish(y[:n], f"{sentence.stem}/{k}") for k, y in enumerate(pair)]


def vocode(sentence, human, vocoder):
    """Copy synthesis of a recording at the speech level; float32, shape (n,)."""
    seed = int(channels.seeded(sentence.stem).integers(2**31))
    return copy_synthesis(channels.set_level(human), vocoder, sr=SAMPLE_RATE, seed=seed)


def through_one_channel(sentence, human, fakes):
    """The human clip and its fakes on the way that both classes take.

    Args:
        sentence: ``Sentence`` that they say.
        human: recording, float32, shape (m,), at 16 kHz.
        fakes: list of the same, each of its own length.

    Returns:
        (clips, n): float32, first the human clip, then the fakes; and the length of the shortest in samples.

    Raises:
        FakeOrRealError: one of them holds less than a second of speech.
    """
    fakes = [channels.g722(channels.set_level(fake)) for fake in fakes]
    clips = [_common_channel(y, sentence.source.telephone) for y in (human, *fakes)]
    n = min(map(len, clips))
    if n < SHORTEST * SAMPLE_RATE:
        raise FakeOrRealError(f"{n / SAMPLE_RATE:.2f} s of speech is shorter than {SHORTEST:g} s. Left out.")
    return clips, n


def read_recording(path):
    """A prompt as its package has it; float32, shape (m,), at 16 kHz."""
    if path.suffix == ".g722":
        return channels.decode_g722(path.read_bytes())
    return audio.read(path, sr=SAMPLE_RATE)


def _common_channel(y, telephone):
    if telephone:
        y = channels.telephone(y, sr=SAMPLE_RATE)
    y = channels.band_limit(y, sr=SAMPLE_RATE, low=100, high=3500 if telephone else 7000)
    return channels.remove_silence(y, sr=SAMPLE_RATE)


def _finish(y, key):
    """Level, room tone of a random level and colour, codec, level."""
    rng = channels.seeded(key)
    y = channels.set_level(y)
    y = channels.add_noise(y, snr=rng.uniform(20, 30), tilt=rng.uniform(2, 6), rng=rng)
    fade = np.minimum(1, np.arange(1, 81) / 80).astype(np.float32)  # 5 ms, so that no cut clicks
    y[:80] *= fade
    y[-80:] *= fade[::-1]
    return channels.set_level(channels.g722(y))


def _write_versions(sentence, y, root, label):
    name = sentence.stem if label == "real" else f"{sentence.stem}-{sentence.generator}"
    rows = [_write_clip(sentence, y, root, "for-norm", label, f"{name}.wav")]
    step = round(SECONDS * SAMPLE_RATE)
    for k in range(len(y) // step):
        window = channels.set_level(y[k * step : (k + 1) * step])
        rows.append(_write_clip(sentence, window, root, "for-2sec", label, f"{name}-{k}.wav"))
        again = channels.rerecord(window, sr=SAMPLE_RATE, rng=channels.seeded(f"rerec/{name}-{k}"))
        rows.append(_write_clip(sentence, channels.set_level(again), root, "for-rerec", label, f"{name}-{k}.wav"))
    return rows


def _write_clip(sentence, y, root, corpus_version, label, name):
    clip = f"{corpus_version}/{sentence.split}/{label}/{name}"
    copied = sentence.generator in (*VOCODERS, "human", PLACEBO)
    audio.write(root / clip, y, sr=SAMPLE_RATE)
    return {
        "clip": clip,
        "label": label,
        "split": sentence.split,
        "group": sentence.group,
        "speaker": sentence.source.speaker if copied else sentence.generator,
        "generator": sentence.generator,
        "language": sentence.source.language,
        "seconds": round(sf.info(root / clip).duration, 3),
        "package": sentence.source.package,
        "licence": sentence.source.licence,
        "attribution": sentence.source.attribution,
        "sha256": hashlib.sha256((root / clip).read_bytes()).hexdigest(),
    }


def write_text(path, text):
    write_atomically(path, text.encode())
