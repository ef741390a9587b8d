"""The command ``fakeorreal``."""

import argparse
import os
import sys
from pathlib import Path

from fakeorreal import __version__
from fakeorreal.errors import FakeOrRealError

_MOST_LEAKS = 20  # that are printed; all are in the CSV


def main(arguments=None):
    """Run a command; returns the exit code: 0, or 2 for an error that the user can mend."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except (FakeOrRealError, OSError) as error:  # the latter: no permission, disk full
        from fakeorreal.wording import printable

        print(f"fakeorreal: {printable(error)}", file=sys.stderr)
        return 2


def _parser():
    parser = argparse.ArgumentParser(prog="fakeorreal", description="Study package for audio-deepfake detection.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    predict = commands.add_parser(
        "predict",
        help="real or fake? score recordings with the trained detector",
        description="Real or fake? Exit code: 0, 2 if a file failed (the others are scored), 130 if interrupted.",
    )
    predict.add_argument("paths", nargs="+", metavar="FILE|FOLDER", help="folders are searched to the bottom")
    form = predict.add_mutually_exclusive_group()
    form.add_argument(
        "--format",
        choices=("text", "json", "spy"),
        default="text",
        help="json: one document with every window; spy: the fields of AI-SPY, by vote of the clips; default: text",
    )
    form.add_argument("--json", dest="format", action="store_const", const="json", help="short for --format json")
    predict.add_argument("--csv", metavar="OUT.csv", help="write file by file; what is in it already is not done again")
    predict.add_argument("--report", metavar="OUT.html", help="write a page to look at and listen to")
    predict.add_argument("--locate", action="store_true", help="say which stretches were edited, too; see locate")
    _add_detector(predict)
    predict.set_defaults(run=_predict)

    analyze = commands.add_parser(
        "analyze",
        help="where does a recording sound fake, and why? one page of maps and players",
        description="Where does a recording sound fake, and why? Exit code: 0, 2 if it cannot be judged.",
    )
    analyze.add_argument("file", metavar="FILE")
    analyze.add_argument("--out", default="analysis.html", metavar="OUT.html", help="page; default: %(default)s")
    analyze.add_argument("--top", type=int, default=5, metavar="N", help="segments to look at; default: %(default)s")
    _add_detector(analyze)
    analyze.set_defaults(run=_analyze)

    locate = commands.add_parser(
        "locate",
        help="where is the fake part? manipulated stretches of recordings, with times and confidence",
        description="Where is the fake part? Exit code: 0, 2 if a file failed (the others are located).",
    )
    locate.add_argument("paths", nargs="+", metavar="FILE|FOLDER", help="folders are searched to the bottom")
    locate.add_argument(
        "--format",
        choices=("text", "json", "csv", "rttm", "audacity"),
        default="text",
        help="audacity: a label track of one recording; default: text",
    )
    locate.add_argument("--out", metavar="FILE", help="write the result there instead of printing it")
    locate.add_argument("--figure", metavar="OUT.png", help="draw one recording: spectrogram, probability, stretches")
    locate.add_argument(
        "--locator", metavar="FOLDER", help="a frozen localiser; default: the one that comes with the package"
    )
    locate.set_defaults(run=_locate)

    build = commands.add_parser("build-prompts", help="build the embedded corpus (real prompts, synthetic fakes)")
    build.add_argument("folder", nargs="?", default="data/prompts", type=Path, help="default: %(default)s")
    build.set_defaults(run=_build)

    validate = commands.add_parser("validate", help="check the data: counts, unreadable files, duplicates, leaks")
    validate.add_argument("folder", nargs="?", help="default: $FAKEORREAL_DATA, else data/prompts")
    validate.add_argument("--dataset", action="append", help="for-norm, for-2sec …; may be repeated")
    validate.set_defaults(run=_validate)

    audit = commands.add_parser("audit", help="what tells real from fake besides being fake")
    audit.add_argument(
        "folder",
        nargs="?",
        help="Fake-or-Real, In-the-Wild, or clips in real/ and fake/ or named by manifest.csv; "
        "default: $FAKEORREAL_DATA, else data/prompts",
    )
    audit.add_argument("--dataset", help="version of Fake-or-Real; default: the first that is there, for-norm first")
    audit.add_argument("--html", metavar="OUT.html", help="write a page")
    audit.add_argument("--markdown", metavar="OUT.md", help="write the same as Markdown")
    _add_cluster(audit)
    audit.set_defaults(run=_audit)

    duplicates = commands.add_parser(
        "duplicates",
        help="which clips hold the same recording? copies by bytes, by samples and by ear, and leaks across splits",
        description="Which clips hold the same recording, cut, coded, re-recorded or not, and do splits or groups keep "
        "them apart? Exit code: 0, 2 if a clip cannot be read (the others are compared).",
    )
    duplicates.add_argument("folder", nargs="?", help="as of audit")
    duplicates.add_argument("--dataset", help="as of audit; for-combined compares the versions of Fake-or-Real")
    duplicates.add_argument("--csv", metavar="OUT.csv", help="write all pairs")
    duplicates.add_argument("--cache", default="data/features", help="where fingerprints go; default: %(default)s")
    duplicates.set_defaults(run=_duplicates)

    prepare = commands.add_parser(
        "prepare",
        help="make a corpus of 3-s clips from a folder of recordings",
        description="Convert to 16 kHz mono, cut into 3-s clips, split by recording. The same command goes on from "
        "where it was stopped. Exit code: 0, 2 if a recording failed (the others are done), 130 if interrupted.",
    )
    prepare.add_argument("src", metavar="SRC", help="folder with sub-folders ai and human (or fake and real)")
    prepare.add_argument("dst", metavar="DST", nargs="?", help="folder to write: new, or begun with the same settings")
    prepare.add_argument("--mp3", action="store_true", help="send both classes through MP3 at 48 kbit/s")
    prepare.add_argument("--tree", action="store_true", help="only make SRC with its sub-folders, for you to fill")
    prepare.set_defaults(run=_prepare)

    manipulate = commands.add_parser(
        "manipulate",
        help="make partly fake audio of real recordings: pairs of clips, real and with regions made anew",
        description="Make partly fake audio: pairs of real clips and the same with regions made anew, in the layout of "
        "FakeSound. Exit code: 0, 2 if a recording or a clip of it could not be used, 130 if interrupted.",
    )
    manipulate.add_argument(
        "src", metavar="SRC", help="real recordings at any depth; clips are spliced within the folder they lie in"
    )
    manipulate.add_argument("dst", metavar="DST", help="new folder, or one begun by the same command")
    manipulate.add_argument("--seed", type=int, default=0, help="of sets, regions and edits; default: %(default)s")
    manipulate.set_defaults(run=_manipulate)

    train = commands.add_parser("train-detector", help="train, calibrate and freeze a detector on a folder of clips")
    train.add_argument("folder", help="with manifest.csv, or training|validation|testing/real|fake")
    train.add_argument("--out", default="detector", help="folder to write; default: %(default)s")
    train.add_argument("--cache", default="data/cache", help="for features; default: %(default)s")
    train.set_defaults(run=_train_detector)

    train = commands.add_parser("train-locator", help="train, calibrate and freeze a localiser on edited clips")
    train.add_argument("folder", help="in the layout of FakeSound, such as manipulate writes")
    train.add_argument("--out", default="locator", help="folder to write; default: %(default)s")
    train.add_argument("--epochs", type=int, default=8, help="passes over the training clips; default: %(default)s")
    train.add_argument("--cache", default="data/cache", help="for features; default: %(default)s")
    train.set_defaults(run=_train_locator)

    evaluate = commands.add_parser("evaluate-detector", help="score a detector on a folder: tables and figures")
    evaluate.add_argument("folder", help="as for train-detector")
    evaluate.add_argument("--detector", metavar="FOLDER", help="default: the one that comes with the package")
    evaluate.add_argument("--results", default="results", help="default: %(default)s")
    evaluate.add_argument("--images", default="Images", help="default: %(default)s")
    evaluate.set_defaults(run=_evaluate_detector)

    grid = commands.add_parser("grid", help="try every combination of recipe settings, over seeds, on validation")
    grid.add_argument("recipe", metavar="RECIPE.toml", help="system, epochs, settings, corpus; see the README")
    grid.add_argument("--out", default="data/grid.csv", help="one row per run; default: %(default)s")
    _add_cluster(grid)
    grid.set_defaults(run=_grid)

    study = commands.add_parser("study", help="run all notebooks: tables to results/, figures to Images/")
    study.add_argument("--notebooks", default="notebooks", type=Path, help="default: %(default)s")
    study.add_argument("--only", default="", metavar="NAME", help="notebooks whose names begin so, such as 07")
    study.set_defaults(run=_study)
    return parser


def _add_detector(parser):
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--detector", metavar="FOLDER", help="default: the one that comes with the package")
    which.add_argument("--system", metavar="NAME", help="a detector that the study has trained here, such as spy_cnn")


def _add_cluster(parser):
    parser.add_argument(
        "--dask",
        metavar="tcp://HOST:PORT",
        help="share the work out over the workers of this Dask scheduler; all must see the same folders",
    )


def _detector_folder(options):
    from fakeorreal.frozen_systems import find_detector

    return options.detector if options.system is None else find_detector(options.system)


def _predict(options):
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads share out files; more for one matrix slow them down
    try:
        from fakeorreal.predict import run

        return run(
            options.paths,
            folder=_detector_folder(options),
            form=options.format,
            csv=options.csv,
            report=options.report,
            locate=options.locate,
        )
    except KeyboardInterrupt:
        print("fakeorreal: interrupted. With --csv, the same command goes on from here.", file=sys.stderr)
        sys.stdout.flush()
        os._exit(130)  # an ordinary exit would wait until the threads are through with their files


def _analyze(options):
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small
    from fakeorreal import analysis_page
    from fakeorreal.analysis import analyze
    from fakeorreal.analysis_wording import report
    from fakeorreal.predict import check_writable

    check_writable(Path(options.out))
    analysis_page.check_replaceable(options.out)
    try:
        found = analyze(options.file, _detector_folder(options), options.top)
    except KeyboardInterrupt:
        print("fakeorreal: interrupted.", file=sys.stderr)
        return 130
    analysis_page.write(options.out, found)
    print(report(found), f"\nPage: {options.out}", sep="\n")


def _locate(options):
    from fakeorreal.locate import run

    try:
        return run(options.paths, folder=options.locator, form=options.format, out=options.out, figure=options.figure)
    except KeyboardInterrupt:
        print("fakeorreal: interrupted.", file=sys.stderr)
        return 130


def _build(options):
    from fakeorreal.corpora.prompts_build import build

    print(build(options.folder))


def _validate(options):
    from fakeorreal.corpora import validate

    found = validate(options.folder, options.dataset)
    print(found)
    return 0 if found.ok else 2


def _audit(options):
    from fakeorreal.analysis_page import check_replaceable
    from fakeorreal.audit import audit, load
    from fakeorreal.audit_report import text, write_markdown, write_page
    from fakeorreal.predict import check_writable
    from fakeorreal.scale_out import on_cluster

    writers = {options.html: write_page, options.markdown: write_markdown}
    writers.pop(None, None)
    for path in writers:
        check_writable(Path(path))
        check_replaceable(path)
    name, corpus = load(options.folder, options.dataset)
    with on_cluster(options.dask, reads=corpus["path"]):
        found = audit(corpus, progress=sys.stderr.isatty())
    for path, write in writers.items():
        write(path, name, found)
    print(text(name, found))
    for clip in found.failed.itertuples():
        print(f"fakeorreal: {clip.reason}", file=sys.stderr)
    return 2 if len(found.failed) else 0


def _duplicates(options):
    from fakeorreal.audit import load
    from fakeorreal.duplicates import find_duplicates, leaks
    from fakeorreal.files import write_atomically
    from fakeorreal.predict import check_writable

    if options.csv:
        check_writable(Path(options.csv))
    name, corpus = load(options.folder, options.dataset)
    found = find_duplicates(corpus, folder=options.cache, progress=sys.stderr.isatty())
    if options.csv:
        write_atomically(options.csv, found.pairs.to_csv(index=False, lineterminator="\n").encode())
    leaking = leaks(found.pairs)
    across = leaking["split_a"] != leaking["split_b"]
    words = {
        "pairs": found.pairs,
        "of them across splits": leaking[across],
        "in one split, across groups": leaking[~across],
    }
    for what, pairs in words.items():
        kinds = ", ".join(f"{(pairs['kind'] == kind).sum()} by {kind}" for kind in ("bytes", "samples", "near"))
        print(f"{name}: {len(pairs)} {what} ({kinds}).")
    if len(leaking):
        columns = ["kind", "score", "offset", "split_a", "split_b", "clip_a", "clip_b"]
        worst = leaking.assign(within=~across).sort_values(["within", "score"], ascending=[True, False])
        print(worst[columns].head(_MOST_LEAKS).to_string(index=False, float_format="{:.2f}".format))
    for clip in found.failed.itertuples():
        print(f"fakeorreal: {clip.reason}", file=sys.stderr)
    return 2 if len(found.failed) else 0


def _prepare(options):
    from fakeorreal.corpora.prepare import FAILURES, prepare
    from fakeorreal.corpora.recordings import make_tree

    if options.tree == bool(options.dst):
        raise FakeOrRealError("name SRC and DST; or SRC alone with --tree. See `fakeorreal prepare --help`.")
    if options.tree:
        real, fake = make_tree(options.src)
        print(f"{real} is there for the recordings of people, {fake} for those made by machines; sub-folders are fine.")
        print(f"Fill them, then run: fakeorreal prepare {options.src} DST")
        return 0
    try:
        recordings, left_out = prepare(options.src, options.dst, mp3=options.mp3)
    except KeyboardInterrupt:
        print("fakeorreal: interrupted. The same command goes on from here.", file=sys.stderr)
        return 130
    recordings["hours"] = recordings["seconds"] / 3600
    by_class = recordings.groupby(["split", "label"], as_index=False)
    table = by_class.agg(recordings=("recording", "size"), clips=("clips", "sum"), hours=("hours", "sum"))
    print(table.to_string(index=False, float_format="{:.2f}".format))
    if silent := recordings["silent"].sum():
        print(f"Left out: {silent} silent clips.")
    if len(left_out):
        kinds = ", ".join(f"{n} {kind}" for kind, n in left_out["kind"].value_counts(sort=False).items())
        print(f"Left out: {len(left_out)} recordings ({kinds}). See {Path(options.dst, 'left_out.csv')}.")
    failed = left_out[left_out["kind"].isin(FAILURES)]
    for recording in failed.itertuples():
        print(f"fakeorreal: {recording.file}: {recording.reason}", file=sys.stderr)
    return 2 if len(failed) else 0


def _manipulate(options):
    from fakeorreal.corpora.manipulate import manipulate

    try:
        sources, left_out = manipulate(options.src, options.dst, seed=options.seed)
    except KeyboardInterrupt:
        print("fakeorreal: interrupted. The same command goes on from here.", file=sys.stderr)
        return 130
    table = sources.groupby("set", sort=False, as_index=False).agg(recordings=("file", "size"), pairs=("pairs", "sum"))
    print(table.to_string(index=False))
    for part in left_out.itertuples():
        print(f"fakeorreal: {part.file}: {part.reason}", file=sys.stderr)
    return 2 if len(left_out) else 0


def _train_detector(options):
    from fakeorreal.corpora import load_corpus, load_folder
    from fakeorreal.detector_training import train_detector

    corpus = load_folder(options.folder)
    detector, scores = train_detector(corpus, load_corpus("for-norm"), options.out, cache=options.cache)
    print(f"{options.out}: {detector.name} {detector.version} ({detector.hash}), chosen on {len(scores):,} clips")


def _train_locator(options):
    from fakeorreal.locator_training import train_locator

    locator, calling = train_locator(options.folder, options.out, cache=options.cache, epochs=options.epochs)
    print(
        f"{options.out}: {locator.name} {locator.version} ({locator.hash}), F1 at 1 s {calling.f1:.0f} % on validation"
    )


def _evaluate_detector(options):
    from fakeorreal.corpora import load_folder
    from fakeorreal.detector import load_detector
    from fakeorreal.detector_report import evaluate_detector

    corpus, detector = load_folder(options.folder), load_detector(options.detector)
    tables, failed = evaluate_detector(detector, corpus, results=options.results, images=options.images)
    print(tables["detector_summary"].to_string(index=False, float_format="{:.3g}".format))
    for clip in failed.itertuples():
        print(f"fakeorreal: {clip.reason}", file=sys.stderr)
    return 2 if len(failed) else 0


def _grid(options):
    from fakeorreal.grid import ranking, read_grid, run_grid
    from fakeorreal.scale_out import on_cluster

    grid, corpus = read_grid(options.recipe)
    folders = {"features": Path("data/features"), "runs": Path("data/runs")}
    with on_cluster(options.dask, reads=corpus["path"], writes=folders.values()):
        table = run_grid(grid, corpus, options.out, **folders, name=Path(options.recipe).stem)
    print(ranking(table).to_string(index=False, float_format="{:.3g}".format))


def _study(options):
    from fakeorreal.files import write_atomically
    from fakeorreal.notebooks import find, run_all
    from fakeorreal.project import project_home
    from fakeorreal.study import Study

    find(options.notebooks, options.only)  # before anything is built
    print(Study())  # builds the embedded corpus if need be, with its progress in sight
    took = run_all(options.notebooks, options.only)
    rows = [f"{name},{cell},{seconds:.3f}" for name, cell, seconds in took]
    text = "\n".join(["notebook,cell,seconds", *rows, ""])
    write_atomically(project_home() / "data" / "study_seconds.csv", text.encode())
