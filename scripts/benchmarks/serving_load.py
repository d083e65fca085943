"""The server that serving.py times, and the clients that load it."""

import base64
import json
import os
import re
import subprocess
import sys
import threading
import time

import httpx
import numpy as np

CHECKED = 10  # every so many answers
SAME = 1e-3  # of a probability


class Server:
    """`keras-effconv serve` of a checkout.

    Args:
        checkout: path of the code.
        model: path of an export.
        flags: list of str, of the command.

    Attributes:
        address: str, of the model.
    """

    def __init__(self, checkout, model, flags):
        command = [sys.executable, "-m", "keras_effconv", "serve", f"--model={os.path.abspath(model)}", "--port=0"]
        environment = {**os.environ, "PYTHONPATH": os.path.abspath(checkout)}
        self.process = subprocess.Popen(
            [*command, *flags], stdout=subprocess.PIPE, text=True, cwd=checkout, env=environment
        )
        self.address = self.process.stdout.readline().strip()
        if not self.address:
            raise ValueError(f"the server of {checkout} did not start")

    def counted(self):
        """Return (rows, batches) that were computed."""
        page = httpx.get(self.address.split("/v1/")[0] + "/metrics", trust_env=False).text
        return [float(re.search(rf"computed_{name}_total ([0-9.]+)", page)[1]) for name in ("rows", "batches")]

    def close(self):
        """End the server."""
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def closed_loop(server, files, wanted, count, seconds):
    """Let clients ask for some time.

    Args:
        server: `Server`.
        files: list of bytes, images.
        wanted: list of arrays, their probabilities.
        count: int, clients.
        seconds: float.

    Returns:
        tuple of the seconds of each answer, the number of answers, the seconds of all, rows of a batch, wrong answers.
    """
    bodies = [json.dumps({"instances": [{"b64": base64.b64encode(file).decode()}]}).encode() for file in files]
    ready, begin, end = threading.Barrier(count + 1), threading.Event(), [0.0]
    times, kept = [], []

    def work(number):
        with httpx.Client(timeout=120, trust_env=False) as client:
            client.get(server.address)
            ready.wait()
            begin.wait()
            turn = number
            while (now := time.perf_counter()) < end[0]:
                answer = client.post(f"{server.address}:predict", content=bodies[turn % len(bodies)])
                times.append(time.perf_counter() - now)
                if answer.status_code != 200 or len(times) % CHECKED == 0:
                    kept.append((turn % len(bodies), answer.status_code, answer.content))
                turn += 1

    threads = [threading.Thread(target=work, args=(7 * i,), daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    ready.wait()
    before, begun = server.counted(), time.perf_counter()
    end[0] = begun + seconds
    begin.set()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - begun
    rows, batches = np.subtract(server.counted(), before)
    return times, len(times), taken, rows / batches, sum(_wrong(wanted[i], *answer) for i, *answer in kept)


def _wrong(wanted, status, content):
    if status != 200:
        return True
    (row,) = json.loads(content)["predictions"]
    return bool(np.abs(np.array(row["probabilities"]) - wanted).max() > SAME)
