"""Functions side by side, in threads of the interpreter."""

import threading


def run_together(*functions):
    """Call each function in a thread of its own, and wait for all; none may hang."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "hangs"
