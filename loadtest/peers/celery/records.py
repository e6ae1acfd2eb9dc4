"""Deliveries of one process, in a file mapped into memory: no system call and no message a task.

Little-endian doubles: first how many records, then of each the task's number, when it was sent and when its handler was
entered, in milliseconds.
"""

import mmap
import os
import struct

MOST = 2_000_000
RECORD = struct.Struct("<ddd")
COUNT = struct.Struct("<d")


class Records:
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._pid = 0
        self._count = 0
        self._map: mmap.mmap | None = None

    def keep(self, number: int, sent_ms: float, entered_ms: float) -> None:
        # a child of prefork is a copy of its parent: it opens a file of its own
        if self._pid != os.getpid():
            self._open()
        if self._count == MOST:
            raise RuntimeError(f"expected at most {MOST} deliveries a process")
        RECORD.pack_into(self._map, COUNT.size + self._count * RECORD.size, number, sent_ms, entered_ms)
        self._count += 1
        # last: whoever reads the file trusts this number
        COUNT.pack_into(self._map, 0, self._count)

    def _open(self) -> None:
        self._pid = os.getpid()
        self._count = 0
        with open(os.path.join(self._folder, f"{self._pid}.records"), "w+b") as file:
            file.truncate(COUNT.size + MOST * RECORD.size)
            self._map = mmap.mmap(file.fileno(), 0)
