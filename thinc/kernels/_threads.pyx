"""How many threads the compiled operations use: one, unless `set_num_threads` or `THINC_NUM_THREADS` says more."""
import operator
import os


cdef extern from * nogil:
    """
    #include "thinc/kernels/_pool.hh"

    static thinc::Threads thinc_threads;
    static std::atomic<thinc::Pool*> thinc_pool{nullptr};

    static void thinc_forget_pool() { thinc_pool.store(nullptr); }

    static thinc::Pool& thinc_get_pool() {
        thinc::Pool* pool = thinc_pool.load();
        if (!pool) {
            thinc::Pool* made = new thinc::Pool();
            made->resize(thinc_threads.number.load());
            if (thinc_pool.compare_exchange_strong(pool, made)) return *made;
            delete made;  // another thread was quicker
        }
        return *pool;
    }

    static void thinc_run(std::ptrdiff_t parts, thinc::Task task, void* context) {
        thinc_get_pool().run(parts, task, context);
    }

    static void thinc_set_up() {
        thinc_threads.run = thinc_run;
    #if !defined(_WIN32)
        // For forks that the interpreter does not see; before its own the threads have stopped, see below.
        pthread_atfork(nullptr, nullptr, thinc_forget_pool);
    #endif
    }

    static void thinc_set_number(int n) {
        thinc_threads.number.store(n);
        thinc_get_pool().resize(n);
    }

    static int thinc_get_number() { return thinc_threads.number.load(); }

    static int thinc_set_least(int nanoseconds) { return thinc_threads.least.exchange(nanoseconds); }

    static void thinc_stop_threads() {
        if (thinc::Pool* pool = thinc_pool.load()) pool->stop();
    }
    """
    Threads thinc_threads
    const int max_threads "thinc::max_threads"
    void thinc_set_up()
    void thinc_set_number(int n)
    int thinc_get_number()
    int thinc_set_least(int nanoseconds)
    void thinc_stop_threads()


cdef const Threads* threads() noexcept nogil:
    return &thinc_threads


def get_num_threads():
    """How many threads share the work of a compiled operation.

    Returns
    -------
    int
        1, unless `set_num_threads` or the environment variable ``THINC_NUM_THREADS`` said otherwise.
    """
    return thinc_get_number()


def set_num_threads(number):
    """Let this many threads share the work of a compiled operation, wherever it is called from.

    Products and other operations on arrays large enough are split; results are the same, bit for bit, for any
    number of threads. The threads belong to the process and sleep when there is nothing to do. A forked process
    starts its own. Variables of other libraries, such as ``OMP_NUM_THREADS``, have no effect.

    Parameters
    ----------
    number : int
        From 1 to 256. More than there are cores is of no use.

    Raises
    ------
    TypeError, ValueError
        If it is no such number; nothing has changed then.
    """
    cdef int n = check_number(operator.index(number), "set_num_threads")
    with nogil:
        thinc_set_number(n)


cdef int check_number(object number, str source) except -1:
    if not 1 <= number <= max_threads:
        raise ValueError(f"{source}: expected a number of threads from 1 to {max_threads}, got {number}")
    return number


def _set_least(int nanoseconds):
    """Split what takes this long, for tests; returns what it was."""
    return thinc_set_least(nanoseconds)


def _stop():
    with nogil:
        thinc_stop_threads()


def _read_environment():
    text = os.environ.get("THINC_NUM_THREADS", "")
    if not text:
        return
    if not text.strip().isdecimal():
        raise ValueError(f"THINC_NUM_THREADS: expected a number of threads from 1 to {max_threads}, got {text!r}")
    thinc_set_number(check_number(int(text), "THINC_NUM_THREADS"))


thinc_set_up()
if hasattr(os, "register_at_fork"):
    # A process is forked without threads: what they held would be held for ever in the child.
    os.register_at_fork(before=_stop)
_read_environment()
