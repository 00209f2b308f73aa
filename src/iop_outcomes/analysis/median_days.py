"""The day by which half had the event, with its interval."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import Arms
from iop_outcomes.statistics.estimating_equations import Uncertainty
from iop_outcomes.statistics.survival.curve_limits import Scale, limits, quantile_limits
from iop_outcomes.statistics.survival.curves import StepCurve, incidence_curve
from iop_outcomes.vocabulary import Arm

HALF = 0.5
AT_ONCE = 32  # days that are looked over where no limit comes near half at either end of them
NEAR = 0.05


def median_days(
    arms: Arms, arm: Arm, spread: Callable[[NDArray], Uncertainty], scale: Scale
) -> dict[str, float]:
    """The median and its limits, where the limits of the curve reach one half.

    Parameters
    ----------
    spread
        From influences to their standard error.
    scale
        Of the curve's limits.

    Returns
    -------
    dict
        `median_days`, `median_low`, `median_high`; nan for what is not reached in the whole of
        follow-up, which is not cut at the horizon.

    References
    ----------
    Brookmeyer & Crowley (1982), Biometrics 38:29-41.
    """
    curve = incidence_curve(arms.sets[arm])
    without = 1 - curve.value
    without = StepCurve(curve.day, np.where(without < 1e-12, 0.0, without), start=1.0)
    steps = np.flatnonzero(np.diff(curve.value, prepend=0.0) > 0)

    def on_step(k: int) -> NDArray:
        found = spread(arms.risk_influence(arm, curve.day[steps[k]]))
        value = without.value[steps[k]]
        return np.concatenate(limits(value, found.std_error, found.critical, scale))

    on_steps = _where_they_matter(on_step, steps.size)
    # Between two steps the curve and its limits stay as they are.
    seen = steps[len(on_steps)] if len(on_steps) < steps.size else curve.day.size
    place = np.searchsorted(steps, np.arange(seen), side="right")
    low, high = np.vstack([np.ones(2), *on_steps])[place].T
    told = StepCurve(without.day[:seen], without.value[:seen], start=1.0)
    ends = quantile_limits(told, low, high, HALF)
    first_day, last_day = (np.nan if day is None else day for day in ends)
    return {
        "median_days": arms.median_days(arm),
        "median_low": first_day,
        "median_high": last_day,
    }


def _where_they_matter(on_step: Callable[[int], NDArray], steps: int) -> list[NDArray]:
    """Both limits on each step, until both are below one half.

    Each costs a pass over everyone. Where neither limit is near one half, nor on another side of
    it, at the two ends of a stretch, the stretch bears those of its end.
    """
    found = [np.ones(2)]
    for first in range(0, steps, AT_ONCE):
        last = min(first + AT_ONCE, steps) - 1
        before, after = found[-1], on_step(last)
        away = np.minimum(np.abs(before - HALF), np.abs(after - HALF)) > NEAR
        looked_over = (away & ((before > HALF) == (after > HALF))).all()
        found += [after if looked_over else on_step(k) for k in range(first, last)]
        found.append(after)
        if after.max() < HALF - 1e-12:
            break
    return found[1:]
