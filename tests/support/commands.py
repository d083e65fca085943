"""Scripts as a user runs them: in a process of their own."""

import json
import os
import subprocess
import sys

from paths import ROOT

# Importing TensorFlow takes longer than finding a bad flag, so one process takes many command lines in turn.
MANY = """
import contextlib, importlib, io, json, sys
sys.path.insert(0, "scripts")
import cli
from absl import flags
script, calls = sys.argv[1], json.loads(sys.argv[2])
module, ended = importlib.import_module(script.removesuffix(".py")), []
for call in calls:
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    sys.argv, stderr, status = [script, *call], io.StringIO(), 0
    with contextlib.redirect_stderr(stderr), contextlib.redirect_stdout(io.StringIO()):
        try:
            cli.run(module.main)
        except SystemExit as end:
            status = end.code or 0
    ended.append([status, stderr.getvalue()])
print(json.dumps(ended))
"""


def script(name, *arguments, timeout=300, folder=ROOT, **environment):
    """What a script printed in a working folder, and its status; a traceback fails the test."""
    command = [sys.executable, str(ROOT / "scripts" / name), *map(str, arguments)]
    options = {"capture_output": True, "text": True, "cwd": folder, "timeout": timeout}
    done = subprocess.run(command, **options, env={**os.environ, **environment})
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    return done


def statuses(name, calls):
    """(status, last line of stderr) of each command line; one process takes all, and a traceback fails the test."""
    calls = [list(map(str, arguments)) for arguments in calls]
    done = subprocess.run(
        [sys.executable, "-c", MANY, name, json.dumps(calls)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ended = json.loads(done.stdout)
    assert len(ended) == len(calls)
    for arguments, (_, stderr) in zip(calls, ended):
        assert "Traceback" not in stderr, (arguments, stderr)
    return [(status, [line for line in stderr.splitlines() if line][-1:]) for status, stderr in ended]


def check_mistakes(name, mistakes):
    """Each of `(arguments, message)` ends with status 2 and one line, `name: ... message ...`."""
    ended = statuses(name, [arguments for arguments, _ in mistakes])
    for (arguments, message), (status, last) in zip(mistakes, ended):
        assert status == 2, (arguments, status, last)
        assert last and last[0].startswith(f"{name}: ") and message in last[0], (arguments, last)
