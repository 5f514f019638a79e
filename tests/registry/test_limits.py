"""The limit on imports: set where it can work, and out of the way elsewhere."""

from __future__ import annotations

import signal
import threading

import pytest

from vqspeech.registry.limits import DEFAULT_LIMIT_S, import_limit_s, time_limit


def test_an_alarm_that_is_set_already_is_left_alone():
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 50)
    try:
        with time_limit(0.01):
            assert signal.getitimer(signal.ITIMER_REAL)[0] > 10
        assert signal.getsignal(signal.SIGALRM) == signal.SIG_IGN
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_other_threads_have_no_limit_and_no_error():
    seen = []
    thread = threading.Thread(target=lambda: [seen.append(1) for _ in [0] if not _entered()])
    thread.start()
    thread.join()
    assert seen == [1]


def _entered() -> None:
    with time_limit(0.01):
        return None


@pytest.mark.parametrize("text", ["", "soon", "-3", "inf", "nan"])
def test_a_limit_that_is_no_number_is_the_default(text):
    assert import_limit_s({"VQSPEECH_PLUGIN_TIMEOUT": text}) == DEFAULT_LIMIT_S
    assert import_limit_s({}) == DEFAULT_LIMIT_S
    assert import_limit_s({"VQSPEECH_PLUGIN_TIMEOUT": "3.5"}) == 3.5
