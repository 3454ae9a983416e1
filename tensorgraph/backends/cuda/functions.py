"""What expressions of ops call and CUDA does not have: integers as NumPy has them, ψ and its kin.

Division of integers by 0 gives 0, as NumPy's does; a kernel cannot raise. The smallest integer
divided by -1 is itself.
"""

from __future__ import annotations

FUNCTIONS = """
template <class T> struct is_float { static const bool value = false; };
template <> struct is_float<float> { static const bool value = true; };
template <> struct is_float<double> { static const bool value = true; };

template <class T> __device__ inline T absolute(T x) {
    if constexpr (is_float<T>::value) return fabs(x);
    else return x < 0 ? -x : x;
}

template <class T> __device__ inline T power(T x, T y) {
    if constexpr (is_float<T>::value) {
        return pow(x, y);
    } else {
        if (y < 0) return x == 1 ? 1 : x == (T)-1 ? (y % 2 ? -1 : 1) : 0;
        T result = 1;
        for (; y > 0; y /= 2) {
            if (y % 2) result *= x;
            x *= x;
        }
        return result;
    }
}

template <class T> __device__ inline T truncated_modulo(T x, T y) {
    if constexpr (is_float<T>::value) return fmod(x, y);
    else return y == 0 || y == (T)-1 && (T)-1 < 0 ? 0 : x % y;
}

template <class T> __device__ inline T truncated_divide(T x, T y) {
    if constexpr (is_float<T>::value) return trunc(x / y);
    else return y == 0 ? 0 : y == (T)-1 && (T)-1 < 0 ? -x : x / y;
}

template <class T> __device__ inline T floor_modulo(T x, T y) {
    T rest = truncated_modulo(x, y);
    if (is_float<T>::value && y == 0) return rest;
    if (rest == 0) {
        if constexpr (is_float<T>::value) return copysign(T(0), y);
        return rest;
    }
    return (y < 0) != (rest < 0) ? rest + y : rest;
}

template <class T> __device__ inline T floor_divide(T x, T y) {
    if constexpr (is_float<T>::value) {
        if (y == 0) return x / y;
        T rest = fmod(x, y), whole = (x - rest) / y;
        if (rest != 0 && (y < 0) != (rest < 0)) whole -= 1;
        if (whole == 0) return copysign(T(0), x / y);
        T below = floor(whole);
        return whole - below > T(0.5) ? below + 1 : below;
    } else {
        T whole = truncated_divide(x, y), rest = truncated_modulo(x, y);
        return rest != 0 && (rest < 0) != (y < 0) ? whole - 1 : whole;
    }
}

// By ψ(x + 1) = ψ(x) + 1/x up to 10, then by the asymptotic series; by reflection below 0.
__device__ inline double digamma(double x) {
    const double series[] = {
        1.0 / 12, -1.0 / 120, 1.0 / 252, -1.0 / 240, 5.0 / 660, -691.0 / 32760, 1.0 / 12,
        -3617.0 / 8160, 43867.0 / 14364};
    double distance = x - rint(x), total = 0;
    if (x <= 0 && distance == 0) return nan("");
    if (x < 0) {
        const double pi = 3.141592653589793;
        total = -pi / tan(pi * distance);
        x = 1 - x;
    }
    for (int i = 0; i < 10 && x < 10; i++, x += 1) total -= 1 / x;
    double z = 1 / (x * x), tail = 0;
    for (int i = 8; i >= 0; i--) tail = tail * z + series[i];
    return total + (log(x) - 0.5 / x - z * tail);
}

// Σ 1/(q + k)ˢ over k ≥ 0 by the formula of Euler and Maclaurin, past the poles of a negative q.
__device__ inline double hurwitz_zeta(double s, double q) {
    const double bernoulli[] = {
        1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510,
        43867.0 / 798, -174611.0 / 330, 854513.0 / 138, -236364091.0 / 2730};
    if (!(q > -10000)) return nan("");
    double total = 0;
    for (int left = 10 + (q < 0 ? (int)ceil(-q) : 0); left > 0; left--, q += 1) total += pow(q, -s);
    double power = pow(q, -s);
    total += power * (q / (s - 1) + 0.5);
    double factor = s, factorial = 1;
    power /= q;
    for (int j = 1; j <= 12; j++) {
        factorial *= (2 * j - 1) * (2 * j);
        total += bernoulli[j - 1] / factorial * factor * power;
        factor *= (s + 2 * j - 1) * (s + 2 * j);
        power /= q * q;
    }
    return total;
}

__device__ inline double polygamma(int order, double x) {
    if (order < 0) return nan("");
    if (order == 0) return digamma(x);
    double s = order + 1.0, factorial = rint(exp(lgamma(s)));
    return (order % 2 ? 1 : -1) * factorial * hurwitz_zeta(s, x);
}
"""
