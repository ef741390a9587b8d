"""A long recording with a few edits in it, to see whether they are found again."""

import numpy as np

from fakeorreal import channels
from fakeorreal.audio import SAMPLE_RATE
from fakeorreal.corpora.edited_pairs import SEEN, final_chain
from fakeorreal.errors import FakeOrRealError
from fakeorreal.synthesis.key_regions import choose
from fakeorreal.synthesis.region_edits import edit_region

METHODS = tuple(method for method in SEEN if method != "splice")  # which needs a second recording of the voice
SECONDS = (2.0, 4.0)
"""One edit of each method, as far as there is room, and seconds of the shortest and the longest."""

_AROUND = 10.0  # seconds of the recording in which an edit finds its place
_ROOM = 12.0  # seconds of the recording for each edit, at least


def plant(clips, *, seconds, key):
    """Put clips end to end and make stretches of them anew.

    The edits lie in the middle of equal parts of the recording, where its sound is strong. Edited or not, all of it
    passes the codec and the noise of `corpora.edited_pairs.final_chain`.

    Args:
        clips: iterable of recordings, float32 at 16 kHz, shape (n,); those that are not needed are not asked for.
        seconds: length of the recording.
        key: seeds edits and noise.

    Returns:
        (y, edits): float32, shape (seconds * 16000,), and the (start, end, method) of the edits, in seconds.

    Raises:
        FakeOrRealError: the clips do not last so long.
    """
    wanted, held, total = round(seconds * SAMPLE_RATE), [], 0
    for clip in clips:
        held.append(channels.set_level(clip))
        total += len(clip)
        if total >= wanted:
            break
    if total < wanted:
        raise FakeOrRealError(
            f"the clips must last {seconds:g} s together. Received: {total / SAMPLE_RATE:.1f} s. Take more, or a "
            "shorter recording."
        )
    y, rng, regions = np.concatenate(held)[:wanted], channels.seeded(key), []
    fake, around, methods = y, round(_AROUND * SAMPLE_RATE), METHODS[: int(seconds / _ROOM)]
    for k, method in enumerate(methods):
        first = round((k + 0.5) * wanted / len(methods)) - around // 2
        (place,) = choose(y[first : first + around], sr=SAMPLE_RATE, rng=rng, count=1, seconds=SECONDS)
        region = (first + place[0], first + place[1])
        fake = edit_region(fake, [region], method, sr=SAMPLE_RATE, rng=rng)
        regions.append((region[0] / SAMPLE_RATE, region[1] / SAMPLE_RATE, method))
    fake = np.where(fake == y, fake, channels.g722(fake))  # the source has been through it, too
    return final_chain(fake, key), regions
