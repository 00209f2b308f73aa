"""Effects on 1.7 million rows with 60 columns of dummies: propensity, overlap weights, AIPW.

Run `python benchmarks/effects_at_scale.py [rows]`. Risks in the overlap population, weighted and by
AIPW, each with errors clustered by facility and with every model estimated. The promise is 30
seconds and 2 GiB on 2 cores; the design alone takes 0.8 GiB.

The estimators of `statistics/effects` keep a gradient and an influence as large as the design for
every model, which is too much here. A sum over a gradient is a product of the design and a vector,
and so is an influence: this file writes them so, and first holds them to the library on few people.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")

import resource
import sys
import time

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from iop_outcomes.statistics.effects.doubly_robust import augmented_risks
from iop_outcomes.statistics.effects.effect_measures import risk_difference
from iop_outcomes.statistics.effects.outcome_models import Link, fit_outcome_models
from iop_outcomes.statistics.effects.risks import Risks, estimated_propensity
from iop_outcomes.statistics.effects.weighted_risks import weighted_risks
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.statistics.weighting.propensity import PropensityFit, fit_propensity
from iop_outcomes.statistics.weighting.weights import TILT, balancing_weights, weight_slopes
from iop_outcomes.vocabulary import Estimand

ROWS, FACILITIES, FEW = 1_700_000, 60, 4000
LEVELS = (12, 9, 8, 7, 6, 5, 5, 4, 4, 4, 4, 3, 1 + 1)  # 60 dummies beside the intercept
SECONDS, GIBIBYTES = 30.0, 2.0
ATO = Estimand.ATO


def people(rows: int, seed: int = 1) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Design, arm, outcome and facility of made-up people."""
    random = np.random.default_rng(seed)
    design = np.zeros((rows, 1 + sum(LEVELS) - len(LEVELS)))
    design[:, 0] = 1.0
    first = 1
    for levels in LEVELS:
        code = random.choice(levels, rows, p=random.dirichlet(np.full(levels, 4.0)))
        for level in range(1, levels):
            design[:, first + level - 1] = code == level
        first += levels - 1
    facility = random.integers(FACILITIES, size=rows)
    lean = design @ random.normal(0, 0.2, design.shape[1])
    treated = random.random(rows) < expit(-0.3 + lean)
    risk = expit(-1 + 0.7 * lean - 0.3 * treated + random.normal(0, 0.2, FACILITIES)[facility])
    return design, treated, (random.random(rows) < risk).astype(float), facility


def through(fit: PropensityFit, x: NDArray, outcome: NDArray, derivative: NDArray) -> NDArray:
    """What estimating a logistic model adds to everyone's influence.

    `derivative` is that of the estimate by each fitted probability; `outcome` less the probability
    is 0 for people to whom the model was not fitted.
    """
    p = fit.probability
    return outcome * (x @ (fit.covariance @ (x.T @ (derivative * p * (1 - p)))))


def overlap_weighted(x: NDArray, a: NDArray, y: NDArray, fit: PropensityFit) -> Risks:
    """Hajek's risks of both arms with overlap weights."""
    e = fit.probability
    weight, slope = balancing_weights(a, e, ATO), weight_slopes(a, e, ATO)
    found = []
    for arm in (a, ~a):
        total = weight[arm].sum()
        risk = weight[arm] @ y[arm] / total
        derivative = np.where(arm, (y - risk) / total, 0.0)
        moved = weight * derivative + through(fit, x, a - e, slope * derivative)
        found.append((risk, moved))
    return Risks(found[0][0], found[1][0], found[0][1], found[1][1])


def augmented(x: NDArray, a: NDArray, y: NDArray, fit: PropensityFit) -> Risks:
    """AIPW in the overlap population, with a logistic model of the outcome in each arm."""
    e = fit.probability
    height, rise = (part(e) for part in TILT[ATO])
    weight, slope = balancing_weights(a, e, ATO), weight_slopes(a, e, ATO)
    total, found = height.sum(), []
    for arm in (a, ~a):
        model = fit_propensity(y, x, frequency=arm)
        m = model.probability
        rest = np.where(arm, y - m, 0.0)
        risk = (height @ m + weight @ rest) / total
        moved = (height * (m - risk) + weight * rest) / total
        moved += through(fit, x, a - e, (rise * (m - risk) + slope * rest) / total)
        moved += through(model, x, rest, (height - np.where(arm, weight, 0.0)) / total)
        found.append((risk, moved))
    return Risks(found[0][0], found[1][0], found[0][1], found[1][1])


def agrees_with_the_library() -> None:
    """Stop if what is written here is not what the library does, on few people."""
    x, a, y, _ = people(FEW, seed=2)
    fit = fit_propensity(a, x)
    propensity = estimated_propensity(a, fit.probability, x)
    predicted = fit_outcome_models(y, a, x, Link.LOGIT)
    for ours, theirs in (
        (overlap_weighted(x, a, y, fit), weighted_risks(y, a, propensity, ATO)),
        (augmented(x, a, y, fit), augmented_risks(y, a, propensity, predicted, ATO)),
    ):
        for name in ("intervention", "comparator", "influence_intervention"):
            apart = np.abs(np.asarray(getattr(ours, name)) - getattr(theirs, name)).max()
            if apart > 1e-9:
                sys.exit(f"{name} differs from the library by {apart:.1e}")


def main() -> None:
    """Print each step's seconds, the estimates, and the largest memory."""
    agrees_with_the_library()
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    x, a, y, facility = people(rows)
    start = time.perf_counter()
    fit = fit_propensity(a, x)
    told = [f"propensity {time.perf_counter() - start:.1f} s"]
    for name, estimate in (("weighted", overlap_weighted), ("AIPW", augmented)):
        before = time.perf_counter()
        effect = risk_difference(
            estimate(x, a, y, fit), lambda moved: uncertainty(moved, 0.95, facility)
        )
        told.append(
            f"{name} {time.perf_counter() - before:.1f} s: risk difference {effect.estimate:.5f}, "
            f"standard error {effect.spread.std_error:.5f}"
        )
    seconds = time.perf_counter() - start
    gibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    kept = seconds <= SECONDS and gibibytes <= GIBIBYTES
    told.append(
        f"{rows} rows, {x.shape[1]} columns: {seconds:.1f} s (promised {SECONDS:g}), "
        f"{gibibytes:.2f} GiB (promised {GIBIBYTES:g}): {'kept' if kept else 'BROKEN'}"
    )
    sys.stdout.write("\n".join(told) + "\n")
    sys.exit(not kept)


if __name__ == "__main__":
    main()
