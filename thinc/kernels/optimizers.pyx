# cython: boundscheck=True
"""Optimizer updates: nogil functions over pointers, and steps of an `Optimizer` over NumPy arrays."""
cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.math cimport pow, sqrt

from ._arrays cimport contiguous, is_real_array
from ._dispatch cimport (
    ParameterUpdate,
    UpdateSettings,
    active,
    real_kernels,
    update_adam,
    update_momentum,
    update_sgd,
)
from ._split_training cimport split_clip, split_update, split_update_average
from ._threads cimport threads

cnp.import_array()

cdef enum Method:
    METHOD_SGD, METHOD_ADAM, METHOD_RADAM


# --- over pointers

cdef void adam(
    real* weights, real* gradient, real* mom1, real* mom2, real* average, size_t n, double step, double beta1,
    double beta2, double eps, double l2, double decay, double clip, double average_rate
) noexcept nogil:
    cdef UpdateSettings settings = UpdateSettings(beta1, beta2, eps, l2, decay, clip)
    cdef ParameterUpdate item = ParameterUpdate(
        weights, gradient, mom1, mom2, average, n, step, average_rate, update_adam, 1
    )
    split_update(threads(), real_kernels(active(), weights), &item, 1, &settings)


cdef void momentum(
    real* weights, real* gradient, real* mom1, real* mom2, real* average, size_t n, double step, double beta1,
    double beta2, double l2, double decay, double clip, double average_rate
) noexcept nogil:
    cdef UpdateSettings settings = UpdateSettings(beta1, beta2, 0, l2, decay, clip)
    cdef ParameterUpdate item = ParameterUpdate(
        weights, gradient, mom1, mom2, average, n, step, average_rate, update_momentum, 1
    )
    split_update(threads(), real_kernels(active(), weights), &item, 1, &settings)


cdef void sgd(
    real* weights, real* gradient, real* average, size_t n, double step, double l2, double decay, double clip,
    double average_rate
) noexcept nogil:
    cdef UpdateSettings settings = UpdateSettings(0, 0, 0, l2, decay, clip)
    cdef ParameterUpdate item = ParameterUpdate(
        weights, gradient, NULL, NULL, average, n, step, average_rate, update_sgd, 1
    )
    split_update(threads(), real_kernels(active(), weights), &item, 1, &settings)


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
    cdef UpdateSettings settings
    cdef Method method
    cdef double learn_rate
    cdef object mom1, mom2, averages, counts  # dicts
    cdef list radam_buffer
    cdef cnp.ndarray updated  # the weights of the last item: itself, or a contiguous copy
    cdef list alive      # arrays that a kernel will read or write
    cdef list fresh      # dict, key, array: state that is seen for the first time
    cdef list to_zero    # gradients of which the kernel gets a copy

    def __cinit__(self, object optimizer, double lr_scale):
        self.learn_rate = <double>optimizer.learn_rate * lr_scale
        cdef double l2 = optimizer.L2
        cdef bint is_decay = optimizer.L2_is_weight_decay
        self.settings = UpdateSettings(
            optimizer.b1, optimizer.b2, optimizer.eps, 0 if is_decay else l2,
            self.learn_rate * l2 if is_decay else 0, optimizer.grad_clip or 0
        )
        self.choose_method(optimizer.use_radam)
        self.mom1 = optimizer.mom1
        self.mom2 = optimizer.mom2
        self.averages = optimizer.averages
        self.counts = optimizer.nr_update
        self.radam_buffer = optimizer._radam_buffer
        self.alive = []
        self.fresh = []
        self.to_zero = []

    cdef int choose_method(self, bint use_radam) except -1:
        cdef double b1 = self.settings.beta1, b2 = self.settings.beta2
        if use_radam:
            self.method = METHOD_RADAM
        elif b1 > 0 and b2 > 0:
            self.method = METHOD_ADAM
        elif b2 > 0:
            raise NotImplementedError(
                f"Optimizer has no method for beta1={b1} with beta2={b2}; set both to positive values (Adam) "
                "or both to 0 (SGD)"
            )
        else:
            self.method = METHOD_SGD
            return 0
        if b1 >= 1 or b2 > 1 or (use_radam and b2 == 1):
            raise ValueError(
                f"Cannot update parameters with beta1={b1}, beta2={b2}: the decay rates of the moments must "
                "be less than 1"
            )
        return 0

    cdef bint prepare(self, object key, object weights, object gradient, ParameterUpdate* item) except -1:
        # Checks everything and fills `item`; changes nothing but what this object holds.
        # Returns False where no kernel takes the arrays.
        cdef cnp.ndarray w, g
        if not is_real_array(weights) or not is_real_array(gradient) \
                or cnp.PyArray_TYPE(<cnp.ndarray>weights) != cnp.PyArray_TYPE(<cnp.ndarray>gradient):
            if self.method == METHOD_ADAM:
                raise wrong_types(key, weights, gradient)
            return False
        w, g = weights, gradient
        if self.method == METHOD_ADAM and cnp.PyArray_TYPE(w) != cnp.NPY_FLOAT32:
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
        cdef size_t n = cnp.PyArray_SIZE(w)
        cdef double t = <double>(<dict>self.counts).get(key, 0) + 1
        item.size, item.factor = n, 1
        item.mom1 = item.mom2 = item.average = NULL
        item.average_rate = 0
        if self.method == METHOD_SGD:
            item.rule, item.step = update_sgd, self.learn_rate
        else:
            item.mom1 = self.state(self.mom1, "mom1", key, w, False)
            item.mom2 = self.state(self.mom2, "mom2", key, w, False)
            if self.method == METHOD_ADAM:
                item.rule = update_adam
                item.step = adam_step(self.learn_rate, self.settings.beta1, self.settings.beta2, t)
            else:
                self.prepare_radam(t, item)
        if self.averages is not None:
            item.average = self.state(self.averages, "averages", key, w, True)
            item.average_rate = average_rate(t, 0.9999)
        w, g = contiguous(w), contiguous(g)
        if g is not gradient:
            self.to_zero.append(gradient)
        item.weights, item.gradient = cnp.PyArray_DATA(w), cnp.PyArray_DATA(g)
        self.alive.append(w)
        self.alive.append(g)
        self.updated = w
        return True

    cdef void* state(self, object arrays, str name, object key, cnp.ndarray w, bint with_shape) except? NULL:
        # The data of arrays[key]: an array of the type and the size of w, made of zeros at first sight.
        cdef cnp.npy_intp n = cnp.PyArray_SIZE(w)
        cdef cnp.ndarray array
        cdef object found = (<dict>arrays).get(key)
        if found is None:
            if with_shape:
                array = <cnp.ndarray>cnp.PyArray_ZEROS(
                    cnp.PyArray_NDIM(w), cnp.PyArray_DIMS(w), cnp.PyArray_TYPE(w), 0
                )
            else:
                array = <cnp.ndarray>cnp.PyArray_ZEROS(1, &n, cnp.PyArray_TYPE(w), 0)
            self.fresh.append((arrays, key, array))
            return cnp.PyArray_DATA(array)
        if not cnp.PyArray_Check(found) or cnp.PyArray_SIZE(<cnp.ndarray>found) != n \
                or (with_shape and not cnp.PyArray_SAMESHAPE(<cnp.ndarray>found, w)):
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

    cdef int prepare_radam(self, double t, ParameterUpdate* item) except -1:
        # Liu et al. 2020, https://arxiv.org/abs/1908.03265; the step count is one ahead, as it always was
        cdef double b1 = self.settings.beta1, b2 = self.settings.beta2
        cdef double s = t + 1, decayed = pow(b2, s), k
        cdef double rho_inf = 2 / (1 - b2) - 1
        cdef double rho = rho_inf - 2 * s * decayed / (1 - decayed)
        k = 1 / (1 - pow(b1, s))
        if rho >= 5:
            k *= sqrt(
                (1 - decayed) * (rho - 4) / (rho_inf - 4) * (rho - 2) / rho * rho_inf / (rho_inf - 2)
            )
        self.radam_buffer[<Py_ssize_t>s % 10][:] = (<Py_ssize_t>s, rho, k)
        item.rule = update_adam if rho >= 5 else update_momentum
        item.step = k * self.learn_rate
        return 0

    cdef object commit(self, object keys):
        for arrays, key, array in self.fresh:
            arrays[key] = array
        for key in keys:
            self.counts[key] = (<dict>self.counts).get(key, 0) + 1

    cdef object finish(self):
        for gradient in self.to_zero:
            gradient[...] = 0


cdef object wrong_types(object key, object weights, object gradient):
    return ValueError(
        f"Cannot update parameter {key} with Adam: expected float32 arrays of weights and gradient, but got "
        f"{getattr(weights, 'dtype', type(weights))} and {getattr(gradient, 'dtype', type(gradient))}. "
        "Cast them; RAdam and SGD take other floats"
    )


cdef void run_kernel(
    int kind, ParameterUpdate* items, size_t count, const UpdateSettings* s
) noexcept nogil:
    if kind == cnp.NPY_FLOAT32:
        split_update(threads(), real_kernels(active(), <const float*>NULL), items, count, s)
    else:
        split_update(threads(), real_kernels(active(), <const double*>NULL), items, count, s)


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
    takes the types (SGD with other floats than float32 and float64).

    Raises
    ------
    ValueError, NotImplementedError
        As `thinc.optimizers.Optimizer.__call__`; nothing is changed then.
    """
    cdef _Run run = _Run(optimizer, lr_scale)
    cdef ParameterUpdate item
    if not run.prepare(key, weights, gradient, &item):
        return None
    run.commit((key,))
    cdef int kind = cnp.PyArray_TYPE(<cnp.ndarray>weights)
    with nogil:
        run_kernel(kind, &item, 1, &run.settings)
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
    if len(set(keys)) != n:
        return None
    cdef _Run run = _Run(optimizer, lr_scale)
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
        run.commit(used)
        with nogil:
            run_kernel(cnp.NPY_FLOAT32 if n_floats else cnp.NPY_FLOAT64, items, count, &run.settings)
    finally:
        PyMem_Free(items)
    run.finish()
    return updated
