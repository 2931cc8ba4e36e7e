"""A small thread pool whose threads never hold the process back, and the retry rule for transport errors.

`concurrent.futures` joins its threads at exit, so Ctrl-C during a slow exec would hang until it returns; these
threads are daemons.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class TransportError(Exception):
    """The question got lost on the way (time-out, reset, 503): asking again is harmless and may help."""


class Pool:
    """Runs functions on `size` daemon threads. Functions given to it must not submit to the same pool."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._threads = 0
        self._lock = threading.Lock()

    def submit(self, function: Callable[[], None]) -> None:
        """Run `function` on a thread soon. It must not raise."""
        with self._lock:
            if self._threads < self.size:
                self._threads += 1
                threading.Thread(target=self._serve, daemon=True, name="ops-worker").start()
        self._work.put(function)

    def _serve(self) -> None:
        while True:
            self._work.get()()

    def settle(
        self,
        function: Callable[[Item], Answer],
        items: Iterable[Item],
        *,
        expected: type[Exception] | tuple[type[Exception], ...] = Exception,
    ) -> list[tuple[Item, Answer | Exception]]:
        """Call `function` for all items at once; each item comes back with its answer or its `expected` exception.

        Any other exception is raised, once all have ended.
        """
        items = list(items)
        done: queue.SimpleQueue[tuple[int, Answer | Exception]] = queue.SimpleQueue()

        def task(index: int, item: Item) -> Callable[[], None]:
            def call() -> None:
                try:
                    done.put((index, function(item)))
                except Exception as error:
                    done.put((index, error))

            return call

        for index, item in enumerate(items):
            self.submit(task(index, item))
        answers = dict(done.get() for _ in items)
        for answer in answers.values():
            if isinstance(answer, Exception) and not isinstance(answer, expected):
                raise answer
        return [(item, answers[index]) for index, item in enumerate(items)]


class Memo:
    """Asks each question once per round, even when several checks want the answer at the same moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._answers: dict[str, Any] = {}
        self._errors: dict[str, Exception] = {}

    def get(self, key: str, ask: Callable[[], Answer]) -> Answer:
        """Give the remembered answer to `key`, or that of `ask`. An exception is remembered as well."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key in self._errors:
                raise self._errors[key]
            if key not in self._answers:
                try:
                    self._answers[key] = ask()
                except Exception as error:
                    self._errors[key] = error
                    raise
            return self._answers[key]


def retrying(
    ask: Callable[[], Answer], *, retries: int, sleep: Callable[[float], None] = time.sleep
) -> Answer:
    """Ask again after a `TransportError`, at most `retries` times, with 0.5 s, 1 s, 2 s ... in between."""
    for attempt in range(retries):
        try:
            return ask()
        except TransportError:
            sleep(0.5 * 2**attempt)
    return ask()
