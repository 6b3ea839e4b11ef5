# cython: boundscheck=True
"""Beam search for Cython packages, and the search for the step at which a gold beam falls behind most."""
cimport cython
from cymem.cymem cimport Pool
from libc.math cimport exp
from libc.string cimport memcpy, memset
from libcpp.algorithm cimport swap
from libcpp.unordered_set cimport unordered_set
from libcpp.vector cimport vector


# The slots that took over a finished state, and what is needed to give it back.
cdef struct Moved:
    class_t slot
    class_t parent
    weight_t score


@cython.no_gc_clear  # the states are in memory of `mem`, and deleting them comes after what the collector clears
cdef class Beam:
    """The `width` best of all sequences of classes, found step by step; the steps are in the hands of Cython code.

    Parameters
    ----------
    nr_class
        Number of classes, at least 1.
    width
        Number of states that are kept, at least 1.
    min_density
        A candidate is dropped if its probability is below this part of the best one's; 0 keeps all.

    Raises
    ------
    AssertionError
        If `nr_class` or `width` is 0.
    """

    def __init__(self, class_t nr_class, class_t width, weight_t min_density=0.0):
        cdef class_t i
        cdef Pool mem
        if nr_class == 0 or width == 0:
            raise AssertionError(f"Beam: nr_class and width must be at least 1, got {nr_class} and {width}")
        if width > (<size_t>-1) // 64 or nr_class > (<size_t>-1) // 8 // width:
            raise MemoryError(f"Beam: {width} times {nr_class} scores do not fit into memory")
        mem = Pool()
        states = <_State*>mem.alloc(width, sizeof(_State))
        parents = <_State*>mem.alloc(width, sizeof(_State))
        scores = <weight_t**>mem.alloc(width, sizeof(weight_t*))
        is_valid = <int**>mem.alloc(width, sizeof(int*))
        costs = <weight_t**>mem.alloc(width, sizeof(weight_t*))
        scores[0] = <weight_t*>mem.alloc(width * nr_class, sizeof(weight_t))
        is_valid[0] = <int*>mem.alloc(width * nr_class, sizeof(int))
        costs[0] = <weight_t*>mem.alloc(width * nr_class, sizeof(weight_t))
        for i in range(1, width):
            scores[i] = scores[0] + i * nr_class
            is_valid[i] = is_valid[0] + i * nr_class
            costs[i] = costs[0] + i * nr_class
        histories = [[] for _ in range(width)]
        parent_histories = [[] for _ in range(width)]
        delete_states(self)
        self.mem = mem
        self.nr_class = nr_class
        self.width = width
        self.size = 1
        self.min_density = min_density
        self.t = 0
        self.is_done = False
        self.histories = histories
        self._parent_histories = parent_histories
        self.scores = scores
        self.is_valid = is_valid
        self.costs = costs
        self._parents = parents
        self._states = states
        self.del_func = NULL

    def __dealloc__(self):
        delete_states(self)

    def __len__(self):
        return self.size

    @property
    def score(self):
        """Score of the best state."""
        return _state(self, 0).score

    @property
    def min_score(self):
        """Score of the worst state that was kept."""
        return _state(self, self.size - 1).score

    @property
    def loss(self):
        """Sum of the costs of the best state's steps."""
        return _state(self, 0).loss

    @property
    def scores(self):
        """Scores of the states that were kept, best first: a list of `len(beam)` numbers."""
        return [self._states[i].score for i in range(self.size)]

    @property
    def probs(self):
        """Softmax of `scores`, as a list."""
        return _softmax([self._states[i].score for i in range(self.size)])

    @property
    def histories(self):
        """Per slot, the classes that its state took: a list of `width` lists, of which `len(beam)` are in use."""
        return list(self.histories)

    cdef int initialize(self, init_func_t init_func, del_func_t del_func, int n, void* extra_args) except -1:
        cdef class_t i
        _state(self, 0)
        delete_states(self)
        memset(self._states, 0, self.width * sizeof(_State))
        self.del_func = del_func
        self.size = 1
        self.t = 0
        self.is_done = False
        self.histories = [[] for _ in range(self.width)]
        self._parent_histories = [[] for _ in range(self.width)]
        for i in range(self.width):
            self._states[i].content = init_func(self.mem, n, extra_args)
            self._parents[i].content = init_func(self.mem, n, extra_args)
        return 0

    cdef int set_row(self, int i, const weight_t* scores, const int* is_valid, const weight_t* costs) except -1:
        if i < 0 or <class_t>i >= self.width:
            raise IndexError(f"Beam.set_row: row {i} of a beam of width {self.width}")
        memcpy(self.scores[i], scores, self.nr_class * sizeof(weight_t))
        memcpy(self.is_valid[i], is_valid, self.nr_class * sizeof(int))
        memcpy(self.costs[i], costs, self.nr_class * sizeof(weight_t))
        return 0

    cdef int set_table(self, weight_t** scores, int** is_valid, weight_t** costs) except -1:
        cdef class_t i
        for i in range(self.width):
            self.set_row(i, scores[i], is_valid[i], costs[i])
        return 0

    cdef int check_done(self, finish_func_t finish_func, void* extra_args) except -1:
        cdef class_t i
        cdef bint is_done = True
        _check_initialized(self, "check_done")
        for i in range(self.size):
            if not self._states[i].is_done:
                self._states[i].is_done = finish_func(self._states[i].content, extra_args)
            is_done = is_done and self._states[i].is_done
        self.is_done = is_done
        return 0

    cdef int _fill(self, Queue* q, weight_t** scores, int** is_valid) except -1:
        # The number of a candidate breaks ties: of equal scores the larger number comes first.
        cdef Entry entry
        cdef vector[Entry] candidates
        cdef class_t i, j
        cdef weight_t score, best = 0
        for i in range(self.size):
            score = self._states[i].score
            if self._states[i].is_done:
                # As long as the others get longer, the score grows by what it grew by per step.
                if self.histories[i] and self.t > 0:
                    score += score / self.t
                candidates.push_back(Entry(score, i * self.nr_class))
                continue
            for j in range(self.nr_class):
                if is_valid[i][j]:
                    candidates.push_back(Entry(score + scores[i][j], i * self.nr_class + j))
        if candidates.size():
            best = candidates[0].first
        for entry in candidates:
            best = max(best, entry.first)
        for entry in candidates:
            # the ratio of two probabilities, without their sum
            if self.min_density <= 0 or exp(<double>entry.first - best) >= self.min_density:
                q.push(entry)
        return 0

    cdef int advance(self, trans_func_t transition_func, hash_func_t hash_func, void* extra_args) except -1:
        cdef Queue candidates
        cdef vector[Moved] moved
        cdef unordered_set[hash_t] seen
        cdef class_t n = 0, p, clas
        cdef hash_t key
        cdef weight_t score
        _check_initialized(self, "advance")
        self._fill(&candidates, self.scores, self.is_valid)
        old, new = self.histories, [[] for _ in range(self.width)]
        swap(self._states, self._parents)
        try:
            while n < self.width and not candidates.empty():
                score = candidates.top().first
                p, clas = candidates.top().second // self.nr_class, candidates.top().second % self.nr_class
                candidates.pop()
                if self._parents[p].is_done:
                    new[n] = list(old[p])
                    moved.push_back(Moved(n, p, self._parents[p].score))
                    swap(self._states[n], self._parents[p])
                    self._states[n].score = score
                    n += 1
                    continue
                transition_func(self._states[n].content, self._parents[p].content, clas, extra_args)
                if hash_func is not NULL:
                    key = hash_func(self._states[n].content, extra_args)
                    if key > 1 and not seen.insert(key).second:
                        continue
                new[n] = [*old[p], clas]
                self._states[n].score = score
                self._states[n].loss = self._parents[p].loss + self.costs[p][clas]
                self._states[n].i = self._states[n].t = self._states[n].is_done = 0
                n += 1
            if n == 0:
                raise AssertionError("Beam.advance: no state has a valid class: set is_valid before")
        except BaseException:
            while moved.size():
                swap(self._states[moved.back().slot], self._parents[moved.back().parent])
                self._parents[moved.back().parent].score = moved.back().score
                moved.pop_back()
            swap(self._states, self._parents)
            raise
        self._parent_histories, self.histories = old, new
        self.size = n
        self.t += 1
        for p in range(self.width):
            memset(self.scores[p], 0, self.nr_class * sizeof(weight_t))
            memset(self.is_valid[p], 0, self.nr_class * sizeof(int))
            memset(self.costs[p], 0, self.nr_class * sizeof(weight_t))
        return 0


cdef class MaxViolation:
    """Remembers, over the steps of two beams, those at which the wrong one is furthest ahead of the gold one.

    See Huang, Fayong and Guo (2012), "Structured perceptron with inexact search". All results are 0 or empty as
    long as the prediction was right.

    Attributes
    ----------
    p_score, g_score
        Scores of the best state of the prediction and of the gold beam (`check`).
    Z, gZ
        Sums of the exponentials of the scores of all states, and of the gold ones (`check`).
    p_hist, g_hist
        Classes of the best state of either beam (`check`), or a list of those of every state (`check_crf`).
    p_probs, g_probs
        Gradients of the log-likelihood loss with respect to the scores of these states (`check_crf`).
    """

    def __cinit__(self):
        self.mem = Pool()
        self.cost = 0
        self.delta = -1
        self.p_score = self.g_score = 0
        self.Z = self.gZ = 0
        self.n = 0
        self.p_hist, self.g_hist = [], []
        self.p_probs, self.g_probs = [], []

    def __reduce__(self):
        state = (
            self.cost, self.delta, self.p_score, self.g_score, self.Z, self.gZ, self.n,
            self.p_hist, self.g_hist, self.p_probs, self.g_probs,
        )
        return type(self), (), state

    def __setstate__(self, tuple state not None):
        (
            self.cost, self.delta, self.p_score, self.g_score, self.Z, self.gZ, self.n,
            self.p_hist, self.g_hist, self.p_probs, self.g_probs,
        ) = state

    cpdef int check(self, Beam pred, Beam gold) except -1:
        """Record the best states if the prediction is wrong and further ahead of gold than before.

        The prediction is wrong if the loss of its best state is 1 or more.

        Parameters
        ----------
        pred, gold
            `Beam` objects after the same number of steps.
        """
        cdef class_t i
        cdef weight_t delta = _best(pred, "pred").score - _best(gold, "gold").score
        cdef weight_t loss = pred._states[0].loss
        cdef double Z = 1e-10, gZ = 1e-10
        if not (loss >= 1 and (self.cost == 0 or delta > self.delta)):
            return 0
        for i in range(gold.size):
            if gold._states[i].loss == 0:
                gZ += exp(<double>gold._states[i].score)
        Z = gZ
        for i in range(pred.size):
            if pred._states[i].loss > 0:
                Z += exp(<double>pred._states[i].score)
        self.p_hist, self.g_hist = list(pred.histories[0]), list(gold.histories[0])
        self.p_score, self.g_score = pred._states[0].score, gold._states[0].score
        self.Z, self.gZ = Z, gZ
        self.cost, self.delta = loss, <weight_t>delta
        return 0

    cpdef int check_crf(self, Beam pred, Beam gold) except -1:
        """Record the gradients of a globally normalized model, under the same conditions, but for any loss above 0.

        The probabilities are those of all wrong states of `pred` and all right states of both beams; the gold states
        have them minus their probabilities among themselves. See Andor et al. (2016),
        https://arxiv.org/abs/1603.06042.

        Parameters
        ----------
        pred, gold
            `Beam` objects after the same number of steps.
        """
        cdef class_t i
        cdef double delta = <double>_best(pred, "pred").score - _best(gold, "gold").score
        cdef weight_t loss = pred._states[0].loss
        cdef list p_scores = [], g_scores = [], p_hist = [], g_hist = [], probs
        if not (loss > 0 and (self.cost == 0 or delta > self.delta)):
            return 0
        known = gold.histories[:gold.size]
        for i in range(pred.size):
            if pred._states[i].loss > 0:
                p_scores.append(pred._states[i].score)
                p_hist.append(list(pred.histories[i]))
            elif pred.histories[i] not in known:
                g_scores.append(pred._states[i].score)
                g_hist.append(list(pred.histories[i]))
        for i in range(gold.size):
            if gold._states[i].loss == 0:
                g_scores.append(gold._states[i].score)
                g_hist.append(list(gold.histories[i]))
        probs = _softmax(p_scores + g_scores)
        of_gold = _softmax(g_scores)
        self.p_probs = probs[:len(p_scores)]
        self.g_probs = [p - g for p, g in zip(probs[len(p_scores):], of_gold, strict=True)]
        self.p_hist, self.g_hist = p_hist, g_hist
        self.cost, self.delta = loss, <weight_t>delta
        return 0


cdef int delete_states(Beam beam) except -1:
    # Each one that there is, even if deleting another raises.
    cdef class_t i
    cdef _State* state
    cdef void* content
    error = None
    for i in range(2 * beam.width):
        state = &beam._states[i] if i < beam.width else &beam._parents[i - beam.width]
        content, state.content = state.content, NULL
        if content == NULL or beam.del_func == NULL:
            continue
        try:
            beam.del_func(beam.mem, content, NULL)
        except BaseException as raised:
            error = raised
    if error is not None:
        raise error
    return 0


cdef _State* _state(Beam beam, class_t i) except NULL:
    if beam._states == NULL:
        raise ValueError("Beam: expected a beam with states, got one whose __init__ was not called")
    return &beam._states[i]


cdef _State* _best(Beam beam, str name) except NULL:
    if beam is None:
        raise TypeError(f"MaxViolation: expected a Beam for {name}, got None")
    return _state(beam, 0)


cdef int _check_initialized(Beam beam, str method) except -1:
    # Every callback that makes a state returns a pointer that is not NULL; this one was called last.
    if beam._states == NULL or beam._parents[beam.width - 1].content == NULL:
        raise ValueError(f"Beam.{method}: the beam has no states yet; call Beam.initialize first")
    return 0


cdef list _softmax(list scores):
    cdef double score, highest, total = 0
    cdef list exponentials = []
    if not scores:
        return []
    highest = max(scores)
    for score in scores:
        score = exp(score - highest)
        total += score
        exponentials.append(score)
    return [e / total for e in exponentials]
