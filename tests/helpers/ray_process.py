"""Run a program that starts machines of Ray: apart from all others, and without leaving a process behind."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from helpers.process import variables_of

TESTS = Path(__file__).parent.parent
NOT_STARTED = 75  # the exit status of a program whose machines have not come up: EX_TEMPFAIL
ENVIRONMENT = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ADDRESS": "local",  # a cluster of its own, not one that runs on this machine
    # Everything on the loopback interface, whatever others there are; nothing else depends on it.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # What else is full or busy on this machine is no reason to fail.
    "RAY_worker_niceness": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_local_fs_capacity_threshold": "1",
    "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str(100 * 2**20),
    "RAY_OBJECT_STORE_ALLOW_SLOW_STORAGE": "1",
    "RAY_gcs_server_port_wait_time_s": "300",
    "RAY_gcs_server_request_timeout_seconds": "300",
    "RAY_worker_register_timeout_seconds": "300",
    "RAY_health_check_timeout_ms": "60000",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",
}


def run_with_ray(*arguments, timeout, attempts=3, cwd=None, **environment):
    """`run_python` with a folder and settings of its own for Ray; what the program leaves behind is ended.

    Its output goes to files: a pipe would be waited for that one of those processes has inherited.

    Ray waits for some of its processes for 30 seconds, whatever it is told: a program that exits with `NOT_STARTED`
    is run again.
    """
    inherited = {name: None for name in os.environ if name.startswith("RAY_")}
    for attempt in range(attempts):
        # Paths of sockets have 107 characters at most.
        folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp" if os.access("/tmp", os.W_OK) else None)
        settings = {**inherited, "PYTHONPATH": str(TESTS), **ENVIRONMENT, "RAY_TMPDIR": folder, **environment}
        try:
            done = run(arguments, cwd or tempfile.gettempdir(), variables_of(settings), timeout)
        finally:
            end_processes_in(folder)
            shutil.rmtree(folder, ignore_errors=True)
        if done.returncode != NOT_STARTED or attempt + 1 == attempts:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def run(arguments, cwd, environment, timeout):
    command = [sys.executable, *map(str, arguments)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=out, stderr=err)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            print(f"killed after {timeout} seconds", file=err)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
    return subprocess.CompletedProcess(command, process.returncode, *texts)


def find_line(done, start):
    """What follows `start` in the line that begins with it; of ``{`` all. Ray prints lines of its own in between."""
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(start)]
    return line if start == "{" else line.removeprefix(start)


def check_command_line(folder, workers):
    """Train what a config describes, by the command line."""
    arguments = ["-m", "thinc.distributed", "--workers", workers, "--storage-path", folder]
    done = run_with_ray(*arguments, timeout=1200, cwd=folder)
    metrics = json.loads(find_line(done, "{"))
    assert metrics["accuracy"] > 0.95 and metrics["step"] == 150 and metrics["workers"] == max(1, workers)
    checkpoint = Path(find_line(done, "checkpoint: "))
    assert (checkpoint / "run.thinc").exists() and checkpoint.is_relative_to(folder)
    kept = [path for path in checkpoint.parent.glob("checkpoint_*") if path.is_dir()]
    assert len(kept) == 3  # after 60, 120 and 150 updates


def end_processes_in(folder):
    """Kill the processes that were started for a folder or have files in it; what is not ours to read is not ours."""
    for _ in range(600):
        found = [process for process in Path("/proc").glob("[0-9]*") if is_in(process, folder)]
        for process in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process.name), signal.SIGKILL)
        if not found:
            return
        time.sleep(0.1)


def is_in(process, folder):
    """Whether a folder of /proc is that of a live process whose environment, arguments or files name `folder`."""
    name = os.fsencode(folder)
    with contextlib.suppress(OSError):
        if process.name == str(os.getpid()) or b"\nState:\tZ" in (process / "status").read_bytes():
            return False
        if name in (process / "environ").read_bytes() or name in (process / "cmdline").read_bytes():
            return True
        return any(os.readlink(file).startswith(folder) for file in (process / "fd").iterdir())
    return False
