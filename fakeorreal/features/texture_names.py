"""What the measures of ``SpectralTexture`` are called, and the frequencies that each looks at."""

from fakeorreal.features.texture import _BANDS, _COEFFICIENTS, _RESOLUTIONS, _SUBBANDS

DETAIL = "fine spectrum: how much it varies"
CHANGE = "fine spectrum: how fast it changes"
JUMPS = "fine spectrum: how abruptly"
LOPSIDED = "band levels: how lop-sided"
PACE = "band levels: how fast they change"
RHYTHM = "band levels: in which rhythms"
TIMING = "timing of energy in a window"
FLATNESS = "how noise-like bands are"
RIPPLES = "ripples of the long-term spectrum"
PERIOD = "movement within a pitch period"

_WIDTH = 250  # Hz of a band


def measure_names(front_end):
    """Statistic and frequencies of every measure, in the order of the features.

    Args:
        front_end: a `SpectralTexture`.

    Returns:
        list of (statistic, lowest Hz, highest Hz), as long as ``front_end.shape[0]``.
    """
    named = []
    for _, _, lags in _RESOLUTIONS:
        for k in range(_SUBBANDS):
            span = (4 * k, 4 * k + 8)
            for statistic in (DETAIL, *[CHANGE] * len(lags), JUMPS):
                named += [(statistic, *span)] * _COEFFICIENTS
    ripples = [(RIPPLES, 0, 15)] * 23 + [(RIPPLES, 16, 31)] * 27
    period = [(PERIOD, *span) for span in _short_time_spans()]
    statistics = [LOPSIDED, *[PACE] * 4, TIMING, TIMING, FLATNESS]
    rhythms = (front_end.shape[0] - len(named) - len(ripples) - len(period)) // _BANDS - len(statistics)
    statistics[5:5] = [RHYTHM] * rhythms
    bands = [(statistic, band, band + 1) for statistic in statistics for band in range(_BANDS)]
    return [(name, low * _WIDTH, high * _WIDTH) for name, low, high in (*named, *bands, *ripples, *period)]


def _short_time_spans():
    """Bands of the measures of 4-ms spectra: two differences, likeness of bands 2 kHz apart, skewness."""
    each = [(band, band + 1) for band in range(1, _BANDS)]
    return [*each, *each, *[(band, band + 9) for band in range(1, _BANDS - 8)], *each]
