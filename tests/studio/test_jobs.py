"""The queue of a studio."""

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from types import SimpleNamespace

import pytest

from vqspeech.errors import InputError
from vqspeech.studio import jobs
from vqspeech.studio.jobs import BusyError, JobQueue


@pytest.fixture
def queue():
    with JobQueue() as made:
        yield made


def state(queue, job, page="a"):
    (found,) = [one for one in queue.news(page, -1)["jobs"] if one["id"] == job.id]
    return found


def ended(queue, job, page="a", own="a"):
    """Ask for news as a page until a job ends; return it as its own page sees it."""
    version = -1
    while not job.ended:
        version = queue.news(page, version, 5)["version"]
    return state(queue, job, own)


def held():
    """Work that goes on until an event, checking all the time; the event, and one that is set once it runs."""
    stop, runs = threading.Event(), threading.Event()

    def work(task):
        runs.set()
        while not stop.wait(0.002):
            task.check()
        return ["done"]

    return work, stop, runs


def test_one_job_at_a_time_in_their_order(queue):
    work, stop, runs = held()
    first = queue.submit("first", "a", work)
    order = []
    later = [queue.submit(name, "a", lambda task, name=name: order.append(name) or []) for name in "bc"]
    assert runs.wait(5)
    assert [state(queue, job)["before"] for job in (first, *later)] == [0, 1, 2]
    assert state(queue, first)["state"] == "running" and state(queue, later[0])["state"] == "waiting"
    stop.set()
    assert ended(queue, first)["results"] == ["done"] and ended(queue, later[1])["state"] == "done"
    assert order == ["b", "c"]


def test_progress_is_news(queue):
    go = threading.Event()

    def work(task):
        task.report(3, 10, "0.5 x real time")
        go.wait(5)
        return []

    job = queue.submit("work", "a", work)
    version, found = -1, {"total": 0}
    while not found["total"]:
        version = queue.news("a", version, 5)["version"]
        found = state(queue, job)
    assert (found["done"], found["total"], found["note"]) == (3, 10, "0.5 x real time")
    go.set()
    ended(queue, job)


def test_running_and_waiting_jobs_are_cancelled(queue):
    work, _, runs = held()
    first, second = queue.submit("first", "a", work), queue.submit("second", "a", work)
    assert runs.wait(5)
    assert queue.cancel(second.id) and second.state == "cancelled"
    assert queue.cancel(first.id) and ended(queue, first)["state"] == "cancelled"
    assert not queue.cancel("unknown")


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the queue reads from its clock, in a list."""
    now = [0.0]
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_jobs_of_a_page_that_is_gone_are_cancelled(queue, clock):
    work, _, runs = held()
    job = queue.submit("work", "gone", work)
    assert runs.wait(5)
    clock[0] = jobs.ABANDONED_S - 0.1
    assert not queue.unwanted(job)
    clock[0] += 0.2
    assert ended(queue, job, "other", own="gone")["state"] == "cancelled"


def test_a_page_whose_request_waits_for_news_is_there(queue, clock):
    work, stop, runs = held()
    job = queue.submit("work", "here", work)
    assert runs.wait(5)
    version, asked = queue.news("here", -1)["version"], []
    asking = threading.Thread(target=lambda: asked.append(queue.news("here", version, 10)))
    asking.start()
    while queue._asking["here"][0] == 0:
        time.sleep(0.001)
    clock[0] = 100 * jobs.ABANDONED_S
    assert not queue.unwanted(job)
    stop.set()
    asking.join()
    (found,) = asked[0]["jobs"]
    assert found["state"] == "done"


def test_failures_are_told(queue, capsys):
    def unusable(task):
        raise InputError("the run is gone")

    assert ended(queue, queue.submit("a", "a", unusable))["message"] == "the run is gone"
    failed = ended(queue, queue.submit("b", "a", lambda task: 1 // 0))
    assert failed["state"] == "failed" and "ZeroDivisionError" in failed["message"]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_the_queue_goes_on_whatever_a_job_raises(queue, monkeypatch):
    def broken(text):
        raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", SimpleNamespace(write=broken, flush=lambda: None))
        assert ended(queue, queue.submit("a", "a", lambda task: 1 // 0))["state"] == "failed"
    assert "SystemExit" in ended(queue, queue.submit("b", "a", lambda task: sys.exit(3)))["message"]
    assert ended(queue, queue.submit("c", "a", lambda task: ["c"]))["results"] == ["c"]


def test_jobs_that_ended_hold_no_sounds(queue):
    class Sound:
        """What work refers to."""

    work, _, runs = held()
    running = queue.submit("running", "a", work)
    assert runs.wait(5)
    sound = Sound()
    gone = weakref.ref(sound)
    done, cancelled = (queue.submit(name, "a", lambda task, sound=sound: []) for name in ("done", "cancelled"))
    del sound
    queue.cancel(cancelled.id)
    queue.cancel(running.id)
    assert ended(queue, done)["state"] == "done" and state(queue, cancelled)["state"] == "cancelled"
    ended(queue, queue.submit("next", "a", lambda task: []))
    gc.collect()
    assert gone() is None


def test_waiting_jobs_of_a_page_that_is_gone_make_room(queue, clock):
    work, stop, runs = held()
    queue.submit("first", None, work)
    assert runs.wait(5)
    left = [queue.submit("left", "gone", work) for _ in range(jobs.MOST_WAITING)]
    clock[0] = jobs.ABANDONED_S + 1
    last = queue.submit("last", "here", lambda task: [])
    assert {job.state for job in left} == {"cancelled"} and last.state == "waiting"
    stop.set()
    ended(queue, last, "here", own="here")


def test_pages_without_jobs_are_forgotten(queue):
    for number in range(100):
        queue.news(f"page-{number}", -1)
    assert len(queue._asking) <= 1


def test_a_full_queue_refuses(queue):
    work, stop, runs = held()
    queue.submit("first", "a", work)
    assert runs.wait(5)
    for _ in range(jobs.MOST_WAITING):
        last = queue.submit("more", "a", lambda task: [])
    with pytest.raises(BusyError, match="wait already"):
        queue.submit("too many", "a", work)
    stop.set()
    ended(queue, last)


def test_ended_jobs_are_forgotten_in_the_end(queue, monkeypatch):
    monkeypatch.setattr(jobs, "KEPT", 2)
    for _ in range(5):
        ended(queue, queue.submit("work", "a", lambda task: []))
    assert len(queue.news("a", -1)["jobs"]) == 2


def test_the_end_of_the_queue_cancels():
    work, _, runs = held()
    with JobQueue() as queue:
        job = queue.submit("work", "a", work)
        assert runs.wait(5)
    assert job.state == "cancelled"
