"""Contenders that take turns: what else the machine does then hits all of them."""

import os
import resource
import statistics
import time
from pathlib import Path


def processor_seconds():
    """Processor time so far of this process and those it has started, ended or still running. Linux only."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for children in Path("/proc/self/task").glob("*/children"):
        for child in children.read_text().split():
            stat = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            ticks += int(stat[11]) + int(stat[12])  # as user and in the kernel
    return time.process_time() + ended.ru_utime + ended.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def take_turns(functions, rounds):
    """What each function takes.

    Args:
        functions: by name, without arguments.
        rounds: how often each is called.

    Returns:
        dict of name to list of (seconds, seconds of processor time).
    """
    taken = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start, processor = time.perf_counter(), processor_seconds()
            function()
            taken[name].append((time.perf_counter() - start, processor_seconds() - processor))
    return taken


def compare(taken, baseline, clips):
    """Rows of a table from ``take_turns``, printed: medians, and of the ratios to the baseline in the same round.

    Args:
        taken: as returned.
        baseline: name of the contender that all are compared with.
        clips: how many each call worked on.

    Yields:
        dict: computed by, clips per second, times as fast, processor ms per clip, times less processor time.
    """
    for name, own in taken.items():
        seconds, processor = (statistics.median(column) for column in zip(*own, strict=True))
        faster, less = (
            statistics.median(theirs[k] / ours[k] for theirs, ours in zip(taken[baseline], own, strict=True))
            for k in (0, 1)
        )
        print(f"{name}: {clips / seconds:.0f} clips per second, {faster:.3g} times as fast, ", end="")
        print(f"{1000 * processor / clips:.3g} ms of processor time, {less:.3g} times less", flush=True)
        yield {
            "computed by": name,
            "clips per second": clips / seconds,
            "times as fast": faster,
            "processor ms per clip": 1000 * processor / clips,
            "times less processor time": less,
        }
