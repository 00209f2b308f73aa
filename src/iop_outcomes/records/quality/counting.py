"""Rules of single rows, counted over one table on any engine narwhals knows."""

import narwhals as nw
import pandas as pd
from narwhals.typing import IntoFrame

from iop_outcomes.records.quality.catalogue import RULES
from iop_outcomes.records.quality.policy import Policy
from iop_outcomes.records.quality.rule import Rule, Severity
from iop_outcomes.records.schema import BROKEN_RULES, conform


def count_broken(
    frame: IntoFrame, table: str = "stays", policy: Policy | None = None
) -> pd.DataFrame:
    """Count the rows of a table that break a rule which sees one row at a time.

    For tables too large to be sorted row by row: nothing is set aside, and rules that hold rows
    against each other are not judged.

    Parameters
    ----------
    frame
        A canonical table: a pandas frame, a DuckDB relation, a Polars frame ...
    table
        Its name.
    policy
        The rules as the study treats them.

    Returns
    -------
    DataFrame
        In the columns of `BROKEN_RULES`; rules that no row breaks are left out. All are warnings,
        because all rows stay.

    Examples
    --------
    >>> stays = pd.DataFrame({"level_of_care": "inpatient", "start_day": 0, "end_day": [5, 500]})
    >>> count_broken(stays.assign(age_years=[40, 11]))[["rule", "rows"]].to_numpy().tolist()[0]
    ['a stay longer than is plausible at its level of care', 1]
    """
    policy = policy or Policy()
    rules = [rule for rule in RULES if rule.table == table and rule.condition is not None]
    counts = (
        nw.from_native(frame)
        .lazy()
        .select(**{rule.key: _times_broken(rule, policy) for rule in rules})
        .collect("pandas")
        .to_native()
        .iloc[0]
    )
    found = pd.DataFrame(
        [
            (rule.table, rule.name, str(Severity.WARNING), int(counts[rule.key]))
            for rule in rules
            if counts[rule.key] > 0
        ],
        columns=list(BROKEN_RULES),
    )
    return conform("broken_rules", found)


def _times_broken(rule: Rule, policy: Policy) -> nw.Expr:
    return rule.condition(policy.limits(rule)).fill_null(False).sum()
