#!/usr/bin/env python3
"""usage: make_statistics.py > statistics.json

Computes with scipy and numpy what harness/measure/statistics.cpp has to reproduce. Needs no network and no model; the
samples are drawn from a fixed seed, so the same versions print the same file.
"""
import json
import sys

import numpy
import scipy
from scipy import stats

random = numpy.random.Generator(numpy.random.PCG64(20261121))


def vector(name, values):
    values = [float(value) for value in values]
    return {
        "name": name,
        "values": values,
        "median": float(numpy.median(values)),
        "mean": float(numpy.mean(values)),
        "standard_deviation": float(stats.tstd(values)) if len(values) > 1 else 0.0,
        "median_absolute_deviation": float(stats.median_abs_deviation(values)),
        "percentiles": [[p, float(numpy.percentile(values, p))] for p in (0, 5, 25, 50, 90, 95, 99, 100)],
        "interval": interval(values, 0.95),
    }


def interval(values, confidence):
    """The order-statistic interval of the median: scipy's quantile_test inverts the same binomial test."""
    n, ordered = len(values), sorted(values)
    rank = 1
    while 2 * (rank + 1) <= n + 1 and 1 - 2 * stats.binom.cdf(rank, n, 0.5) >= confidence:
        rank += 1
    coverage = float(1 - 2 * stats.binom.cdf(rank - 1, n, 0.5))
    low, high = ordered[rank - 1], ordered[n - rank]
    if coverage >= confidence and n >= 6:
        # Just inside the interval the two-sided test does not reject, just outside it does.
        def p_value(q):
            return stats.quantile_test(values, q=q, p=0.5).pvalue
        eps = 1e-9 * max(abs(low), abs(high), 1.0)
        assert p_value(low + eps) > 1 - confidence >= p_value(low - eps), (n, rank)
        assert p_value(high - eps) > 1 - confidence >= p_value(high + eps), (n, rank)
    return {"rank": rank, "coverage": coverage, "low": low, "high": high}


document = {
    "provenance": {
        "made_by": "tests/data/make_statistics.py",
        "scipy": scipy.__version__,
        "numpy": numpy.__version__,
        "python": sys.version.split()[0],
    },
    "vectors": [
        vector("one", [3.25]),
        vector("two", [2.0, 1.0]),
        vector("ties", [1, 1, 1, 2, 2, 3, 3, 3, 3]),
        vector("normal 10", random.normal(0, 1, 10)),
        vector("normal 20", random.normal(5, 0.1, 20)),
        vector("lognormal 40", random.lognormal(0, 1, 40)),
        vector("cauchy 41", random.standard_cauchy(41)),
        vector("exponential 200", random.exponential(2, 200)),
    ],
    "binomial": [
        [int(k), int(n), float(p), float(stats.binom.cdf(k, n, p))]
        for n, p in ((1, 0.5), (10, 0.5), (20, 0.5), (40, 0.5), (40, 0.8), (500, 0.5), (100, 0.01))
        for k in sorted({0, 1, n // 4, n // 2, n - 1, n})
    ],
}
json.dump(document, sys.stdout, indent=1)
print()
