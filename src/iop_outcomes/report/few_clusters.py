"""What is said of standard errors that are summed within few clusters."""

from collections.abc import Mapping

from iop_outcomes.protocol.analysis_plan import AnalysisPlan, Weighting
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.standard_errors import ClusterErrors, WeightsTakenAs
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.wording import number, spelling, when, words

ENOUGH = 10  # equal clusters an arm; of fewer, CR1 was measured to reject too often


def few_clusters_sentences(shown: Mapping[str, Released], protocol: Protocol) -> list[str]:
    """That intervals may be too narrow, because an arm's people are in few clusters.

    Parameters
    ----------
    shown
        With `left_out`, where there are clusters.

    Returns
    -------
    list of str
        One sentence with the effective number of clusters of each outcome in the arm that has
        fewer, and one that names what mends it; nothing where there are enough, or where the
        protocol asks for other standard errors than CR1.
    """
    plan = protocol.analysis
    if "left_out" not in shown or plan.standard_errors.clusters is not ClusterErrors.CR1:
        return []
    table = shown["left_out"].table
    few = table[table["effective_clusters"] < ENOUGH]
    if few.empty:
        return []
    names, outcomes = spelling(protocol), {each.name: each for each in protocol.outcomes}
    told = ", ".join(
        f"{number(row['effective_clusters'])} ({words(row['outcome'], names)} "
        f"{when(outcomes[row['outcome']])})"
        for row in few.to_dict("records")
    )
    return [
        f"Few clusters ({words(str(plan.cluster), names)}): by size and weight, those of the arm "
        f"that has fewer count as {told} equal ones. Summed within so few (CR1), standard errors "
        "tend to be too small and intervals too narrow, so a verdict may be too sure; "
        f"analysis.standard_errors: {_mend(plan)} in the protocol mends most of it."
    ]


def _mend(plan: AnalysisPlan) -> str:
    known = plan.standard_errors.weights is WeightsTakenAs.KNOWN
    if known or plan.weighting is Weighting.NEAREST_NEIGHBOURS:  # where there is no jackknife
        return f"{{weights: {WeightsTakenAs.KNOWN}, clusters: {ClusterErrors.CR2}}}"
    return f"{{clusters: {ClusterErrors.JACKKNIFE}}}"
