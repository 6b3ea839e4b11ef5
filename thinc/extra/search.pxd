# C interface for other Cython packages, frozen: layouts of the types and order of their methods are compiled into them.
#
# Beam search over states that only the callbacks understand. `extra_args` is handed through to them. All of them need
# the GIL, and may raise. They must not call methods of the beam that called them. Except where it says so, a
# pointer must not be NULL and an index must be in range: nothing is checked here.
from cymem.cymem cimport Pool
from libc.stdint cimport uint64_t
from libcpp.pair cimport pair
from libcpp.queue cimport priority_queue

ctypedef uint64_t class_t
ctypedef uint64_t hash_t
ctypedef float weight_t

# score, and a number for the state and the class it is for: state * nr_class + class
ctypedef pair[weight_t, size_t] Entry
ctypedef priority_queue[Entry] Queue

# Make `dest` what `src` becomes by taking class `clas`; -1 with an exception set is an error, here and below.
ctypedef int (*trans_func_t)(void* dest, void* src, class_t clas, void* x) except -1
# A new state for an input of length n, in memory of `mem`.
ctypedef void* (*init_func_t)(Pool mem, int n, void* extra_args) except NULL
# Free what a state holds besides memory of `mem`.
ctypedef int (*del_func_t)(Pool mem, void* state, void* extra_args) except -1
# Whether the state needs no more transitions.
ctypedef int (*finish_func_t)(void* state, void* extra_args) except -1
# A key that states have in common if only one of them is worth keeping; 1 if a state has none, 0 is an error.
ctypedef hash_t (*hash_func_t)(void* state, void* x) except 0


cdef struct _State:
    void* content
    class_t* hist  # unused
    weight_t score
    weight_t loss
    int i  # unused
    int t  # unused
    int is_done


cdef class Beam:
    cdef Pool mem
    cdef class_t nr_class
    cdef class_t width
    cdef class_t size  # states in use, the best first
    cdef public weight_t min_density
    cdef int t  # advances so far
    cdef readonly bint is_done
    # per state, the classes it took; the lists of `width` slots
    cdef list histories
    cdef list _parent_histories
    # (width, nr_class), to be filled before each advance, zeros after it
    cdef weight_t** scores
    cdef int** is_valid
    cdef weight_t** costs
    cdef _State* _parents
    cdef _State* _states
    cdef del_func_t del_func

    # Push what advance chooses from.
    cdef int _fill(self, Queue* q, weight_t** scores, int** is_valid) except -1

    cdef inline void* at(self, int i) noexcept nogil:
        return self._states[i].content

    # Make all states, 2 * width of them; del_func may be NULL.
    cdef int initialize(self, init_func_t init_func, del_func_t del_func, int n, void* extra_args) except -1

    # Take the best transitions. hash_func may be NULL. If a callback raises, or nothing is valid, the beam stays as
    # it was, but the states that transitions write to are lost.
    cdef int advance(self, trans_func_t transition_func, hash_func_t hash_func, void* extra_args) except -1

    cdef int check_done(self, finish_func_t finish_func, void* extra_args) except -1

    cdef inline void set_cell(self, int i, int j, weight_t score, int is_valid, weight_t cost) noexcept nogil:
        self.scores[i][j] = score
        self.is_valid[i][j] = is_valid
        self.costs[i][j] = cost

    # nr_class values each
    cdef int set_row(self, int i, const weight_t* scores, const int* is_valid, const weight_t* costs) except -1
    # width rows of nr_class values each
    cdef int set_table(self, weight_t** scores, int** is_valid, weight_t** costs) except -1


cdef class MaxViolation:
    cdef Pool mem
    cdef weight_t cost
    cdef weight_t delta
    cdef readonly weight_t p_score
    cdef readonly weight_t g_score
    cdef readonly double Z
    cdef readonly double gZ
    cdef class_t n
    cdef readonly list p_hist
    cdef readonly list g_hist
    cdef readonly list p_probs
    cdef readonly list g_probs

    cpdef int check(self, Beam pred, Beam gold) except -1
    cpdef int check_crf(self, Beam pred, Beam gold) except -1
