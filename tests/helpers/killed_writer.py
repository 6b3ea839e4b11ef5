"""Kills processes while they replace files, and looks at what they left. Prints the number of kills.

Arguments: folder, number of kills. Every child saves over and over, large and small in turn; it is killed after a
random time. Then each file must hold one of the two states, whole.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy

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


def main(folder, kills):
    states = make_states()
    save_all(folder, *states[0])
    leftovers = 0
    for _ in range(kills):
        child = os.fork()
        if child == 0:
            save_until_killed(folder, states)
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
