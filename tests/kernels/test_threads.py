"""Threads of the compiled operations: the same results, nothing hangs, wherever they are used from."""

import multiprocessing
import os

import numpy
import pytest

import thinc
from helpers.process import run_python
from helpers.together import run_together
from thinc.api import NumpyOps

pytestmark = pytest.mark.usefixtures("one_thread_afterwards")

X = numpy.random.default_rng(0).normal(size=(500, 700)).astype("f")
W = numpy.random.default_rng(1).normal(size=(300, 700)).astype("f")
OPS = NumpyOps()


def gelu():
    return OPS.gelu(X).tobytes()


def gemm():
    return OPS.gemm(X, W, trans2=True).tobytes()


both = pytest.mark.parametrize("operation", [gelu, gemm])


def run_child(code, **env):
    return run_python("-c", code, check=False, **env)


def n_system_threads():
    return len(os.listdir("/proc/self/task"))


def test_one_is_the_default():
    result = run_child(
        "import thinc; print(thinc.get_num_threads())", OMP_NUM_THREADS="4", THINC_NUM_THREADS=""
    )
    assert result.stdout == "1\n"


def test_environment():
    result = run_child("import thinc; print(thinc.get_num_threads())", THINC_NUM_THREADS="3")
    assert result.stdout == "3\n"


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "257"])
def test_environment_with_nonsense(text):
    result = run_child("import thinc", THINC_NUM_THREADS=text)
    assert result.returncode == 1
    assert "THINC_NUM_THREADS: expected a number of threads from 1 to 256, got" in result.stderr


@pytest.mark.parametrize("number", [0, -1, 257, 10**30])
def test_numbers_out_of_range(number):
    thinc.set_num_threads(2)
    with pytest.raises(ValueError, match="from 1 to 256"):
        thinc.set_num_threads(number)
    assert thinc.get_num_threads() == 2


@pytest.mark.parametrize("number", [1.5, "2", None])
def test_what_is_no_number(number):
    with pytest.raises(TypeError):
        thinc.set_num_threads(number)


def test_info_tells():
    thinc.set_num_threads(3)
    from thinc._info import describe

    assert describe()["threads"] == 3


@pytest.mark.skipif(
    not os.path.isdir("/proc/self/task"), reason="the system does not list a process's threads"
)
@both
def test_threads_begin_with_work_and_end_with_the_wish_for_fewer(operation):
    before = n_system_threads()
    thinc.set_num_threads(4)
    assert n_system_threads() == before
    operation()
    assert n_system_threads() == before + 3
    thinc.set_num_threads(2)
    assert n_system_threads() == before
    operation()
    assert n_system_threads() == before + 1
    thinc.set_num_threads(1)
    assert n_system_threads() == before


def _child(connection, operation):
    connection.send((thinc.get_num_threads(), operation()))
    connection.close()


# The threads that Python 3.12 warns of are those of the test runner; ours have stopped.
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@both
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_child_processes(method, operation):
    expected = operation()
    thinc.set_num_threads(3)
    assert operation() == expected
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(theirs, operation))
    child.start()
    assert ours.poll(60), "the child hangs"
    number, result = ours.recv()
    child.join(60)
    assert child.exitcode == 0
    assert result == expected
    assert number == (3 if method == "fork" else 1)
    assert operation() == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
@pytest.mark.parametrize("call", ["ops.gelu(X)", "ops.gemm(X, X, trans2=True)"])
def test_fork_while_another_thread_is_at_work(call):
    code = """
import os, threading, numpy, thinc
from thinc.api import NumpyOps
ops, X = NumpyOps(), numpy.random.default_rng(0).normal(size=(500, 700)).astype("f")
expected = CALL
thinc.set_num_threads(4)
stop = threading.Event()
def work():
    while not stop.is_set():
        CALL
other = threading.Thread(target=work)
other.start()
for _ in range(50):
    pid = os.fork()
    if not pid:
        os._exit(0 if (CALL == expected).all() else 1)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
other.join()
print("done")
"""
    code = code.replace("CALL", call)
    assert run_child(code, PYTHONWARNINGS="ignore::DeprecationWarning").stdout == "done\n"


@both
def test_several_threads_of_the_interpreter(operation):
    expected = operation()
    thinc.set_num_threads(3)
    wrong = []

    def work():
        for _ in range(100):
            if operation() != expected:
                wrong.append(True)

    def change():
        for i in range(100):
            thinc.set_num_threads(1 + i % 4)

    run_together(work, work, work, change)
    assert not wrong


@pytest.mark.skipif(
    not os.path.isdir("/proc/self/task"), reason="the system does not list a process's threads"
)
def test_idle_threads_sleep():
    code = """
import os, threading, time, numpy, thinc
from thinc.api import NumpyOps
thinc.set_num_threads(4)
NumpyOps().gelu(numpy.zeros((500, 700), "f"))
def states():
    own = str(threading.get_native_id())
    return {open(f"/proc/self/task/{t}/stat").read().split()[2] for t in os.listdir("/proc/self/task") if t != own}
for _ in range(500):
    if states() == {"S"}:
        break
    time.sleep(0.01)
print(all(states() == {"S"} for _ in range(20)))
"""
    assert run_child(code, OPENBLAS_NUM_THREADS="1").stdout == "True\n"


def test_the_end_of_the_process_waits_for_nobody():
    code = """
import numpy, thinc
from thinc.api import NumpyOps
thinc.set_num_threads(4)
NumpyOps().gelu(numpy.zeros((999, 999), "f"))
"""
    assert run_child(code).returncode == 0
