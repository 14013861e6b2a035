#!/usr/bin/env python3
"""Makes tests/data/rank-agreement.json: tau-b and log-likelihoods of seeded lists, as scipy computes them.

Usage: record_rank_vectors.py > tests/data/rank-agreement.json    (needs numpy and scipy)
"""
import json

import numpy
import scipy
from scipy.special import log_softmax
from scipy.stats import kendalltau


def tau_vector(name, a, b):
    tau = kendalltau(a, b, variant="b").statistic
    return {"name": name, "a": a, "b": b, "tau_b": None if numpy.isnan(tau) else float(tau)}


def nll_vector(name, logits, targets):
    rows = log_softmax(numpy.array(logits, numpy.float64), axis=1)
    return {"name": name, "logits": logits, "targets": targets,
            "mean_nll": float(-numpy.mean([row[t] for row, t in zip(rows, targets)]))}


random = numpy.random.default_rng(20)
f32 = lambda values: numpy.array(values, numpy.float32).astype(float).tolist()
base = f32(random.normal(size=40))
tau = [
    tau_vector("equal", base, base),
    tau_vector("opposite", base, f32([-x for x in base])),
    tau_vector("near", base, f32(numpy.array(base) + random.normal(scale=0.2, size=40))),
    tau_vector("far", base, f32(random.normal(size=40))),
    tau_vector("ties on one side", base, f32(numpy.round(numpy.array(base) * 2) / 2)),
    tau_vector("ties on both sides", f32(random.integers(0, 6, 60)), f32(random.integers(0, 5, 60))),
    tau_vector("two values", [1.0, 2.0], [5.0, 3.0]),
    tau_vector("all tied", [1.0, 1.0, 1.0], [1.0, 2.0, 3.0]),
    tau_vector("a hundred", f32(random.normal(size=100)), f32(random.normal(size=100))),
]
nll = [
    nll_vector("uniform", [[0.0] * 8], [3]),
    nll_vector("random", [f32(random.normal(scale=3, size=16)) for _ in range(6)], [0, 5, 15, 7, 7, 2]),
    nll_vector("large logits", [f32(random.normal(scale=3, size=16) + 1000) for _ in range(3)], [1, 2, 3]),
]
lines = lambda vectors: "[\n  " + ",\n  ".join(json.dumps(vector) for vector in vectors) + "\n]"
print(f"""{{
"what": "Kendall's tau-b and mean negative log-likelihood of float32 values.",
"made_by": "harness/judge/record_rank_vectors.py, scipy {scipy.__version__}, numpy {numpy.__version__}",
"tau_b": {lines(tau)},
"nll": {lines(nll)}
}}""")
