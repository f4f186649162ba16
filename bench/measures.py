"""What is measured of an answer: how good its order is, and how much of the right answer it has. Pure."""

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import mean, quantiles


def ndcg(found: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """Normalised discounted cumulative gain of the first k: 1 for the best order there is, 0 without anything relevant.

        DCG = Σ grade(i) / log2(i + 1)   over ranks i = 1 … k;   nDCG = DCG / DCG of the best order

    Järvelin, Kekäläinen: Cumulated gain-based evaluation of IR techniques, ACM TOIS 20(4), 2002; gains are the grades
    themselves and the discount begins at rank 2, as in trec_eval's ndcg_cut. What has no grade counts as 0.
    """
    best = _dcg(sorted(grades.values(), reverse=True)[:k])
    if best == 0:
        raise ValueError("a question without anything relevant has no best order")
    return _dcg([grades.get(name, 0) for name in found[:k]]) / best


def overlap(found: Collection[str], right: Collection[str]) -> float:
    """How much of the right answer was found, whatever the order; 1 where there is nothing to find."""
    return len({*found} & {*right}) / len({*right}) if right else 1.0


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th percentile, mean and highest of at least two values."""
    cuts = quantiles(values, n=20)
    return {
        "p50": round(cuts[9], 3),
        "p95": round(cuts[18], 3),
        "mean": round(mean(values), 3),
        "max": round(max(values), 3),
    }


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))
