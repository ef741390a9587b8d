"""Work done one step ahead, in a thread, while the last result is used."""

from concurrent.futures import ThreadPoolExecutor


def prefetched(function, items):
    """``map`` that computes the next result while the caller is busy with this one.

    Args:
        function: of one item; called in order and never twice at once.
        items: what it is called with.

    Yields:
        its results, in order.
    """
    with ThreadPoolExecutor(1) as thread:
        waiting = None
        for item in items:
            started = thread.submit(function, item)
            if waiting:
                yield waiting.result()
            waiting = started
        if waiting:
            yield waiting.result()
