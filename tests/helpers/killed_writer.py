"""Kills processes while they replace files, and looks at what they left.

Arguments: folder, number of kills. Every child saves over and over, large and small in turn. Each second one is killed
after a random time, so also within a call of the system; how often a write is hit so depends on the machine. The others
end before a random line of the code that writes. Then each file must hold one of the two states, whole.

Prints the number of kills, and how many of them left a file that was being written.
"""

import itertools
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy

from thinc._util import paths
from thinc.api import Adam, Config, Linear, load_checkpoint, save_checkpoint


def make_states():
    """Two states of model, optimizer and config, of different sizes."""
    states = []
    for n, size in enumerate((3, 40_000)):
        model = Linear(4, 3).initialize()
        model.attrs["bulk"] = [n] * size
        optimizer = Adam(0.01 * (n + 1))
        optimizer((model.id, "W"), model.get_param("W"), numpy.ones((4, 3), "f"))
        config = Config({"section": {"bulk": list(range(size // 40)), "n": n}})
        states.append((model, optimizer, config))
    return states


def save_all(folder, model, optimizer, config):
    model.to_disk(folder / "model")
    save_checkpoint(folder / "checkpoint", model, optimizer, extra=config["section"]["n"])
    optimizer.to_disk(folder / "optimizer", model)
    config.to_disk(folder / "config.cfg")


def check_all(folder, states):
    """Load every file into fresh objects; each must equal what one of the states writes."""
    model = Linear(4, 3)
    model.attrs["bulk"] = []
    assert model.from_disk(folder / "model").to_bytes() in [state[0].to_bytes() for state in states]
    optimizer = Adam(0.5)
    n = load_checkpoint(folder / "checkpoint", model, optimizer)
    assert model.to_bytes() == states[n][0].to_bytes()
    assert optimizer.to_bytes(model) == states[n][1].to_bytes(states[n][0])
    optimizer.from_disk(folder / "optimizer", model)
    assert Config().from_disk(folder / "config.cfg") in [state[2] for state in states]


def save_until_killed(folder, states):
    try:
        while True:
            for state in states:
                save_all(folder, *state)
    finally:
        os._exit(1)


def kill_before_line(n):
    """Make this process end, as if killed, before the `n`-th line of `paths` that it comes to."""
    lines = itertools.count(1)

    def trace(frame, event, argument):
        if frame.f_code.co_filename != paths.__file__:
            return None
        if event == "line" and next(lines) == n:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def main(folder, kills):
    states = make_states()
    save_all(folder, *states[0])
    leftovers = 0
    for n in range(kills):
        child = os.fork()
        if child == 0:
            if n % 2:
                kill_before_line(random.randint(1, 200))
            save_until_killed(folder, states)
        if n % 2 == 0:
            time.sleep(random.random() * 0.02)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"a child ended by itself: {status}"
        check_all(folder, states)
        for file in folder.glob(".*.tmp"):
            leftovers += 1
            file.unlink()
    print(kills, leftovers)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
