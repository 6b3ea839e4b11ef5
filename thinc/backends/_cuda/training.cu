// One step of an optimizer for one parameter, in one pass. The formulas are in `_optimizer_formulas.py`: each gives the
// change of a weight, and moves the moments it has.

template <typename T> struct Step {
    T size, gradient_size, beta1, beta2, eps;
};

template <typename T> __device__ void move_moments(const Step<T>& s, T g, T& m, T& v) {
    m += (1 - s.beta1) * (g - m);
    v += (1 - s.beta2) * (g * g - v);
}

struct Sgd {
    static const int moments = 0;
    template <typename T> __device__ static T change(const Step<T>& s, T g, T&, T&) { return s.size * g; }
};

struct Momentum {
    static const int moments = 2;
    template <typename T> __device__ static T change(const Step<T>& s, T g, T& m, T& v) {
        move_moments(s, g, m, v);
        return s.size * m;
    }
};

struct Adam {
    static const int moments = 2;
    template <typename T> __device__ static T change(const Step<T>& s, T g, T& m, T& v) {
        move_moments(s, g, m, v);
        return s.size * (m / (sqrt(v) + s.eps));
    }
};

struct HeavyBall {
    static const int moments = 1;
    template <typename T> __device__ static T change(const Step<T>& s, T g, T& m, T&) {
        m = s.beta1 * m + g;
        return s.size * m + s.gradient_size * g;
    }
};

struct NAdam {
    static const int moments = 2;
    template <typename T> __device__ static T change(const Step<T>& s, T g, T& m, T& v) {
        move_moments(s, g, m, v);
        return (s.size * m + s.gradient_size * g) / (sqrt(v) + s.eps);
    }
};

struct Lion {
    static const int moments = 1;
    template <typename T> __device__ static T change(const Step<T>& s, T g, T& m, T&) {
        const T direction = s.beta1 * m + (1 - s.beta1) * g;
        m += (1 - s.beta2) * (g - m);
        return direction > 0 ? s.size : direction < 0 ? -s.size : s.size * direction;  // NaN stays, 0 too
    }
};

// g' = factor (g + l2 w); w -= early_decay w; w -= change; w -= late_decay w; g = 0; average -= rate (average - w).
// `average` may be null, and moments that the rule has not.
template <class Rule, typename T>
__global__ void update(
    T* w, T* g, T* mom1, T* mom2, T* average, index_t n, T factor, T l2, T early_decay, T late_decay, T size,
    T gradient_size, T beta1, T beta2, T eps, T rate
) {
    const Step<T> step = {size, gradient_size, beta1, beta2, eps};
    FOR_EACH(i, n) {
        T m = 0, v = 0, weight = w[i];
        if (Rule::moments > 0) m = mom1[i];
        if (Rule::moments > 1) v = mom2[i];
        const T gradient = factor * (g[i] + l2 * weight);
        weight -= early_decay * weight;
        weight -= Rule::change(step, gradient, m, v);
        weight -= late_decay * weight;
        if (Rule::moments > 0) mom1[i] = m;
        if (Rule::moments > 1) mom2[i] = v;
        w[i] = weight;
        g[i] = 0;
        if (average) average[i] -= rate * (average[i] - weight);
    }
}
