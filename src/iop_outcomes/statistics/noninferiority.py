"""Is the worst plausible difference still acceptable?"""

from iop_outcomes.vocabulary import Direction, Verdict


def noninferiority(lower: float, upper: float, margin: float, better: Direction) -> Verdict:
    """Verdict for a difference in risk, intervention minus comparator, from its interval.

    The interval is the one that is plotted; at 95% this is a one-sided test at 2.5%.
    An interval that ends on the margin does not clear it.

    Parameters
    ----------
    lower, upper
        Confidence limits of the risk difference.
    margin
        Largest acceptable difference in disfavour of the intervention, > 0.
    better
        Whether a lower or a higher risk is better.

    References
    ----------
    Piaggio et al. (2012), JAMA 308:2594-2604, Figure 1 (CONSORT extension).

    Examples
    --------
    >>> noninferiority(-0.03, 0.06, 0.10, Direction.LOWER)
    <Verdict.NONINFERIOR: 'non-inferior'>
    >>> noninferiority(0.01, 0.06, 0.10, Direction.LOWER)
    <Verdict.NONINFERIOR_AND_WORSE: 'non-inferior and statistically worse'>
    >>> noninferiority(-0.12, 0.03, 0.10, Direction.HIGHER)
    <Verdict.INCONCLUSIVE: 'inconclusive'>
    """
    if better is Direction.HIGHER:
        lower, upper = -upper, -lower
    if upper < 0:
        return Verdict.SUPERIOR
    if lower > margin:
        return Verdict.INFERIOR
    if upper >= margin:
        return Verdict.INCONCLUSIVE
    return Verdict.NONINFERIOR_AND_WORSE if lower > 0 else Verdict.NONINFERIOR
