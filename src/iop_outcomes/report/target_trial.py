"""The protocol as readers of target trials expect it: one row per element."""

from collections.abc import Mapping

import pandas as pd

from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.drawing import capital
from iop_outcomes.report.tables import Exhibit
from iop_outcomes.report.wording import points, population, spelling, when, words


def target_trial_table(protocol: Protocol) -> Exhibit:
    """The protocol as the rows of a target-trial table."""
    arms, asked, names = protocol.strategies, protocol.eligibility, spelling(protocol)
    cluster = protocol.analysis.cluster
    by = words(arms.by, names)
    criteria = [f"aged {asked.minimum_age_years} or over"]
    if asked.washout_days:
        criteria.append(f"no treatment in the {asked.washout_days} days before")
    criteria += [f"{words(name, names)} recorded at time zero" for name in asked.recorded]
    rows: Mapping[str, str] = {
        "Question": protocol.question,
        "Eligibility": "; ".join(criteria),
        "Strategies": f"{arms.intervention_name}: {by} {', '.join(arms.intervention)}. "
        f"{arms.comparator_name}: {by} {', '.join(arms.comparator)}",
        "Assignment": "not randomised here; weighted for "
        + ", ".join(_term(term, names) for term in protocol.analysis.covariates),
        "Time zero": "start of the first stay that starts a strategy; stays within "
        f"{protocol.time_zero.episode_gap_days} days belong to one episode",
        **{
            f"Outcome: {words(o.name, names)}": f"{o.definition} ({when(o)})"
            + (f"; competing: {', '.join(o.competing)}" if o.competing else "")
            for o in protocol.outcomes
        },
        "Estimand": f"{protocol.estimand}: {population(protocol)}",
        **{
            f"Margin: {words(name, names)}": f"{points(margin)} percentage points. "
            f"{capital(margin.justification)}. Set by {margin.set_by}"
            for name, margin in protocol.noninferiority.items()
        },
        "Standard errors": ", clustered by ".join(
            ["stacked estimating equations", *([_term(cluster, names)] if cluster else [])]
        ),
        "Disclosure": f"counts of 1 to {protocol.disclosure.smallest_count - 1} people not shown",
    }
    return Exhibit(
        "protocol",
        "The target trial as specified.",
        pd.DataFrame({"Element": rows.keys(), "As specified": rows.values()}),
    )


def _term(term: str, names: Mapping[str, str]) -> str:
    """A covariate by its label; a formula as it stands."""
    return words(term, names) if term.isidentifier() else term
