"""A second process for the peer, so that neither side profits from what the other does to the memory of its process.

metameric brings glibc to keep memory that becomes free, for the whole process; in one process the peer is faster for it
than its users know it. With `--apart` the script runs twice, in step: one process times metameric, its twin the peer.
"""

import subprocess
import sys
from collections.abc import Callable


class Twin:
    """The same script in another process, as seen from the first one."""

    def __init__(self) -> None:
        command = [sys.executable, *sys.argv, "--twin"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def clock(self) -> float:
        """Have the peer's function of the present comparison run once; return its seconds."""
        self._say("run")
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("the twin has ended before its time; run without --apart to see its error")
        return float(answer)

    def follow(self) -> None:
        """Let it go on to the next comparison."""
        self._say("next")

    def _say(self, word: str) -> None:
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()


def serve(clock: Callable[[], float]) -> None:
    """Be the twin: time the peer's function whenever asked to, until the first process goes on."""
    for line in sys.stdin:
        if line.strip() == "next":
            return
        print(clock(), file=sys.__stdout__, flush=True)
    raise SystemExit(0)


def leave_memory_alone() -> None:
    """Keep metameric, which sets the comparisons up, from changing how this process treats its memory."""
    from metameric._core import memory

    memory.keep_heap = lambda: None
