"""Numbers for Prometheus, by TensorFlow Serving's names and by this package's."""

import bisect
import collections
import itertools

CODES = {
    200: "OK",
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "RESOURCE_EXHAUSTED",
    415: "INVALID_ARGUMENT",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
LIMITS = [10 * 1.8**i for i in range(33)]  # microseconds, up to about 20 minutes
PREFIX = ":tensorflow:serving:"


class Monitor:
    """Counts of requests and distributions of their latency, by model.

    Example:

    >>> monitor = Monitor()
    >>> monitor.add("flowers", "predict", 200, 0.003)
    >>> print(monitor.lines()[1])
    :tensorflow:serving:request_count{model_name="flowers",status="OK"} 1
    """

    def __init__(self):
        self._counts = collections.Counter()
        self._latencies = {}

    def add(self, model, action, status, seconds):
        """Count a request.

        Args:
            model: str, its name; empty for a path without one, or with one that is not served.
            action: str, such as `"predict"`.
            status: int, of the answer.
            seconds: float, from the request to the answer.
        """
        self._counts[model, CODES.get(status, "UNKNOWN")] += 1
        if status == 200:
            buckets, total = self._latencies.get((model, action), ([0] * (len(LIMITS) + 1), 0.0))
            buckets[bisect.bisect_right(LIMITS, seconds * 1e6)] += 1
            self._latencies[model, action] = buckets, total + seconds * 1e6

    def lines(self):
        """Return the lines of TensorFlow Serving's `request_count` and `request_latency`, in microseconds."""
        lines = [f"# TYPE {PREFIX}request_count counter"]
        for (model, status), count in sorted(self._counts.items()):
            lines.append(f'{PREFIX}request_count{{model_name="{_escaped(model)}",status="{status}"}} {count}')
        lines.append(f"# TYPE {PREFIX}request_latency histogram")
        for (model, action), (buckets, total) in sorted(self._latencies.items()):
            labels = f'model_name="{_escaped(model)}",API="{action}",entrypoint="REST"'
            limits = [*(f"{limit:.6g}" for limit in LIMITS), "+Inf"]
            counts = list(itertools.accumulate(buckets))
            for limit, count in zip(limits, counts):
                lines.append(f'{PREFIX}request_latency_bucket{{{labels},le="{limit}"}} {count}')
            lines.append(f"{PREFIX}request_latency_sum{{{labels}}} {total:.0f}")
            lines.append(f"{PREFIX}request_latency_count{{{labels}}} {counts[-1]}")
        return lines


def _escaped(name):
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def page(monitor, rows):
    """Return the text of all numbers.

    Args:
        monitor: `Monitor`.
        rows: sequence of (kind, name, labels, number), such as `("counter", "computed_rows_total", "", 3)`.

    Returns:
        str, in the text format of Prometheus; the names of the rows get the prefix `keras_effconv_`.
    """
    lines, told = [], set()
    for kind, name, labels, number in rows:
        if name not in told:
            lines.append(f"# TYPE keras_effconv_{name} {kind}")
            told.add(name)
        lines.append(f"keras_effconv_{name}{labels} {number}")
    return "".join(f"{line}\n" for line in (*monitor.lines(), *lines))
