"""Long work behind a page: one job at a time, a queue, progress and cancel."""

from __future__ import annotations

import secrets
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from vqspeech.errors import InputError, VQSpeechError

MOST_WAITING = 8
"""Jobs that wait; more are refused."""

ABANDONED_S = 10.0
"""A job is cancelled when its page has not asked for news for so long."""

KEPT = 50
"""Ended jobs that are remembered."""

_NEWS_S = 0.1
"""Least time between two reports of progress that a page receives."""


class CancelledError(Exception):
    """Ends the work of a job that was cancelled."""


class BusyError(InputError):
    """Too many jobs wait."""


@dataclass(eq=False, kw_only=True)
class Job:
    """Work that waits, runs, or has ended.

    Parameters
    ----------
    title : what it does, for people
    page : id of the page that asked for it; None for a job that no page waits for
    state : ``"waiting"``, ``"running"``, ``"done"``, ``"failed"`` or ``"cancelled"``
    done, total : units of work; a total of 0 is unknown
    note : current figures
    results : what its work returned
    message : why it failed
    """

    title: str
    page: str | None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    state: str = "waiting"
    done: int = 0
    total: int = 0
    note: str = ""
    results: list[str] = field(default_factory=list)
    message: str = ""
    cancelled: bool = False

    @property
    def ended(self) -> bool:
        """Whether it neither waits nor runs."""
        return self.state not in ("waiting", "running")

    def plain(self, before: int) -> dict[str, Any]:
        """Return JSON values; `before` is the number of jobs that come first."""
        names = ("id", "title", "state", "done", "total", "note", "results", "message")
        return {**{name: getattr(self, name) for name in names}, "before": before}


class Task:
    """What work calls, often, while it goes on; both raise `CancelledError` in a job that is to end."""

    def __init__(self, queue: JobQueue, job: Job) -> None:
        self._queue, self._job = queue, job
        self._reported = 0.0

    def check(self) -> None:
        """Go on, or raise `CancelledError`."""
        if self._queue.unwanted(self._job):
            raise CancelledError

    def report(self, done: int, total: int, note: str = "") -> None:
        """Report progress, as `vqspeech.progress.Progress.update`."""
        self.check()
        now = time.monotonic()
        if now - self._reported >= _NEWS_S:
            self._reported = now
            self._queue.change(self._job, done=done, total=total, note=note)


class JobQueue:
    """Does jobs one after the other in a thread, within a ``with`` block; at its end all are cancelled."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._version, self._closed = 0, False
        self._waiting: deque[Job] = deque()
        # job -> what it calls, until it runs or is cancelled: work holds sounds, and ended jobs are remembered
        self._works: dict[Job, Callable[[Task], list[str]]] = {}
        self._jobs: dict[str, Job] = {}
        # page -> requests that wait for its news, and when the last one ended
        self._asking: dict[str, tuple[int, float]] = {}
        self._thread = threading.Thread(target=self._work, daemon=True, name="studio-jobs")

    def submit(self, title: str, page: str | None, work: Callable[[Task], list[str]]) -> Job:
        """Append a job.

        Parameters
        ----------
        title, page : see `Job`
        work : called with the `Task`; returns ids of clips, or other names of results

        Raises
        ------
        BusyError : when `MOST_WAITING` jobs wait
        """
        with self._news:
            for left in [job for job in self._waiting if job.page is not None and self._gone(job.page)]:
                self._leave(left)
            if len(self._waiting) >= MOST_WAITING:
                raise BusyError(f"{MOST_WAITING} jobs wait already; cancel one, or try again when one has ended")
            job = Job(title=title, page=page)
            if page is not None:
                self._seen(page, 0)
            self._jobs[job.id] = job
            self._works[job] = work
            self._waiting.append(job)
            self._forget()
            self._tell()
        return job

    def news(self, page: str, after: int, wait_s: float = 0.0) -> dict[str, Any]:
        """Return the jobs of a page as JSON values, as soon as the version is not `after`.

        Parameters
        ----------
        page : id of the page
        after : version of the last news; -1 for none
        wait_s : longest time to wait, in seconds
        """
        with self._news:
            self._seen(page, +1)
            try:
                self._news.wait_for(lambda: self._version != after or self._closed, wait_s)
                order = {job.id: place for place, job in enumerate(self._waiting)}
                ahead = int(any(job.state == "running" for job in self._jobs.values()))
                jobs = [job.plain(ahead + order.get(job.id, -ahead)) for job in self._jobs.values() if job.page == page]
                return {"version": self._version, "jobs": jobs}
            finally:
                self._seen(page, -1)
                self._forget()

    def cancel(self, identity: str) -> bool:
        """Cancel a job; return False for one that there is not. One that runs ends at its next report."""
        with self._news:
            job = self._jobs.get(identity)
            if job is None:
                return False
            job.cancelled = True
            if job in self._waiting:
                self._leave(job)
            self._tell()
        return True

    def _leave(self, job: Job) -> None:
        """Cancel a job that waits."""
        self._waiting.remove(job)
        del self._works[job]
        job.state = "cancelled"

    def change(self, job: Job, **values: Any) -> None:
        """Set attributes of a job, and tell its page."""
        with self._news:
            for name, value in values.items():
                setattr(job, name, value)
            self._tell()

    def unwanted(self, job: Job) -> bool:
        """Return whether a job is cancelled, or its page is gone."""
        with self._news:
            return job.cancelled or self._closed or (job.page is not None and self._gone(job.page))

    def _gone(self, page: str) -> bool:
        waiting, last = self._asking.get(page, (0, 0.0))
        return waiting == 0 and time.monotonic() - last > ABANDONED_S

    def _seen(self, page: str, more: int) -> None:
        waiting, _ = self._asking.get(page, (0, 0.0))
        self._asking[page] = (waiting + more, time.monotonic())

    def _forget(self) -> None:
        """Forget the oldest ended jobs, and pages without jobs."""
        ended = [job for job in self._jobs.values() if job.ended]
        for job in ended[: max(0, len(ended) - KEPT)]:
            del self._jobs[job.id]
        pages = {job.page for job in self._jobs.values()}
        self._asking = {page: seen for page, seen in self._asking.items() if page in pages or seen[0]}

    def _tell(self) -> None:
        self._version += 1
        self._news.notify_all()

    def _work(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                job = self._waiting.popleft()
                job.state = "running"
                self._tell()
                work = self._works.pop(job)
            self._do(job, work)
            del work

    def _do(self, job: Job, work: Callable[[Task], list[str]]) -> None:
        task = Task(self, job)
        try:
            task.check()
            results = work(task)
        except CancelledError:
            self.change(job, state="cancelled")
        except VQSpeechError as error:
            self.change(job, state="failed", message=str(error))
        except BaseException as error:
            # Also SystemExit of a library, and a terminal that is gone: the thread goes on with the next job.
            with suppress(OSError, ValueError):
                traceback.print_exc()
            self.change(job, state="failed", message=f"{type(error).__name__}: {error}. The terminal shows more")
        else:
            self.change(job, state="done", results=results)

    def __enter__(self) -> JobQueue:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._news:
            self._closed = True
            self._tell()
        self._thread.join(timeout=ABANDONED_S)
