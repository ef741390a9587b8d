"""The one root of every error that this package raises on purpose."""


class FakeOrRealError(ValueError):
    """Bad input or a missing piece: one sentence that names the file, the value received and the next step."""
