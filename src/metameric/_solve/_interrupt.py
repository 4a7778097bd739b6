"""Ctrl-C as a request to end after the step under way; a second one interrupts at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Request:
    """Whether an end has been asked for."""

    def __init__(self) -> None:
        self.made = False
        self.immediate = False

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Interrupt at once where nothing could be kept of the step under way, and where it was asked for before."""
        self.immediate = True
        try:
            if self.made:
                raise KeyboardInterrupt
            yield
        finally:
            self.immediate = False


@contextmanager
def interruptible() -> Iterator[Request]:
    """Turn the first SIGINT into a request. Leaves handlers alone that are not Python's own, and other threads."""
    request = Request()
    own = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not own:
        yield request
        return

    def ask(number: int, frame: FrameType | None) -> None:
        again, request.made = request.made, True
        if again or request.immediate:
            own(number, frame)

    signal.signal(signal.SIGINT, ask)
    try:
        yield request
    finally:
        signal.signal(signal.SIGINT, own)
