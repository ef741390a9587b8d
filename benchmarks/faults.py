"""kill -9 at random moments: does every stage go on to the same bytes, and is nothing half-written ever read?

One process imports everything and forks a child for each run, before any thread is started; children are killed, alone
or with the processes that they started, up to three times in one folder, and the last is let through. What it leaves is
compared with what a run leaves that nobody disturbs.
"""

import argparse
import contextlib
import hashlib
import io
import json
import os
import re
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

SR = 16000
FULL = {
    "build-prompts": 10,
    "prepare": 8,
    "extraction": 8,
    "extraction, 2 processes": 4,
    "predict": 10,
    "training": 6,
    "grid": 4,
}
QUICK = {"build-prompts": 1, "prepare": 2, "extraction": 3, "predict": 3, "training": 2, "grid": 1}
LONGEST = 600  # seconds
IN_ONE_FOLDER = 3  # kills, before a run is let through
NETWORKS = ("training", "grid")
EVOLVING = (".csv",)  # files that grow row by row; all others are whole from the beginning
DRAFT = re.compile(r"\.part$|^draft-|^part\.keras$|^state(\.old)?$")


def make_material(folder):
    """Speech, packages of prompts, and features, for all stages to work on.

    Args:
        folder: new.

    Returns:
        Corpus DataFrame of half-second clips, eight per split.
    """
    import numpy as np
    import pandas as pd
    from detector_speed import speech

    from fakeorreal import audio
    from fakeorreal.corpora import make_corpus, prompts

    rows = []
    sound = np.concatenate([speech(SR, seed) for seed in range(2)])
    for s, split in enumerate(("training", "validation", "testing")):
        for k in range(8):
            y = sound[(8 * s + k) * SR // 2 :][: SR // 2]
            path = folder / "clips" / f"{split}{k}.wav"
            audio.write(path, np.convolve(y, np.ones(5) / 5, "same") if k % 2 else y, sr=SR)
            rows.append({"clip": path.name, "path": str(path), "split": split, "label": k % 2, "group": path.name})
    for k in range(6):
        name = f"{'ai' if k % 2 else 'human'}/{k}.wav"
        audio.write(folder / "recordings" / name, sound[k * SR * 2 :][: (3 + k) * SR], sr=SR)
    for package in prompts.PACKAGES:
        (folder / "share" / "doc" / package).mkdir(parents=True)
        (folder / "share" / "doc" / package / "copyright").write_text(f"licence of {package}")
    for k in range(4):
        audio.write(folder / "share" / f"{k}.wav", sound[3 * k * SR :][: round(2.5 * SR)], sr=SR)
    return make_corpus(pd.DataFrame(rows))


def build_prompts(out, material, corpus):
    from fakeorreal import audio
    from fakeorreal.corpora import prompts, prompts_build
    from fakeorreal.synthesis.vocoders import VOCODERS

    share, voice = material / "share", prompts_build.VOICES[0]
    makers = (voice.name, next(iter(VOCODERS)))
    plan = [
        prompts.Sentence(f"s{k}", share / f"{k}.wav", f"Text {k}.", f"g{k}", split, prompts.SOURCES[0], makers[k % 2])
        for k, split in enumerate(("training", "training", "validation", "testing"))
    ]

    def speak(voice, sentences, folder):
        for stem in sentences:
            y = audio.read(share / f"{(int(stem[1:]) + 1) % 4}.wav", sr=SR)
            Path(folder, f"{stem}.wav").write_bytes(wav(y))
        return []

    prompts.fetch_packages, prompts.plan = lambda folder: share, lambda share: plan
    prompts_build.missing_engines, prompts_build.speak, prompts_build._PER_JOB = list, speak, 1
    prompts_build.build(out / "prompts", n_jobs=1, progress=False)


def prepare(out, material, corpus):
    from fakeorreal.corpora.prepare import prepare

    prepare(material / "recordings", out / "corpus", n_jobs=1, progress=False)


def extraction(out, material, corpus, n_jobs=1):
    from fakeorreal.features import LogMel, extract

    extract(corpus, LogMel(seconds=0.5), out, n_jobs=n_jobs, progress=False)


def predict(out, material, corpus):
    from fakeorreal.predict import run

    run([material / "recordings", material / "clips"], csv=out / "predictions.csv")


def small():
    """A recipe that takes seconds, and features that are extracted in the process itself."""
    from fakeorreal.features import Waveform
    from fakeorreal.systems import System

    os.environ["LOKY_MAX_CPU_COUNT"] = "1"
    return System("dnn", Waveform(seconds=0.05), standardise=(0,), batch=8, best=True, patience=2)


def training(out, material, corpus):
    from fakeorreal import experiments

    system = small()
    parts = [
        experiments.split_features(system, corpus, split, cap=None, folder=material / "features")
        for split in ("training", "validation", "testing")
    ]
    experiments.run_folder(
        system, parts[0], parts[1:], marks=(3, 12, 24), seed=0, threads=0, runs=out / "runs", name="clips"
    )


def grid(out, material, corpus):
    from fakeorreal.grid import Grid, run_grid

    one = Grid(small(), {"learning_rate": [1e-3, 1e-2]}, epochs=(2, 11), seeds=(0,))
    run_grid(one, corpus, out / "grid.csv", features=out / "features", runs=out / "runs", name="clips")


STAGES = {
    "build-prompts": build_prompts,
    "prepare": prepare,
    "extraction": extraction,
    "extraction, 2 processes": lambda *what: extraction(*what, n_jobs=2),
    "predict": predict,
    "training": training,
    "grid": grid,
}


def wav(y):
    import soundfile as sf

    file = io.BytesIO()
    sf.write(file, y, SR, format="WAV", subtype="PCM_16")
    return file.getvalue()


def start(work, *what):
    """Fork a child that works, in a group of its own with all that it starts; returns its process id."""
    pid = os.fork()
    if pid:
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            os.setpgid(pid, pid)  # here as in the child: whoever comes first
        return pid
    code = 1
    try:
        os.setpgid(0, 0)
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
            work(*what)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def finished(pid, seconds):
    """Whether a process ends within some seconds.

    Raises:
        SystemExit: it ended with an error.
    """
    deadline = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            if status:
                raise SystemExit(f"a run failed with exit code {os.waitstatus_to_exitcode(status)}")
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.001)


def complete(pid):
    """Let a process come to its end.

    Raises:
        SystemExit: it ended with an error, or not at all.
    """
    if not finished(pid, LONGEST):
        os.killpg(pid, signal.SIGKILL)
        raise SystemExit(f"a run did not end within {LONGEST} s")
    with contextlib.suppress(ProcessLookupError):  # idle workers of joblib
        os.killpg(pid, signal.SIGKILL)


def leave(folder):
    """What is in a folder, by name, as sets of digests.

    Drafts and checkpoints are left out: a finished run has no need of them. Features count row by row, for which block
    holds a row depends on how many were missing; a block without its list of rows is never read.
    """
    import numpy as np

    found = {}
    for path in filter(Path.is_file, folder.rglob("*")):
        name, block = path.relative_to(folder), path.with_suffix(".npy")
        if path.suffix == ".json" and block.is_file():
            for key, row in zip(json.loads(path.read_text()), np.load(block), strict=True):
                found.setdefault(f"{name.parent}/{key}", set()).add(hashlib.sha256(row.tobytes()).hexdigest())
        elif path.suffix != ".npy" and not any(map(DRAFT.search, name.parts)):
            found[str(name)] = {digest(path)}
    return found


def digest(path):
    """SHA-256 of a file; of a Keras file that of its weights: it holds a date and names that count up."""
    if path.suffix != ".keras":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    import h5py

    found = hashlib.sha256()
    with zipfile.ZipFile(path) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
        weights.visititems(lambda name, item: add(found, name, item))
    return found.hexdigest()


def add(found, name, item):
    if hasattr(item, "shape"):  # else it is a group of them
        found.update(name.encode() + item[()].tobytes())


def campaign(stage, kills, material, corpus, rng, root):
    """Kill the runs of a stage.

    Args:
        stage: key of ``STAGES``.
        kills: how many.
        material, corpus: from `make_material`.
        rng: generator of the moments.
        root: new folder.

    Returns:
        dict: stage, seconds of an undisturbed run, kills, folders in which runs were killed, how many of them ended
        ``equal``, and ``half_written`` files found after a kill under their final names.
    """
    root.mkdir()
    began = time.monotonic()
    complete(start(STAGES[stage], new(root / "straight"), material, corpus))
    seconds = time.monotonic() - began
    straight = leave(root / "straight")
    row = {"stage": stage, "seconds": seconds, "kills": 0, "folders": 0, "equal": 0, "half_written": 0}
    while row["kills"] < kills:
        out, groups, here = new(root / f"killed{row['folders']}"), [], 0
        while here < min(IN_ONE_FOLDER, kills - row["kills"]):
            groups.append(start(STAGES[stage], out, material, corpus))
            if finished(groups[-1], rng.uniform(0, seconds)):
                break
            (os.kill if rng.random() < 0.5 else os.killpg)(groups[-1], signal.SIGKILL)
            os.waitpid(groups[-1], 0)
            here += 1
            found = leave(out)
            row["half_written"] += sum(
                found[name] != straight[name] for name in found.keys() & straight if not name.endswith(EVOLVING)
            )
        complete(start(STAGES[stage], out, material, corpus))
        for group in groups:
            with contextlib.suppress(ProcessLookupError):  # nothing was left behind
                os.killpg(group, signal.SIGKILL)
        row["kills"] += here
        if here:
            found = leave(out)
            row["folders"] += 1
            row["equal"] += found == straight
            for name in sorted(n for n in found.keys() | straight.keys() if found.get(n) != straight.get(n)):
                print(f"{stage}: {name} is not as it should be", flush=True)
    return row


def two_at_once(material, corpus, root):
    """Whether two processes that fill one cache at the same time leave what one leaves."""
    root.mkdir()
    complete(start(extraction, new(root / "one"), material, corpus))
    both = [start(extraction, new(root / "two"), material, corpus) for _ in range(2)]
    for pid in both:
        complete(pid)
    return leave(root / "one") == leave(root / "two")


def new(folder):
    folder.mkdir(exist_ok=True)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default="results", help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="a dozen kills, to see that it runs; writes no table")
    options = parser.parse_args()
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ[variable] = "1"  # before the libraries start threads, which no child would have
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import librosa  # noqa: F401
    import numpy as np
    import pandas as pd

    from fakeorreal import experiments  # noqa: F401
    from fakeorreal.corpora import prepare, prompts_build  # noqa: F401
    from fakeorreal.machine import machine
    from fakeorreal.tables import save_table

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        material = new(Path(folder, "material"))
        corpus = make_material(material)
        together = two_at_once(material, corpus, Path(folder, "together"))
        print(f"two processes at once on one cache: {'equal' if together else 'DIFFERENT'}", flush=True)
        for number, (stage, kills) in enumerate((QUICK if options.quick else FULL).items()):
            if stage in NETWORKS:
                import keras  # noqa: F401  (before the fork: it takes longer than the work)
            rng = np.random.default_rng(number)
            rows.append(campaign(stage, kills, material, corpus, rng, Path(folder, str(number))))
            print(pd.DataFrame(rows[-1:]).to_string(index=False, float_format="{:.2f}".format), flush=True)
    table = pd.DataFrame(rows)
    kills, folders, equal, half_written = (table[name].sum() for name in ("kills", "folders", "equal", "half_written"))
    print(f"{kills} kills; {equal} of {folders} folders equal; {half_written} files half-written")
    if not options.quick:
        caption = f"{kills} times `kill -9` at moments drawn over the length of a run, up to {IN_ONE_FOLDER} in one "
        caption += "folder before a run was let through; half of them hit the process alone, half all that it had "
        caption += "started. Equal: byte for byte (features: row by row; a Keras file: its weights) what an "
        caption += (
            "undisturbed run leaves. Half-written: files under their final names that were not whole after a kill. Two "
        )
        caption += f"processes at once on one cache: {'equal' if together else 'different'}. "
        save_table(table, "faults", options.out, caption + f"Machine: {machine('tensorflow-cpu')}.")
    return 0 if together and equal == folders and not half_written else 1


if __name__ == "__main__":
    sys.exit(main())
