"""What somebody does in the foreground, and how it fares: a download, pages, a call, an upload."""

import json
import statistics
import subprocess

from .house import PAYLOAD, run

# Of a download, an upload or a call.
SECONDS = 13


def iperf3(house, *more, seconds=SECONDS):
    text = run(*house.inside(house.case.node, "iperf3", "-c", "10.77.1.2", "-t", seconds, "-J", *more))
    rates = [part["sum"]["bits_per_second"] for part in json.loads(text)["intervals"]]
    return statistics.mean(rates[1:]) / (house.case.rate * PAYLOAD)


PAGE = """
import socket, sys, time
times, start = [], time.time()
for turn in range(int(sys.argv[1])):
    time.sleep(max(0, start + turn - time.time()))
    begin = time.time()
    s = socket.create_connection(("10.77.1.2", 80))
    s.sendall(b"GET /page HTTP/1.0\\r\\n\\r\\n")
    while s.recv(65536):
        pass
    times.append((time.time() - begin) * 1e3)
times.sort()
print(times[len(times) // 2])
"""

# 3 Mbit/s, each way a clock of the same machine.
TALK = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
start = time.monotonic()
for turn in range(%d * 312):
    time.sleep(max(0, start + turn / 312 - time.monotonic()))
    s.sendto(str(time.monotonic()).encode().ljust(1200), ("10.77.3.2", 9))
"""
LISTEN = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 9)); s.settimeout(3)
late = []
try:
    while True:
        said = s.recv(2000); late.append((time.monotonic() - float(said)) * 1e3)
except TimeoutError:
    pass
best = min(late); late = sorted(one - best for one in late)
print(late[int(len(late) * 0.95)])
"""


def page(house, times):
    """Milliseconds that half a megabyte takes, the median; one a second."""
    return float(run(*house.inside(house.case.node, "python3", "-c", PAGE, times)))


def foreground(house):
    """The figure of this case: a part of the line, or milliseconds."""
    kind = house.case.foreground
    if kind == "iperf3":
        return iperf3(house, "-R")
    if kind == "iperf3-bbr":
        return iperf3(house, "-R", "-C", "bbr")
    if kind == "upload":
        return iperf3(house, "-C", "cubic")
    if kind == "page":
        return page(house, 20)
    if kind == "call":
        ear = subprocess.Popen(house.inside("cli", "python3", "-c", LISTEN), stdout=subprocess.PIPE, text=True)
        run(*house.inside("srv", "python3", "-c", TALK % SECONDS))
        return float(ear.communicate(timeout=20)[0])
    return 0.0
