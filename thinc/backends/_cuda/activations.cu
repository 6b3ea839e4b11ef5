// Elementwise activations: `value` of x, and `gradient` of x, given that of y = value(x). X and Y are what the operation's
// backward pass is given: where it is only one of the two, both are that one. The formulas are in `_ops_activations.py`.
// a, b, c, d: settings of the activation.

template <typename T> __device__ T logistic(T x) { return 1 / (1 + exp(-x)); }

template <typename T> __device__ T clip(T x, T low, T high) { return x < low ? low : x > high ? high : x; }

struct Sigmoid {
    template <typename T> __device__ static T value(T x, T, T, T, T) { return logistic(clip(x, T(-20), T(20))); }
    template <typename T> __device__ static T gradient(T dy, T, T y, T, T, T, T) { return dy * (y * (1 - y)); }
};

struct Relu {
    template <typename T> __device__ static T value(T x, T, T, T, T) { return x <= 0 ? T(0) : x; }
    template <typename T> __device__ static T gradient(T dy, T, T y, T, T, T, T) { return y > 0 ? dy : T(0); }
};

// Forward: slope, offset, and the bounds of y. Backward: slope, 0, and the bounds of x.
struct ClippedLinear {
    template <typename T> __device__ static T value(T x, T slope, T offset, T low, T high) {
        return clip(slope * x + offset, low, high);
    }
    template <typename T> __device__ static T gradient(T dy, T x, T, T slope, T, T low, T high) {
        return low < x && x < high ? dy * slope : T(0);
    }
};

// A gate that is 0 makes y 0, also where x is infinite.
template <typename T> __device__ T gated(T x, T gate) { return gate == 0 ? T(0) : x * gate; }

struct Swish {
    template <typename T> __device__ static T value(T x, T, T, T, T) { return gated(x, logistic(x)); }
    template <typename T> __device__ static T gradient(T dy, T x, T y, T, T, T, T) {
        if (x > 40) return dy;  // to within rounding, and y may be infinite
        return dy * (y + logistic(x) * (1 - y));
    }
};

struct HardSwish {
    template <typename T> __device__ static T value(T x, T, T, T, T) {
        return gated(x, clip(T(0.2) * x + T(0.5), T(0), T(1)));
    }
    template <typename T> __device__ static T gradient(T dy, T x, T, T, T, T, T) {
        return x > T(2.5) ? dy : x < T(-2.5) ? T(0) : dy * (T(0.4) * x + T(0.5));
    }
};

struct HardSwishMobilenet {
    template <typename T> __device__ static T value(T x, T, T, T, T) { return gated(x, clip(x + 3, T(0), T(6)) / 6); }
    template <typename T> __device__ static T gradient(T dy, T x, T, T, T, T, T) {
        return x > 3 ? dy : x < -3 ? T(0) : dy * ((2 * x + 3) / 6);
    }
};

struct Dish {
    template <typename T> __device__ static T value(T x, T, T, T, T) {
        const T h = hypot(x, T(1));
        return x < 0 ? T(0.5) * (x / h) / (h - x) : T(0.5) * x * (x / h + 1);  // equal, but x / h + 1 cancels
    }
    template <typename T> __device__ static T gradient(T dy, T x, T, T, T, T, T) {
        const T t = x / hypot(x, T(1));
        return dy * (t - T(0.5) * t * t * t + T(0.5));
    }
};

// The normal distribution. erfc keeps what 1 + erf loses far to the left.
template <typename T> __device__ T normal_cdf(T x) { return T(0.5) * erfc(x * T(-0.70710678118654752440)); }

struct Gelu {
    template <typename T> __device__ static T value(T x, T, T, T, T) { return gated(x, normal_cdf(x)); }
    template <typename T> __device__ static T gradient(T dy, T x, T, T, T, T, T) {
        const T density = T(0.39894228040143267794) * exp(T(-0.5) * x * x);
        return dy * (normal_cdf(x) + gated(x, density));
    }
};

struct GeluApprox {
    template <typename T> __device__ static T value(T x, T, T, T, T) {
        const T near = clip(x, T(-10), T(10));
        return gated(T(0.5) * x, 1 + tanh(T(0.79788456080286535588) * (near + T(0.044715) * near * near * near)));
    }
    template <typename T> __device__ static T gradient(T dy, T x, T, T, T, T, T) {
        const T near = clip(x, T(-10), T(10)), cube = near * near * near;
        const T u = T(0.0356774) * cube + T(0.797885) * near, v = T(0.0535161) * cube + T(0.398942) * near;
        const T sech = 1 / cosh(clip(u, T(-20), T(20)));
        return dy * (T(0.5) * tanh(u) + v * sech * sech + T(0.5));
    }
};

// tanh(log(1 + exp(x))) = n / (n + 2) with n = exp(x) (exp(x) + 2); from 20 on it is 1 to within rounding.
struct Mish {
    template <typename T> __device__ static T value(T x, T threshold, T, T, T) {
        if (x >= threshold || x > 20) return x;
        const T e = exp(x), n = e * (e + 2);
        return gated(x, n / (n + 2));
    }
    template <typename T> __device__ static T gradient(T dy, T x, T, T threshold, T, T, T) {
        if (x >= threshold || x > 20) return dy;
        const T e = exp(x), n = e * (e + 2), sechsq = 4 * (n + 1) / ((n + 2) * (n + 2));
        return dy * (n / (n + 2) + gated(x, logistic(x) * sechsq));
    }
};

template <class F, typename T> __global__ void activate(T* Y, const T* X, index_t n, T a, T b, T c, T d) {
    FOR_EACH(i, n) Y[i] = F::value(X[i], a, b, c, d);
}

template <class F, typename T>
__global__ void backprop_activation(T* dX, const T* dY, const T* X, const T* Y, index_t n, T a, T b, T c, T d) {
    FOR_EACH(i, n) dX[i] = F::gradient(dY[i], X[i], Y[i], a, b, c, d);
}
