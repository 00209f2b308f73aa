"""The row of a margin in the table of the target trial."""

from collections.abc import Mapping

from iop_outcomes.protocol.outcomes import Margin, Outcome
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.drawing import capital
from iop_outcomes.report.wording import number, percent, points, words
from iop_outcomes.vocabulary import Direction


def margin_row(
    name: str, margin: Margin, protocol: Protocol, names: Mapping[str, str]
) -> tuple[str, str, str]:
    """The margin, what it means to one person, why it is so large and who said so."""
    said = f"{points(margin)} percentage points of risk difference"
    if margin.reference_risk is not None:
        said += _implied(margin, next(o for o in protocol.outcomes if o.name == name))
    return (
        f"Margin: {words(name, names)}",
        said,
        f"{capital(margin.justification.rstrip('.'))}. Set by {margin.set_by}",
    )


def _implied(margin: Margin, outcome: Outcome) -> str:
    """The same margin as a ratio of risks, which is what it means to one person."""
    lower = outcome.better is Direction.LOWER
    risk = margin.reference_risk or 0.0
    at_margin = risk + margin.risk_difference * (1 if lower else -1)
    if not 0 < at_margin < 1:
        return ""
    ratio = number(at_margin / risk, 2)
    return f"; at a risk of {percent(risk, 0)}% under the comparator, a risk ratio of {ratio}"
