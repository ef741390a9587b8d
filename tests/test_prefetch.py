"""One step ahead: order, overlap, no more than one step, errors."""

import threading

import pytest

from fakeorreal.prefetch import prefetched


@pytest.mark.parametrize("n", [0, 1, 2, 50])
def test_results_come_in_order(n):
    assert list(prefetched(lambda k: k * k, range(n))) == [k * k for k in range(n)]


def test_the_next_is_computed_while_this_one_is_used_and_no_other():
    begun = [threading.Event() for _ in range(4)]
    results = prefetched(lambda k: begun[k].set() or threading.get_ident(), range(4))
    assert next(results) != threading.get_ident()
    assert begun[1].wait(5)
    assert not begun[2].wait(0.05)


def test_an_error_comes_with_its_item():
    results = prefetched(lambda k: 1 / k, [2, 1, 0])
    assert [next(results), next(results)] == [0.5, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
