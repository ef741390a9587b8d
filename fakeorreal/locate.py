"""Files and folders in, manipulated stretches out: the work behind ``fakeorreal locate``."""

import sys
from pathlib import Path

from fakeorreal import region_files
from fakeorreal.errors import FakeOrRealError
from fakeorreal.files import write_atomically
from fakeorreal.locator import load_locator
from fakeorreal.predict import check_writable, find_audio
from fakeorreal.wording import clock, percent, printable

FORMATS = ("text", "json", "csv", "rttm", "audacity")

CAVEAT = (
    "A stretch is what this localiser reacts to, and no evidence: methods it never heard can pass, and noise, music or "
    "heavy compression can look like an edit."
)


def run(paths, *, folder=None, form="text", out=None, figure=None):
    """Locate the manipulated stretches of files: results on stdout or in a file, errors on stderr.

    Args:
        paths: files and folders.
        folder: of the frozen localiser; None for the one in the package.
        form: one of ``FORMATS``.
        out: file for the result instead of stdout, written whole at the end.
        figure: PNG of a single file: waveform, spectrogram, probability of fake and stretches.

    Returns:
        Exit code: 2 if a file failed, else 0.

    Raises:
        FakeOrRealError: nothing to look at, several files where one is meant, an unusable localiser, an output that
            cannot be written.
    """
    files = find_audio(paths)
    for needs_one, what in ((form == "audacity", "a label track"), (figure, "a figure")):
        if needs_one and len(files) > 1:
            raise FakeOrRealError(f"{what} belongs to one recording. Received: {len(files)} files. Name one of them.")
    for output in filter(None, (out, figure)):
        check_writable(Path(output))
    locator = load_locator(folder)
    found, failed = [], False
    for file in files:
        try:
            found.append(locator.locate(file))
        except FakeOrRealError as error:
            failed = True
            print(f"fakeorreal: {printable(error)}", file=sys.stderr)
    text = _result(form, found)
    if out:
        write_atomically(out, text.encode())
    else:
        print(text, end="")
    if figure and found:
        from fakeorreal.location_figures import whole_recording  # here, for it takes matplotlib along
        from fakeorreal.plotting import save_figure

        save_figure(whole_recording(found[0]), Path(figure).stem, Path(figure).parent)
    return 2 if failed else 0


def account(location):
    """One recording in words: a line per stretch."""
    n = len(location.regions)
    seconds = location.share * location.seconds
    lines = [
        printable(location.file),
        f"  {n} {'stretch looks' if n == 1 else 'stretches look'} manipulated, "
        f"{seconds:.1f} s of {location.seconds:.1f} s ({percent(location.share)})",
    ]
    lines += [f"  {clock(start)}–{clock(end)}  confidence {percent(p)}" for start, end, p in location.regions]
    return "\n".join(lines)


def _result(form, found):
    if form == "audacity":
        return "".join(map(region_files.to_audacity, found))
    if form != "text":
        return getattr(region_files, f"to_{form}")(found)
    if not found:
        return ""
    last = found[-1]
    detector = f"Localiser: {last.locator} {last.locator_version}, weights {last.weight_hash}."
    return "\n".join([*map(account, found), "", CAVEAT, detector, ""])
