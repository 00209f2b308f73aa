"""Names of columns that cannot have been known at time zero, and what a model's terms read."""

import re
from collections.abc import Iterator

from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.values import KINDS

AFTER_TIME_ZERO = frozenset(
    {
        *("end_day", "exit_day", "exit_reason", "length_low_days", "length_high_days"),
        *("discharge_year", "last_observed_day", "length_of_stay", "los"),
    }
)
AT_EXIT = "_at_exit"  # how names of columns end that were recorded at discharge
# Words in the name of a column that care, and not the person who came, decides.
CARE = frozenset(
    {
        *("sessions", "attended", "attendance", "adherence", "hours", "dose", "doses", "visits"),
        *("retained", "retention", "discharge", "discharged", "exit", "completion", "dropout"),
        *("readmission", "readmitted", "after", "during", "post", "followup", "stepdown"),
        *("stepped", "received", "stayed"),
    }
)
WITHIN_DAYS = re.compile(r"(^|_)within_\d+", re.IGNORECASE)  # stepped_down_within_14_days
# Words that say that it was before.
BEFORE = frozenset(
    {
        *("prior", "previous", "before", "baseline", "past", "history", "ever", "lifetime"),
        *("admission", "last", "earlier", "intake", "planned"),
    }
)


def variables(term: str) -> tuple[str, ...]:
    """Names that a term of a model reads, without its functions and their settings.

    Examples
    --------
    >>> variables("bs(age_years, df=3)"), variables("age_years:C(site)"), variables("np.log(bmi)")
    (('age_years',), ('age_years', 'site'), ('bmi',))
    """
    unquoted = re.sub(r"'[^']*'|\"[^\"]*\"", "", term)
    unprefixed = re.sub(r"\b[^\W\d]\w*\s*\.", "", unquoted)
    names = re.findall(r"[^\W\d]\w*(?!\w|\s*[(=])", unprefixed)
    return tuple(dict.fromkeys(names))


def later_than_time_zero(name: str, protocol: Protocol) -> str | None:
    """Why a column of this name cannot be known at time zero; None if it can."""
    if name in AFTER_TIME_ZERO:
        return "is known at the end of the stay"
    if name.endswith(AT_EXIT):
        return "was recorded at discharge"
    if name in {outcome.name for outcome in protocol.outcomes}:
        return "is the name of an outcome"
    if name in {re.sub(r"\W+", "_", kind) for kind in KINDS}:
        return "is a kind of event that happens after time zero"
    if WITHIN_DAYS.search(name) and not set(name.lower().split("_")) & BEFORE:
        return "tells what happened within days that had still to come"
    return None


def result_of_care(name: str) -> bool:
    """Whether a column sounds as if the care given decided it.

    Examples
    --------
    >>> result_of_care("sessions_attended"), result_of_care("prior_visits"), result_of_care("sex")
    (True, False, False)
    """
    words = set(name.lower().split("_"))
    return bool(words & CARE) and not words & BEFORE


def read_at_time_zero(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Columns that the protocol takes for known at time zero, each with the place that does."""
    for term in protocol.analysis.covariates:
        for name in variables(term):
            yield name, "analysis.covariates"
    censoring = protocol.analysis.censoring
    for term in censoring.covariates if censoring else ():
        for name in variables(term):
            yield name, "analysis.censoring.covariates"
    for name in protocol.eligibility.recorded:
        yield name, "eligibility.recorded"
