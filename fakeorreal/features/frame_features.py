"""Features of frames that another program computed, by EAT, WavLM, wav2vec 2.0 or any other network."""

import hashlib
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from fakeorreal.errors import FakeOrRealError

HOP = 0.02  # s, of the localiser
EAT_HOP = 0.16  # s, of the rows that `eat_frames` gives
EAT_BANDS = 8
_LARGEST = 2**28  # bytes of an array: 13 minutes of 4,096 numbers every 50 ms; zeros that were deflated take no space


class FrameFeatures:
    """What ``Features`` offers, from one ``.npz`` file per clip, read when asked for.

    The file of a clip is ``<folder>/<clip>.npz``. It holds ``features``, real numbers of shape (rows, width), and may
    hold ``hop``, the seconds from row to row; 0.02 without. Row j stands for [j · hop, (j + 1) · hop) of the clip.

    Rows become frames of 20 ms by linear interpolation between their middles. The last row is held for 20 ms, as
    WavLM gives 499 rows of ten seconds; frames later than that are zeros.

    Args:
        corpus: table of clips.
        folder: holds the files.
        frames: of every clip.

    Attributes:
        corpus, failed, shape, labels, digest: as in ``Features``; shape is (frames, width).

    Raises:
        FakeOrRealError: no clip; a file that is missing, cannot be read or does not hold such rows; different widths.
    """

    def __init__(self, corpus, folder, *, frames=500):
        if not len(corpus):
            raise FakeOrRealError("a corpus of 0 clips has no features. Check the filter or the folder it comes from.")
        self.corpus = corpus.reset_index(drop=True)
        self.failed = pd.DataFrame({"clip": [], "reason": []}, dtype=str)
        self.labels = self.corpus["label"].to_numpy(int)
        self._paths = [Path(folder, f"{clip}.npz") for clip in self.corpus["clip"]]
        digest = hashlib.sha256(self.corpus.drop(columns="path").to_csv().encode())
        width = None
        for path in self._paths:
            rows, hop = _read(path)
            if rows.shape[1] != (width := width or rows.shape[1]):
                raise FakeOrRealError(
                    f"{path}: has rows of width {rows.shape[1]}, {self._paths[0].name} of {width}. "
                    "Compute all of them by one network."
                )
            digest.update(np.float64(hop).tobytes() + rows.tobytes())
        self.shape, self.digest = (frames, width), digest.hexdigest()

    def __len__(self):
        return len(self.corpus)

    def rows(self, indices):
        """Gather clips in the order asked for: float32, shape (len(indices), *shape)."""
        return np.stack([_on_frames(*_read(self._paths[k]), self.shape[0]) for k in indices])


def eat_frames(tokens):
    """The rows of EAT, from its tokens: the mean over the bands of each stretch of 160 ms.

    A token is a patch of 160 ms and an eighth of the bands; tokens 0 to 7 are the bands of the first stretch. Tokens
    are not frames of 20 ms, though ten seconds have about 500 of both.

    Args:
        tokens: shape (8 * stretches, width), without the token of the class.

    Returns:
        shape (stretches, width); in the file of the clip, ``hop`` is ``EAT_HOP``.

    Raises:
        FakeOrRealError: not a whole number of stretches.

    Source: EAT, patches of 16 × 16 on (1024, 128): 64 stretches of 8.
    """
    if tokens.ndim != 2 or not len(tokens) or len(tokens) % EAT_BANDS:
        raise FakeOrRealError(
            f"`tokens` must have shape (8 * stretches, width). Received: shape {tokens.shape}. "
            "Leave the token of the class out, and cut nothing off."
        )
    return tokens.reshape(-1, EAT_BANDS, tokens.shape[1]).mean(axis=1)


def _read(path):
    """(rows, hop) of a file: float32, shape (rows, width), and seconds."""
    try:
        with zipfile.ZipFile(path) as archive:
            largest = max((member.file_size for member in archive.infolist()), default=0)
        if largest > _LARGEST:
            raise ValueError(f"an array of {largest} bytes, more than {_LARGEST}")
        with np.load(path, allow_pickle=False) as file:
            rows, hop = np.asarray(file["features"]), float(file["hop"]) if "hop" in file else HOP
    except KeyError:
        raise FakeOrRealError(f"{path}: holds no array `features`. Write it by numpy.savez(features=…).") from None
    except Exception as error:  # of zipfile, its decompressors and the parser of headers, a dozen kinds
        reason = textwrap.shorten(str(error), 200, placeholder=" …")
        raise FakeOrRealError(f"{path}: cannot be read as .npz of plain arrays ({reason}). Write it anew.") from error
    if rows.ndim != 2 or not rows.size or rows.dtype.kind != "f" or not np.isfinite(rows).all() or not 0 < hop < np.inf:
        raise FakeOrRealError(
            f"{path}: `features` must be finite floating-point numbers of shape (rows, width), `hop` positive seconds. "
            f"Received: shape {rows.shape} of {rows.dtype}, hop {hop}. Write it anew."
        )
    return rows.astype(np.float32), hop


def _on_frames(rows, hop, frames):
    middles = (np.arange(frames) + 0.5) * HOP
    place = np.clip(middles / hop - 0.5, 0, len(rows) - 1)
    before = place.astype(int)
    share = (place - before).astype(np.float32)[:, None]
    after = np.minimum(before + 1, len(rows) - 1)
    heard = middles < len(rows) * hop + HOP
    return np.where(heard[:, None], (1 - share) * rows[before] + share * rows[after], np.float32(0))
