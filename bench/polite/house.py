"""A house in network namespaces, what runs in it, and what is seen of it from outside of Ebb."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
RIG = TOP / "bench/netns-bottleneck.sh"
# Of what the line carries, what is payload: 1448 of 1514 bytes.
PAYLOAD = 1448 / 1514
PROGRAMS = ["ebbd", "ebb-service", "ebb-files", "ebb-net", "ebb-notify", "ebb-sign", "ebb"]
URL = "http://10.77.1.2/big"
SMALL = "http://10.77.1.2/small/"


def run(*words, **more):
    return subprocess.run([str(w) for w in words], check=True, text=True, capture_output=True, **more).stdout


class Stage:
    """A directory, and processes that end with it."""

    def __init__(self, programs, directory="/dev/shm"):
        self.programs, self.started = pathlib.Path(programs), []
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="ebb-polite.", dir=directory))
        self.scratch.chmod(0o755)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.started):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self.started):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def start(self, *words, **more):
        more.setdefault("stdout", subprocess.DEVNULL)
        more.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen([str(word) for word in words], **more)
        self.started.append(process)
        return process

    def nginx(self, inside, listen, more=""):
        """Serves what is in www."""
        here = self.scratch
        (here / "nginx.conf").write_text(
            f"user root; worker_processes 1; pid {here}/nginx.pid; daemon off;\n"
            f"error_log {here}/nginx.log; events {{ worker_connections 100; }}\n"
            f"http {{ access_log off; sendfile on; client_body_temp_path {here}/t1; proxy_temp_path {here}/t2;\n"
            f"fastcgi_temp_path {here}/t3; uwsgi_temp_path {here}/t4; scgi_temp_path {here}/t5;\n"
            f"server {{ listen {listen}; root {here}/www; {more} }} }}\n"
        )
        self.start(*inside, "nginx", "-c", here / "nginx.conf", "-e", here / "nginx.log")

    def ebbd(self, inside, slots=4):
        """Starts an Ebb of its own there, and waits until it answers."""
        here = self.scratch
        libexec = here / "libexec"
        libexec.mkdir()
        for program in PROGRAMS:
            shutil.copy(self.programs / program, libexec / program)
        for name in ["run", "state"]:
            run("install", "-d", "-m", "755", "-o", "ebb", "-g", "ebb", here / name)
        (here / "ebb.toml").write_text(f'bus-address = ""\nbackground-slots = {slots}\n')
        (here / "ebbd.conf").write_text(
            f"libexec-dir = {libexec}\nruntime-dir = {here}/run\nstate-dir = {here}/state\n"
            f"config = {here}/ebb.toml\n"
        )
        log = here / "log"
        self.start(*inside, libexec / "ebbd", "--policy", here / "ebbd.conf", stderr=open(log, "w"))
        self.environment = {**os.environ, "EBB_BUS": f"unix:path={here}/run/bus"}
        for _ in range(300):
            words = [libexec / "ebb", "status"]
            if subprocess.run(words, env=self.environment, capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        raise RuntimeError(f"ebbd did not start: {log.read_text()}")

    def ebb(self, *words):
        return run(self.scratch / "libexec/ebb", *words, env=self.environment).strip()

    def said(self):
        """What Ebb says of itself, for whoever asks why nothing moves."""
        log = self.scratch / "log"
        if not log.exists():
            return "no Ebb here"
        shown = subprocess.run([self.scratch / "libexec/ebb", "list"], env=self.environment, capture_output=True, text=True)
        return shown.stdout + shown.stderr + log.read_text()[-4000:]

    def processor_seconds(self, program):
        """What all its processes have used so far, by the kernel's own clock and not by its ticks."""
        total = 0
        for there in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(there / "exe") == str(self.scratch / "libexec" / program):
                    total += sum(int((task / "schedstat").read_text().split()[0]) for task in there.glob("task/*"))
            except OSError:
                continue
        return total / 1e9


class House(Stage):
    """The namespaces of one run. Everything in them ends with it."""

    def __init__(self, case, programs):
        super().__init__(programs)
        # Rigs of different names stand beside each other.
        self.case, self.name = case, f"p{os.getpid()}"

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            # Nobody calls __exit__ for what has not been entered.
            self.__exit__()
            raise
        return self

    def build(self):
        run(RIG, "up", "--name", self.name, *self.case.rig)
        www = self.scratch / "www"
        www.mkdir()
        with open(www / "big", "wb") as file:
            file.truncate(int(self.case.rate / 8 * 60))
        (www / "page").write_bytes(os.urandom(500_000))
        (www / "40k").write_bytes(os.urandom(40 * 1024))
        more = "location /small/ { try_files /40k =404; } keepalive_requests 100000;"
        if self.case.each:
            more += f" location /big {{ limit_rate {self.case.each}; }}"
        self.nginx(self.inside("srv"), "80", more)
        self.start(*self.inside("srv"), "iperf3", "-s")
        self.listening(80, 5201)

    def listening(self, *ports, patience=30):
        """Waits until somebody answers at these ports of the server."""
        end = time.monotonic() + patience
        while True:
            heard = run(*self.inside("srv", "ss", "-tlnH"))
            if all(re.search(rf":{port}\s", heard) for port in ports):
                return
            if time.monotonic() > end:
                raise RuntimeError(f"nobody listens at {ports}: {heard}")
            time.sleep(0.1)

    def __exit__(self, *error):
        super().__exit__(*error)
        run(RIG, "down", "--name", self.name)

    def inside(self, node, *words):
        return ["ip", "netns", "exec", f"nb-{self.name}-{node}", *map(str, words)]

    def background(self, who):
        """Begins it: curl, or jobs of Ebb, of low priority or in the foreground."""
        if who == "nobody":
            return
        if who == "curl":
            if self.case.files:
                words = ["--parallel", "--parallel-max", 8, "--no-progress-meter", "-o", "/dev/null"]
                self.start(*self.inside("cli"), "curl", *map(str, words), f"{SMALL}[1-{self.case.files}]")
                return
            for _ in range(self.case.jobs):
                self.start(*self.inside("cli"), "curl", "-s", "-o", "/dev/null", URL)
            return
        self.ebbd(self.inside("cli"), max(self.case.jobs, 4))
        for number in range(self.case.jobs):
            priority = "foreground" if who == "ebb-foreground" else "low"
            if self.case.files:
                listed, out = self.scratch / "urls", self.scratch / f"out{number}"
                listed.write_text("".join(f"{SMALL}{file}\n" for file in range(self.case.files)))
                out.mkdir()
                self.ebb("submit", "--priority", priority, "-i", listed, "-d", out)
                continue
            self.ebb("submit", "--priority", priority, URL, "-o", self.scratch / f"out{number}")


class Sampler(threading.Thread):
    """Bytes of the background and the queue of the line, ten times a second."""

    def __init__(self, house):
        super().__init__(daemon=True)
        self.house, self.rows, self.over = house, [], threading.Event()

    def run(self):
        acked = {}
        house = self.house
        while not self.over.is_set():
            now = time.monotonic()
            lines = run(*house.inside("srv", "ss", "-tinHO", "sport = :80"))
            for line in lines.splitlines():
                found = re.search(r"\s(\S+:\d+)\s+(\S+:\d+)\s.*bytes_acked:(\d+)", line)
                # The page of the foreground is fetched from the same server, but is short.
                if found and int(found[3]) > 600_000 or found and found[2] in acked:
                    acked[found[2]] = int(found[3])
            queue = run(*house.inside("isp", "tc", "-s", "qdisc", "show", "dev", "wan"))
            backlog = re.search(r"backlog (\d+)([KM]?)b", queue)
            factor = {"": 1, "K": 1024, "M": 1048576}[backlog[2]]
            self.rows.append((now, sum(acked.values()), int(backlog[1]) * factor))
            self.over.wait(0.1)

    def rate(self, begin, end):
        """Bits a second between two moments."""
        rows = [row for row in self.rows if begin <= row[0] < end]
        if len(rows) < 2:
            return 0.0
        return (rows[-1][1] - rows[0][1]) * 8 / (rows[-1][0] - rows[0][0])

    def queue(self, begin, end, rate):
        """The queue in milliseconds that 95 of 100 samples stay below."""
        queues = sorted(row[2] * 8e3 / rate for row in self.rows if begin <= row[0] < end)
        return queues[int(len(queues) * 0.95)] if queues else 0.0


def first(sampler, since, reached):
    """Seconds until the rate over a third of a second is as wanted."""
    for now, _, _ in sampler.rows:
        if now >= since + 0.3 and reached(sampler.rate(now - 0.35, now + 0.01)):
            return now - since
    return float("inf")
