"""Good clients beside bad ones, for minutes: `HOSTILE_MINUTES`, by default 10."""

import collections
import json
import os
import random
import signal
import statistics
import threading
import time

import httpx
import numpy as np
import pytest
from hostile import ACTS, GOOD, PREDICT, slow
from raw_http import head
from served import FORMATS, b64, decoded, eventually, expected, png

pytestmark = [pytest.mark.slow, pytest.mark.process]
MINUTES = float(os.environ.get("HOSTILE_MINUTES", 10))
WITHIN = 10.0  # seconds of an answer directly after; the machine may be busy
GROWTH = 700  # MB above the memory at the start, of which a large image takes most


def of_process(server, name):
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


class Mixture:
    """Clients of all kinds, in threads, for some time."""

    def __init__(self, server, minutes):
        self.server, self.until = server, time.monotonic() + 60 * minutes
        self.wrong, self.codes, self.times, self.resident = [], collections.Counter(), [], []
        self.files = [png(seed) for seed in range(16)]
        self.wanted = expected(server.models[0], decoded(self.files))

    def run(self):
        works = [(self.good,)] * 4 + [(self.bad, ACTS)] * 4 + [(self.bad, (slow,))] * 8 + [(self.watch,)]
        threads = [threading.Thread(target=self.guarded, args=(i, *work)) for i, work in enumerate(works)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60 * MINUTES + 300)
            assert not thread.is_alive()

    def guarded(self, seed, work, *arguments):
        try:
            rng = random.Random(seed)
            while time.monotonic() < self.until:
                work(rng, *arguments)
        except Exception as error:
            self.wrong.append(f"{work.__name__}: {error!r}")

    def good(self, rng):
        with httpx.Client(base_url=self.server.address, timeout=120, trust_env=False) as client:
            for _ in range(20):
                i, begun = rng.randrange(len(self.files)), time.monotonic()
                path = f"/v1/models/{rng.choice(FORMATS)}:predict"
                answer = client.post(path, content=json.dumps({"instances": [b64(self.files[i])]}))
                self.times.append(time.monotonic() - begun)
                self.codes["good", answer.status_code] += 1
                if answer.status_code == 200:
                    found = answer.json()["predictions"][0]["probabilities"]
                    if np.abs(np.array(found) - self.wanted[i]).max() > 1e-4:
                        self.wrong.append(f"image {i}: {found}")
                elif answer.status_code not in (503, 504):
                    self.wrong.append(f"image {i}: {answer.status_code} {answer.text}")

    def bad(self, rng, acts):
        act = rng.choice(acts)
        statuses, allowed = act(self.server, rng)
        for status in statuses:
            self.codes[act.__name__, status] += 1
            if status not in allowed | {503, 504}:
                self.wrong.append(f"{act.__name__}: {status}")

    def watch(self, rng):
        self.resident.append(of_process(self.server, "VmRSS") // 1024)
        time.sleep(1)


def test_good_clients_beside_bad_ones(server):
    """No wrong answer, no error of the server, memory, descriptors and threads level, and an end within 5 s."""
    for name in FORMATS:
        server.post(name, {"instances": [b64(png(0))] * 8})
    resident, files, threads = of_process(server, "VmRSS") // 1024, descriptors(server), of_process(server, "Threads")
    mixture = Mixture(server, MINUTES)
    mixture.run()
    begun = time.monotonic()
    assert server.client.post(PREDICT, content=GOOD).status_code == 200
    after = time.monotonic() - begun
    eventually(lambda: descriptors(server) <= files + 2, 60)
    told = {f"{name} {code}": count for (name, code), count in sorted(mixture.codes.items())}
    peak, more = max(mixture.resident), of_process(server, "Threads") - threads
    print(f"\n{told}\ngood: median {statistics.median(mixture.times):.3f} s, longest {max(mixture.times):.1f} s")
    print(f"memory {resident} MB, at most {peak} MB, then {mixture.resident[-1]} MB; {more} more threads")
    print(f"an answer {after:.2f} s after")
    assert not mixture.wrong, collections.Counter(mixture.wrong).most_common(20)
    good = {code: count for (name, code), count in mixture.codes.items() if name == "good"}
    assert good[200] > 0.95 * sum(good.values()) and after < WITHIN
    assert server.metrics()["held_bytes"] == 0 and more <= 8 and peak < resident + GROWTH
    third = len(mixture.resident) // 3
    assert statistics.median(mixture.resident[-third:]) < statistics.median(mixture.resident[third : 2 * third]) + 100
    _end(server)


def _end(server):
    """SIGTERM while clients hold requests that do not end."""
    clients = [server.connect() for _ in range(10)]
    for client in clients:
        client.sendall(head(1000, PREDICT) + b"{")
    begun = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(20) == 0 and time.monotonic() - begun < 5.2
    for client in clients:
        client.close()
    assert "Traceback" not in server.stderr(), server.stderr()
