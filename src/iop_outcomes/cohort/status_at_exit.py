"""What was recorded at the exit from the index stay: work, housing, arrests, self-help, use."""

import pandas as pd

from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.definitions.event_rules import StatusAtExit
from iop_outcomes.protocol.rules.columns import AT_EXIT
from iop_outcomes.vocabulary import Status


def status_at_exit(stays: pd.DataFrame, rule: StatusAtExit) -> pd.Series:
    """Whether what was recorded at exit counts, of those who are asked about.

    Parameters
    ----------
    stays
        One row per stay, with the column of the rule and, if it asks who is meant, the same as
        recorded at admission.

    Returns
    -------
    pd.Series
        A `Status`, in the order of `stays`: missing for whoever is not asked about, and where
        nothing was recorded.

    Raises
    ------
    CohortError
        The stays lack a column, or hold a word that the rule does not know.

    Examples
    --------
    >>> rule = StatusAtExit(by="status at exit", column="employment_at_exit",
    ...                     among=("employed",), counted=("employed",),
    ...                     not_counted=("unemployed",))
    >>> stays = pd.DataFrame({
    ...     "employment": ["employed", "employed", "unemployed"],
    ...     "employment_at_exit": ["employed", "unemployed", "employed"],
    ... })
    >>> status_at_exit(stays, rule).tolist()
    ['event', 'no event', 'missing']
    """
    asked = pd.Series(True, index=stays.index)
    if rule.among:
        asked = _recorded(stays, rule.column.removesuffix(AT_EXIT), rule).isin(rule.among)
    at_exit = _recorded(stays, rule.column, rule)
    known = asked & at_exit.notna()
    counts = at_exit.isin(rule.counted)
    status = pd.Series(str(Status.MISSING), index=stays.index, dtype="str")
    status = status.mask(known & counts, str(Status.EVENT))
    return status.mask(known & ~counts, str(Status.NO_EVENT))


def _recorded(stays: pd.DataFrame, name: str, rule: StatusAtExit) -> pd.Series:
    if name not in stays.columns:
        raise CohortError(f"stays: no column `{name}`; this outcome cannot be read from the source")
    column = stays[name].astype("object")
    column = column.mask(column.isin(rule.unrecorded))
    words = [*rule.counted, *rule.not_counted]
    # A word spelled otherwise would silently be a no.
    strange = int((column.notna() & ~column.isin(words)).sum())
    if strange:
        raise CohortError(
            f"stays: {strange} row(s) of column {name} hold a word that is none of {words}; give "
            "them one of these in the mapping"
        )
    return column
