"""The short form: a slow line, so that a busy machine can carry it, and loose bounds on ratios.

Whoever is slowed down by a compiler beside him is not slowed down by us: so what counts is the foreground's part
of all that passed, and how a page fares before and meanwhile. Of several tries the best counts: who does not give
way, does not in any of them. A try in which this machine was too busy to look at the line several times a second,
or to carry a page through the empty line, says nothing about anybody, and does not count; nor does one that misses
a bound while somebody waited for a processor half of the time, or while other guests of the host had it.
"""

import os
import signal
import subprocess
import sys
import time

from .case import Case
from .foregrounds import iperf3, page
from .house import PAYLOAD, House, Sampler

CASE = Case("check", "iperf3", ["--down", "20mbit"], rate=20e6)
TRIES = 4
# Nobody in the background leaves a foreground less than this part, or makes it longer than this.
PART, PAGE, QUEUE, MOVES = 0.9, 1.5, 40.0, 0.5
LEFT_OUT = 77
# A try takes 20 seconds. What takes longer than this, between two looks or for a page alone, is the machine.
PATIENCE, GAP, ALONE = 60, 0.6, 800.0
# A line of programs is as fast as they are let: with more waiting for processors than this, nothing has to move.
CROWD = 0.5
# With more than this part of its time taken by other guests of its host, what moves and waits here says nothing.
TAKEN = 0.05
# So long, in seconds, it has the line to itself at least, and at most until it moves.
LEAD, START = 5, 20


class Busy(Exception):
    """This machine has too much else to do."""


def lacking():
    """What this machine has not got."""
    if not os.path.exists("/dev/net/tun"):
        return "no /dev/net/tun for the delay of a line"
    name = f"nb-try-{os.getpid()}"
    try:
        for words in (
            ["ip", "netns", "add", name],
            ["ip", "-n", name, "link", "add", "e0", "type", "veth", "peer", "name", "e1"],
            ["ip", "netns", "exec", name, "tc", "qdisc", "add", "dev", "e0", "root", "tbf", "rate", "1mbit", "burst", "8kb", "latency", "9ms"],
        ):
            tried = subprocess.run(words, capture_output=True, text=True)
            if tried.returncode != 0:
                return f"{' '.join(words)}: {tried.stderr.strip()}"
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return None


def late(*_):
    raise Busy(f"a try took more than {PATIENCE} s")


def attempt(programs, who):
    signal.signal(signal.SIGALRM, late)
    signal.alarm(PATIENCE)
    try:
        with House(CASE, programs) as house:
            try:
                return watch(house, who)
            finally:
                # Clearing away is not to be disturbed.
                signal.alarm(0)
    finally:
        signal.alarm(0)


def pressure():
    """Seconds, since the start of the machine, in which somebody waited for a processor."""
    try:
        with open("/proc/pressure/cpu") as file:
            return int(file.readline().split("total=")[1]) / 1e6
    except OSError:
        return 0.0


def clock():
    """The processors' time, and what other guests of the host have taken of it, since the start of the machine."""
    with open("/proc/stat") as file:
        spent = [int(number) for number in file.readline().split()[1:9]]
    return sum(spent), spent[7]


def excuse_since(begun, pressed, spent):
    """Why what has been seen since then says nothing about us, if it is so. Asked at the end of a try."""
    waited = (pressure() - pressed) / (time.monotonic() - begun)
    if waited > CROWD:
        return f"somebody waited for a processor {waited:.0%} of the time"
    total, taken = (after - before for after, before in zip(clock(), spent))
    part = taken / max(total, 1)
    if part > TAKEN:
        return f"other guests of the host had {part:.0%} of the processors"
    return None


def watch(house, who):
    line = CASE.rate * PAYLOAD
    pressed = pressure()
    quiet = page(house, 3)
    if quiet > ALONE:
        raise Busy(f"a page alone took {quiet:.0f} ms")
    sampler = Sampler(house)
    sampler.start()
    begun = time.monotonic()
    house.background(who)
    while True:
        time.sleep(0.2)
        start = time.monotonic()
        moves = sampler.rate(start - 2, start) / line
        if start > begun + LEAD and moves >= MOVES:
            break
        if start > begun + START:
            waited = (pressure() - pressed) / (start - begun)
            if waited > CROWD:
                raise Busy(f"somebody waited for a processor {waited:.0%} of the time")
            print(house.said(), flush=True)
            break
    beside = iperf3(house, "-R", seconds=6) * line
    end = time.monotonic()
    crowded = page(house, 5)
    sampler.over.set()
    sampler.join()
    times = [row[0] for row in sampler.rows]
    gaps = sorted(after - before for before, after in zip(times, times[1:]))
    if gaps[int(len(gaps) * 0.9)] > GAP:
        raise Busy(f"looks at the line came {gaps[int(len(gaps) * 0.9)]:.1f} s apart")
    # Of its first second neither counts: the one begins, the other goes.
    ours = sampler.rate(start + 1, end)
    return {
        "part": beside / (beside + ours),
        "page": crowded / quiet,
        "queue": sampler.queue(begun, start, CASE.rate),
        "moves": moves,
    }


def misses(found):
    bounds = [
        ("part", found["part"] >= PART, f"the foreground has {found['part']:.2f} of what passes, not {PART}"),
        ("page", found["page"] <= PAGE, f"a page takes {found['page']:.2f} times as long, not {PAGE}"),
        ("queue", found["queue"] <= QUEUE, f"alone the queue is {found['queue']:.0f} ms, not {QUEUE:.0f}"),
        ("moves", found["moves"] >= MOVES, f"alone it has {found['moves']:.2f} of the line, not {MOVES}"),
    ]
    return {name: text for name, kept, text in bounds if not kept}


def check(programs):
    """The exit status."""
    if programs is None:
        sys.exit("politeness: BENCH_PROGRAMS says where the programs are")
    lack = lacking()
    if lack:
        print(lack)
        return LEFT_OUT
    missed = None
    for _ in range(TRIES):
        before = time.monotonic(), pressure(), clock()
        try:
            found = attempt(programs, os.environ.get("BENCH_BACKGROUND", "ebb"))
        except Busy as busy:
            print(f"does not count: {busy}", flush=True)
            continue
        excuse = excuse_since(*before)
        print(" ".join(f"{name}={value:.3f}" for name, value in found.items()), flush=True)
        now = misses(found)
        if now and excuse:
            print(f"does not count: {excuse}", flush=True)
            continue
        missed = now if missed is None else {name: text for name, text in missed.items() if name in now}
        if not missed:
            return 0
    if missed is None:
        return LEFT_OUT
    print("; ".join(missed.values()))
    return 1
