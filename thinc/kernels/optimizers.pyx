# cython: boundscheck=True
"""Optimizer updates: nogil functions over pointers, and steps of an `Optimizer` over NumPy arrays."""
cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.limits cimport INT_MAX
from libc.math cimport pow, sqrt

from ._arrays cimport contiguous, is_real_array
from ._dispatch cimport (
    ParameterUpdate,
    UpdateSettings,
    active,
    real_kernels,
    update_adafactor,
    update_adam,
    update_heavy_ball,
    update_lamb,
    update_lion,
    update_momentum,
    update_nadam,
    update_schedule_free,
    update_sgd,
)
from ._split_training cimport split_clip, split_sum_squares, split_update, split_update_average
from ._threads cimport threads

cnp.import_array()

# The names under which the plan of an optimizer's kind asks for a rule.
cdef dict RULES = {
    "sgd": update_sgd,
    "momentum": update_momentum,
    "adam": update_adam,
    "heavy_ball": update_heavy_ball,
    "nadam": update_nadam,
    "lion": update_lion,
    "lamb": update_lamb,
    "schedule_free": update_schedule_free,
    "adafactor": update_adafactor,
}


# --- over pointers

cdef void adam(
    real* weights, real* gradient, real* mom1, real* mom2, real* average, size_t n, double step, double beta1,
    double beta2, double eps, double l2, double decay, double clip, double average_rate
) noexcept nogil:
    cdef UpdateSettings settings = UpdateSettings(
        update_adam, 0, step, 0, beta1, beta2, eps, l2, decay, clip, average_rate, 0, 0
    )
    cdef ParameterUpdate item = ParameterUpdate(weights, gradient, mom1, mom2, average, n, 1, &settings, 0, 0, NULL)
    split_update(threads(), real_kernels(active(), weights), &item, 1)


cdef void momentum(
    real* weights, real* gradient, real* mom1, real* mom2, real* average, size_t n, double step, double beta1,
    double beta2, double l2, double decay, double clip, double average_rate
) noexcept nogil:
    cdef UpdateSettings settings = UpdateSettings(
        update_momentum, 0, step, 0, beta1, beta2, 0, l2, decay, clip, average_rate, 0, 0
    )
    cdef ParameterUpdate item = ParameterUpdate(weights, gradient, mom1, mom2, average, n, 1, &settings, 0, 0, NULL)
    split_update(threads(), real_kernels(active(), weights), &item, 1)


cdef void sgd(
    real* weights, real* gradient, real* average, size_t n, double step, double l2, double decay, double clip,
    double average_rate
) noexcept nogil:
    cdef UpdateSettings settings = UpdateSettings(
        update_sgd, 0, step, 0, 0, 0, 0, l2, decay, clip, average_rate, 0, 0
    )
    cdef ParameterUpdate item = ParameterUpdate(weights, gradient, NULL, NULL, average, n, 1, &settings, 0, 0, NULL)
    split_update(threads(), real_kernels(active(), weights), &item, 1)


cdef double clip_gradient(real* gradient, size_t n, double threshold) noexcept nogil:
    return split_clip(threads(), real_kernels(active(), gradient), gradient, n, threshold)


cdef void update_average(real* average, const real* weights, size_t n, double rate) noexcept nogil:
    split_update_average(threads(), real_kernels(active(), weights), average, weights, rate, n)


cdef double average_rate(double t, double max_decay) noexcept nogil:
    cdef double decay = (1 + t) / (10 + t)
    return 1 - (decay if decay < max_decay else max_decay)


cdef double adam_step(double learn_rate, double beta1, double beta2, double t) noexcept nogil:
    return learn_rate * sqrt(1 - pow(beta2, t)) / (1 - pow(beta1, t))


# --- over arrays, with the state of an Optimizer

cdef class _Run:
    # What one call to the optimizer needs: its settings, read once, and what to write when all is checked.
    cdef object optimizer, rule
    cdef dict groups         # key to the settings of its group, of those that are in one
    cdef double lr_scale, norm
    cdef bint use_radam, is_global, is_corrected
    cdef int own_from        # parameters of so many dimensions are not for the kernel
    cdef UpdateSettings first
    cdef UpdateSettings* table  # one for each parameter at most; that of a single one is the first
    cdef Py_ssize_t filled
    cdef dict places         # (settings, step) to the place in the table; None for a single parameter
    cdef object last_source, last_count
    cdef UpdateSettings* last  # the settings found for these
    cdef object mom1, mom2, averages, counts  # dicts
    cdef list radam_buffer
    cdef cnp.ndarray updated  # the weights of the last item: itself, or a contiguous copy
    cdef list alive      # arrays that a kernel will read or write
    cdef list fresh      # dict, key, array: state that is seen for the first time
    cdef list to_zero    # gradients of which the kernel gets a copy

    def __cinit__(self, object optimizer, object rule, double lr_scale, Py_ssize_t n):
        self.optimizer = optimizer
        self.rule = rule
        self.own_from = INT_MAX if rule is None or rule.own_from is None or rule.has_kernel else rule.own_from
        self.groups = optimizer._groups_of
        self.lr_scale = lr_scale
        self.use_radam = optimizer.use_radam
        self.is_global = optimizer.clip == "global"
        self.is_corrected = optimizer.average_bias_correction
        self.norm = optimizer._norm if self.is_global and optimizer._norm is not None else -1
        self.mom1 = optimizer.mom1
        self.mom2 = optimizer.mom2
        self.averages = optimizer.averages
        self.counts = optimizer.nr_update
        self.radam_buffer = optimizer._radam_buffer
        self.alive = []
        self.fresh = []
        self.to_zero = []
        self.table = &self.first
        if n > 1:
            self.places = {}
            self.table = <UpdateSettings*>PyMem_Malloc(n * sizeof(UpdateSettings))
            if self.table == NULL:
                raise MemoryError()

    def __dealloc__(self):
        if self.table != &self.first:
            PyMem_Free(self.table)

    cdef UpdateSettings* settings(self, object key) except NULL:
        # Those of a parameter at its next step; what is at the same step under the same settings shares them.
        cdef object source = self.optimizer if not self.groups else self.groups.get(key, self.optimizer)
        cdef object count = (<dict>self.counts).get(key, 0)
        cdef object place
        if self.places is not None:
            if source is self.last_source and count == self.last_count:
                return self.last
            place = self.places.get((id(source), count))
            if place is not None:
                return &self.table[<Py_ssize_t>place]
        cdef UpdateSettings* s = &self.table[self.filled]
        cdef double t = <double>count + 1
        if self.rule is None:
            self.fill(s, source, t)
        else:
            self.follow(s, self.rule.plan(source, count + 1, <double>source.learn_rate * self.lr_scale))
        s.clip = source.grad_clip or 0
        if self.averages is None:
            s.average_rate = 0
        elif self.rule is None or not self.rule.gives_average:
            s.average_rate = average_rate(t, 0.9999)
            if self.is_corrected:
                s.average_rate /= 1 - 3628800 / ((t + 2) * (t + 3) * (t + 4) * (t + 5) * (t + 6) * (t + 7)
                                                 * (t + 8) * (t + 9) * (t + 10))
        if self.places is not None:
            self.places[(id(source), count)] = self.filled
            self.last_source, self.last_count, self.last = source, count, s
        self.filled += 1
        return s

    cdef int fill(self, UpdateSettings* s, object source, double t) except -1:
        # The numbers of SGD, Adam and RAdam, which is chosen by the settings.
        cdef double lr = <double>source.learn_rate * self.lr_scale, l2 = source.L2
        cdef bint is_decay = source.L2_is_weight_decay
        cdef double b1 = source.b1, b2 = source.b2
        s[0] = UpdateSettings(
            update_sgd, 0, lr, 0, b1, b2, source.eps, 0 if is_decay else l2, lr * l2 if is_decay else 0, 0, 0,
            0, 0
        )
        if not self.use_radam and not (b1 > 0 and b2 > 0):
            if b2 > 0:
                raise NotImplementedError(
                    f"Optimizer has no method for beta1={b1} with beta2={b2}; set both to positive values "
                    "(Adam) or both to 0 (SGD)"
                )
            return 0
        if b1 >= 1 or b2 > 1 or (self.use_radam and b2 == 1):
            raise ValueError(
                f"Cannot update parameters with beta1={b1}, beta2={b2}: the decay rates of the moments must "
                "be less than 1"
            )
        if self.use_radam:
            return self.fill_radam(s, t, lr)
        s.rule, s.step = update_adam, adam_step(lr, b1, b2, t)
        return 0

    cdef int fill_radam(self, UpdateSettings* s, double t, double lr) except -1:
        # Liu et al. 2020, https://arxiv.org/abs/1908.03265; the step count is one ahead, as it always was
        cdef double b1 = s.beta1, b2 = s.beta2
        cdef double at = t + 1, decayed = pow(b2, at), k
        cdef double rho_inf = 2 / (1 - b2) - 1
        cdef double rho = rho_inf - 2 * at * decayed / (1 - decayed)
        k = 1 / (1 - pow(b1, at))
        if rho >= 5:
            k *= sqrt(
                (1 - decayed) * (rho - 4) / (rho_inf - 4) * (rho - 2) / rho * rho_inf / (rho_inf - 2)
            )
        self.radam_buffer[<Py_ssize_t>at % 10][:] = (<Py_ssize_t>at, rho, k)
        s.rule = update_adam if rho >= 5 else update_momentum
        s.step = k * lr
        return 0

    cdef int follow(self, UpdateSettings* s, object plan) except -1:
        # The numbers of other kinds, which they give themselves: a `thinc._optimizer_rules.Plan`.
        name, step, gradient_step, beta1, beta2, eps, l2, decay, rate, smallest, largest = plan
        s[0] = UpdateSettings(
            RULES[name], 1, step, gradient_step, beta1, beta2, eps, l2, decay, 0, rate, smallest, largest
        )
        return 0

    cdef bint prepare(self, object key, object weights, object gradient, ParameterUpdate* item) except -1:
        # Checks everything and fills `item`; changes nothing but what this object holds.
        # Returns False where no kernel takes the arrays.
        cdef cnp.ndarray w, g
        if self.own_from != INT_MAX and (not cnp.PyArray_Check(weights) or (<object>weights).ndim >= self.own_from):
            return False
        cdef UpdateSettings* s = self.settings(key)
        cdef bint in_float32 = self.rule is None and not self.use_radam and s.rule == update_adam
        if not is_real_array(weights) or not is_real_array(gradient) \
                or cnp.PyArray_TYPE(<cnp.ndarray>weights) != cnp.PyArray_TYPE(<cnp.ndarray>gradient):
            if in_float32 and not (is_float32(weights) and is_float32(gradient)):
                raise wrong_types(key, weights, gradient)
            return False  # unaligned, or in another byte order
        w, g = weights, gradient
        if in_float32 and cnp.PyArray_TYPE(w) != cnp.NPY_FLOAT32:
            raise wrong_types(key, weights, gradient)
        if not cnp.PyArray_SAMESHAPE(w, g):
            raise ValueError(
                f"Cannot update parameter {key}: its shape is {weights.shape}, but the gradient's is "
                f"{gradient.shape}; they must be the same"
            )
        if not cnp.PyArray_ISWRITEABLE(g) or (
            cnp.PyArray_IS_C_CONTIGUOUS(w) and not cnp.PyArray_ISWRITEABLE(w)
        ):
            raise ValueError(
                f"Cannot update parameter {key} in place: its "
                f"{'weights' if g.flags.writeable else 'gradient'} array is read-only; pass a copy"
            )
        item.settings = s
        cdef cnp.npy_intp n = cnp.PyArray_SIZE(w)
        item.size, item.factor = n, 1
        item.mom1 = item.mom2 = item.average = item.work = NULL
        item.rows = item.width = 0
        if s.rule == update_schedule_free and self.averages is None:
            raise ValueError(f"Cannot update parameter {key}: the averages, which the optimizer needs, are None")
        if s.rule == update_adafactor and cnp.PyArray_NDIM(w) > 1:
            self.factor(key, w, item)
        elif s.rule != update_sgd:
            item.mom1 = self.state(self.mom1, "mom1", key, w, 1, &n, s.rule == update_schedule_free)
            if s.rule != update_heavy_ball and s.rule != update_lion and s.rule != update_adafactor:
                item.mom2 = self.state(self.mom2, "mom2", key, w, 1, &n, False)
        if self.averages is not None:
            item.average = self.state(
                self.averages, "averages", key, w, cnp.PyArray_NDIM(w), cnp.PyArray_DIMS(w), False
            )
        w, g = contiguous(w), contiguous(g)
        if g is not gradient:
            self.to_zero.append(gradient)
        item.weights, item.gradient = cnp.PyArray_DATA(w), cnp.PyArray_DATA(g)
        self.alive.append(w)
        self.alive.append(g)
        self.updated = w
        return True

    cdef int factor(self, object key, cnp.ndarray w, ParameterUpdate* item) except -1:
        # The moments of rows, (..., n, 1), and of columns, (..., 1, m), and the kernel's memory.
        cdef cnp.npy_intp dims[cnp.NPY_MAXDIMS]
        cdef cnp.npy_intp size
        cdef int i, ndim = cnp.PyArray_NDIM(w)
        for i in range(ndim):
            dims[i] = cnp.PyArray_DIM(w, i)
        item.rows, item.width = dims[ndim - 2], dims[ndim - 1]
        dims[ndim - 1] = 1
        item.mom1 = self.state(self.mom1, "mom1", key, w, ndim, dims, False)
        dims[ndim - 2], dims[ndim - 1] = 1, item.width
        item.mom2 = self.state(self.mom2, "mom2", key, w, ndim, dims, False)
        dims[ndim - 1] = 1
        size = cnp.PyArray_MultiplyList(dims, ndim) * (item.width + 1) + item.width
        work = cnp.PyArray_EMPTY(1, &size, cnp.PyArray_TYPE(w), 0)
        self.alive.append(work)
        item.work = cnp.PyArray_DATA(<cnp.ndarray>work)
        return 0

    cdef void* state(
        self, object arrays, str name, object key, cnp.ndarray w, int ndim, cnp.npy_intp* dims, bint from_weights
    ) except? NULL:
        # The data of arrays[key]: an array of the type of w and of these dimensions, made at first sight of zeros, or
        # of the weights. One that is found may have others, if only it is as large; averages may not.
        cdef cnp.npy_intp n = cnp.PyArray_MultiplyList(dims, ndim)
        cdef cnp.ndarray array
        cdef object found = (<dict>arrays).get(key)
        if found is None:
            if from_weights:
                array = (<object>w).flatten()
            else:
                array = <cnp.ndarray>cnp.PyArray_ZEROS(ndim, dims, cnp.PyArray_TYPE(w), 0)
            self.fresh.append((arrays, key, array))
            return cnp.PyArray_DATA(array)
        if not cnp.PyArray_Check(found) or cnp.PyArray_SIZE(<cnp.ndarray>found) != n \
                or (name == "averages" and not cnp.PyArray_SAMESHAPE(<cnp.ndarray>found, w)):
            raise ValueError(
                f"Cannot update parameter {key}: its shape is {(<object>w).shape}, but optimizer.{name} "
                f"holds {getattr(found, 'shape', type(found))} from earlier updates. Delete the key's "
                "entries in mom1, mom2 and averages to start anew, or make a new optimizer"
            )
        array = <cnp.ndarray>found
        if cnp.PyArray_TYPE(array) != cnp.PyArray_TYPE(w) or not cnp.PyArray_ISCARRAY(array):
            array = found.astype((<object>w).dtype, order="C")  # such as restored from bytes: read-only
            self.fresh.append((arrays, key, array))
        self.alive.append(array)
        return cnp.PyArray_DATA(array)

    cdef int clip_together(self, int kind, ParameterUpdate* items, Py_ssize_t count) except -1:
        # One factor for all gradients, from their norm without penalties; that of all parameters of the model, if it
        # is known.
        cdef double norm = self.norm, threshold = self.optimizer.grad_clip or 0, factor = 1
        cdef Py_ssize_t i
        if threshold and norm < 0:
            with nogil:
                norm = sqrt(sum_squares(kind, items, count))
        if threshold and norm >= threshold and norm > 0:
            factor = threshold / norm
        for i in range(self.filled):
            self.table[i].clip = 0
            if factor > 0:
                self.table[i].l2 /= factor  # the factor is that of the gradient alone
        for i in range(count):
            items[i].factor = factor
        return 0

    cdef object commit(self, object keys):
        for arrays, key, array in self.fresh:
            arrays[key] = array
        for key in keys:
            self.counts[key] = (<dict>self.counts).get(key, 0) + 1

    cdef object finish(self):
        for gradient in self.to_zero:
            gradient[...] = 0


cdef inline bint is_float32(object X):
    return cnp.PyArray_Check(X) and cnp.PyArray_TYPE(<cnp.ndarray>X) == cnp.NPY_FLOAT32


cdef object wrong_types(object key, object weights, object gradient):
    return ValueError(
        f"Cannot update parameter {key} with Adam: expected float32 arrays of weights and gradient, but got "
        f"{getattr(weights, 'dtype', type(weights))} and {getattr(gradient, 'dtype', type(gradient))}. "
        "Cast them; RAdam and SGD take other floats"
    )


cdef void run_kernel(int kind, ParameterUpdate* items, size_t count) noexcept nogil:
    if kind == cnp.NPY_FLOAT32:
        split_update(threads(), real_kernels(active(), <const float*>NULL), items, count)
    else:
        split_update(threads(), real_kernels(active(), <const double*>NULL), items, count)


cdef double sum_squares(int kind, ParameterUpdate* items, size_t count) noexcept nogil:
    if kind == cnp.NPY_FLOAT32:
        return split_sum_squares(threads(), real_kernels(active(), <const float*>NULL), items, count)
    return split_sum_squares(threads(), real_kernels(active(), <const double*>NULL), items, count)


def update_parameter(optimizer, key, weights, gradient, double lr_scale):
    """One optimizer step for one parameter.

    Parameters
    ----------
    optimizer
        Has the attributes of `thinc.optimizers.Optimizer`; its moments, averages and counts are changed.
    weights, gradient : numpy.ndarray
        Of one shape; the gradient is not empty.

    Returns
    -------
    The updated weights: the same array if it is C-contiguous. None, and nothing is changed, where no kernel
    takes the types (such as other floats than float32 and float64) or does the work of the optimizer's kind.

    Raises
    ------
    ValueError, NotImplementedError
        As `thinc.optimizers.Optimizer.__call__`; nothing is changed then.
    """
    cdef object rule = optimizer.rule
    cdef _Run run = _Run(optimizer, rule, lr_scale, 1)
    cdef ParameterUpdate item
    if not run.prepare(key, weights, gradient, &item):
        return None
    cdef int kind = cnp.PyArray_TYPE(<cnp.ndarray>weights)
    if run.is_global:
        run.clip_together(kind, &item, 1)
    run.commit((key,))
    with nogil:
        run_kernel(kind, &item, 1)
    run.finish()
    return run.updated


def update_parameters(optimizer, list keys, list weights, list gradients, double lr_scale):
    """One optimizer step for several parameters, in one call of the kernel.

    Parameters
    ----------
    optimizer, lr_scale
        As for `update_parameter`.
    keys, weights, gradients : list
        Of the same length.

    Returns
    -------
    list of the updated weights, or None, and nothing is changed, where they must be updated one by one (a key
    occurs twice, types differ, or no kernel takes them).

    Raises
    ------
    As `update_parameter`.
    """
    cdef Py_ssize_t i, n = len(keys), count = 0, n_floats = 0
    if len(weights) != n or len(gradients) != n:
        raise ValueError(
            f"Cannot update {n} parameters with {len(weights)} arrays of weights and {len(gradients)} "
            "gradients: expected one of each per key"
        )
    cdef object rule = optimizer.rule
    if len(set(keys)) != n:
        return None
    cdef _Run run = _Run(optimizer, rule, lr_scale, n)
    cdef int kind
    cdef list updated = list(weights), used = []
    cdef ParameterUpdate* items = <ParameterUpdate*>PyMem_Malloc(max(n, 1) * sizeof(ParameterUpdate))
    if items == NULL:
        raise MemoryError()
    try:
        for i in range(n):
            if len(gradients[i]) < 1:
                continue
            if not run.prepare(keys[i], weights[i], gradients[i], &items[count]):
                return None
            if cnp.PyArray_TYPE(run.updated) == cnp.NPY_FLOAT32:
                n_floats += 1
            updated[i] = run.updated
            used.append(keys[i])
            count += 1
        if n_floats != 0 and n_floats != count:
            return None
        kind = cnp.NPY_FLOAT32 if n_floats else cnp.NPY_FLOAT64
        if run.is_global:
            run.clip_together(kind, items, count)
        run.commit(used)
        with nogil:
            run_kernel(kind, items, count)
    finally:
        PyMem_Free(items)
    run.finish()
    return updated
