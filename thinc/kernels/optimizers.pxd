# Optimizer updates for Cython extensions, in place and without the GIL. Arrays are contiguous and do not
# overlap; `average` may be NULL. The formulas are those of thinc.optimizers: l2 is added to the gradient as
# l2 * weights, decay shrinks the updated weights, clip (0: off) bounds the Euclidean norm of the gradient. A
# step ends with the gradient set to zero.

ctypedef fused real:
    float
    double

# weights -= step * mom1 / (sqrt(mom2) + eps), after both moments moved towards the gradient (Kingma and Ba
# 2015); step includes the bias correction, see adam_step.
cdef void adam(
    real* weights, real* gradient, real* mom1, real* mom2, real* average, size_t n, double step, double beta1,
    double beta2, double eps, double l2, double decay, double clip, double average_rate
) noexcept nogil

# weights -= step * mom1, the first steps of RAdam.
cdef void momentum(
    real* weights, real* gradient, real* mom1, real* mom2, real* average, size_t n, double step, double beta1,
    double beta2, double l2, double decay, double clip, double average_rate
) noexcept nogil

# weights -= step * gradient.
cdef void sgd(
    real* weights, real* gradient, real* average, size_t n, double step, double l2, double decay, double clip,
    double average_rate
) noexcept nogil

# gradient *= threshold / norm where norm >= threshold; an all-zero gradient stays. Returns the norm before.
cdef double clip_gradient(real* gradient, size_t n, double threshold) noexcept nogil

# average -= rate * (average - weights).
cdef void update_average(real* average, const real* weights, size_t n, double rate) noexcept nogil

# 1 - decay of the running average at step t (from 1): decay = min((1 + t) / (10 + t), max_decay).
cdef double average_rate(double t, double max_decay) noexcept nogil

# learn_rate with Adam's bias correction at step t (from 1).
cdef double adam_step(double learn_rate, double beta1, double beta2, double t) noexcept nogil
