"""What is left in memory of a file that somebody works with, while 2 GiB go to the disk beside it.

Both share a memory cgroup of 1 GiB, of version 1 or 2. The somebody reads his file of 600 MiB twice and then
waits; the transfer comes with 100 MiB a second, by one connection. What is left is what `fincore` finds.
"""

import os
import pathlib
import re
import subprocess
import threading
import time

from .house import Stage, run

MIB = 1 << 20
LIMIT, WORKING_SET, PASSING = 1024 * MIB, 600 * MIB, 2048 * MIB
LISTEN = "127.10.77.1:8077"

READ = """
import sys, time
for turn in range(2):
    with open(sys.argv[1], "rb") as file:
        while file.read(1 << 18):
            pass
print("read", flush=True)
time.sleep(3600)
"""


class Cage:
    """A memory cgroup of its own. Everything in it has ended before it does."""

    def __init__(self, limit):
        top = pathlib.Path("/sys/fs/cgroup")
        old = top / "memory"
        second = (top / "cgroup.controllers").exists()
        self.path = (top if second else old) / f"ebb-polite-{os.getpid()}"
        if second:
            (top / "cgroup.subtree_control").write_text("+memory")
        self.path.mkdir()
        (self.path / ("memory.max" if second else "memory.limit_in_bytes")).write_text(str(limit))

    def inside(self):
        return ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh"]

    def programs(self):
        """What runs in it, by name."""
        pids = (self.path / "cgroup.procs").read_text().split()
        return {pathlib.Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids}

    def remove(self):
        for _ in range(100):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"{self.path} cannot be removed")


class Cached(threading.Thread):
    """How much of two files is in memory, and of one on the disk, twice a second."""

    def __init__(self, kept, coming):
        super().__init__(daemon=True)
        self.kept, self.coming, self.rows, self.over = kept, coming, [], threading.Event()

    def run(self):
        while not self.over.is_set():
            # Ebb writes beside the destination, under a name of its own.
            files = [path for path in self.coming.iterdir() if path.is_file()]
            written = sum(path.stat().st_blocks * 512 for path in files)
            passing = sum(map(cached, files))
            self.rows.append((time.monotonic(), cached(self.kept), passing, written))
            self.over.wait(0.5)


def cached(path):
    """Bytes of a file that are in memory."""
    found = subprocess.run(["fincore", "-b", "-n", "-o", "RES", path], text=True, capture_output=True)
    return int(re.sub(r"\D", "", found.stdout) or 0)


def measure(who, programs):
    """The part that is kept, and how it went."""
    cage = Cage(LIMIT)
    try:
        with Stage(programs, "/var/tmp") as stage:
            www, coming, kept = stage.scratch / "www", stage.scratch / "out", stage.scratch / "kept"
            www.mkdir()
            coming.mkdir()
            with open(www / "big", "wb") as file:
                file.truncate(PASSING)
            # In the cage belongs what is read there; so nothing of it may be in memory before.
            with open(kept, "wb") as file:
                for _ in range(WORKING_SET // MIB):
                    file.write(os.urandom(MIB))
                file.flush()
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            stage.nginx([], LISTEN, "limit_rate 100m; max_ranges 0;")
            if who == "ebb":
                stage.ebbd(cage.inside())
            somebody = stage.start(*cage.inside(), "python3", "-c", READ, kept, stdout=subprocess.PIPE, text=True)
            somebody.stdout.readline()
            before = cached(kept)
            watch = Cached(kept, coming)
            watch.start()
            begin = time.monotonic()
            if who == "ebb":
                job = stage.ebb("submit", "--priority", "low", f"http://{LISTEN}/big", "-o", coming / "big")
                seen = set()
                while stage.ebb("show", "--get", "state", job) not in ("acknowledged", "error"):
                    seen |= cage.programs()
                    time.sleep(0.5)
                assert {"ebb-net", "ebb-files"} <= seen, f"not in the cage: {seen}"
            else:
                run(*cage.inside(), "curl", "-s", "-o", coming / "big", f"http://{LISTEN}/big")
            after, end = cached(kept), time.monotonic()
            watch.over.set()
            watch.join()
            size = (coming / "big").stat().st_size
            assert size == PASSING and before > 0.98 * WORKING_SET, f"{size} came, {before} were read"
            return {"kept": after / before, "seconds": end - begin}, watch.rows, (begin, begin, begin)
    finally:
        cage.remove()
