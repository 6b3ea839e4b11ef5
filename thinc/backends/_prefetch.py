"""Preparing batches ahead, in a thread."""

import atexit
import contextvars
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from typing import Any

NAME = "thinc-prefetch"
_PATIENCE = 2.0  # seconds at the end of the process, for all threads together

_END = object()


def prefetch(items: Iterator[Any], ahead: int) -> Iterator[Any]:
    """The same items in the same order, drawn by a thread which is at most `ahead` items further.

    What drawing an item raises is raised where that item would be. The thread starts with the first item that is
    asked for, and ends when there are no more, or when this generator is closed or dropped; what it prepared in
    vain is dropped then.
    """
    worker = _Worker(items, ahead)
    try:
        while (item := worker.take()) is not _END:
            yield item
    finally:
        worker.close()


def together(items: Iterator[Any], number: int) -> Iterator[Any]:
    """The same items in the same order, so many drawn at a time."""
    while True:
        drawn = []
        for item in items:
            drawn.append(item)
            if len(drawn) >= number:
                break
        if not drawn:
            return
        yield from drawn


class _Worker:
    def __init__(self, items: Iterator[Any], ahead: int):
        self._items = items
        self._ahead = ahead
        self._ready: deque[Any] = deque()
        self._error: BaseException | None = None
        self._has_ended = False
        self._is_closed = False
        self._changed = threading.Condition()
        self._process = os.getpid()
        # A daemon: the process may end while a generator is still around, as one in a notebook is.
        run = contextvars.copy_context().run
        self._thread = threading.Thread(target=run, args=(self._run,), name=NAME, daemon=True)
        self._thread.start()
        _at_work.add(self)

    def _run(self) -> None:
        error = None
        try:
            for item in self._items:
                with self._changed:
                    while len(self._ready) >= self._ahead and not self._is_closed:
                        self._changed.wait()
                    if self._is_closed:
                        return
                    self._ready.append(item)
                    self._changed.notify_all()
        except BaseException as err:
            error = err
        finally:
            with self._changed:
                self._error, self._has_ended = error, True
                self._changed.notify_all()

    def take(self) -> Any:
        """The next item, or `_END`."""
        if os.getpid() != self._process:
            raise RuntimeError(
                "Batches that were prepared ahead in another process, of which this one is a fork, cannot be "
                "used on; begin a new pass with iter()"
            )
        with self._changed:
            while not self._ready and not self._has_ended:
                self._changed.wait()
            if self._ready:
                item = self._ready.popleft()
                self._changed.notify_all()
                return item
            error, self._error = self._error, None
        if error is not None:
            raise error
        return _END

    def close(self) -> None:
        """Let the thread end as soon as it has drawn what it is at; do not wait for that."""
        if os.getpid() != self._process:
            return  # the thread is not here, though it may have left the lock as it was
        with self._changed:
            self._is_closed = True
            self._ready.clear()
            self._changed.notify_all()

    def join(self, timeout: float) -> None:
        """Wait for the thread, not longer than that."""
        self._thread.join(timeout)


_at_work: "weakref.WeakSet[_Worker]" = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """End the threads while the interpreter still works; leave those that take their time."""
    workers = list(_at_work)
    for worker in workers:
        worker.close()
    end = time.monotonic() + _PATIENCE
    for worker in workers:
        worker.join(max(0.0, end - time.monotonic()))
