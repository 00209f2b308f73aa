"""Days on which use was seen: reported, or found by a test that no prescription explains."""

from collections.abc import Collection

import pandas as pd

from iop_outcomes.errors import CohortError
from iop_outcomes.records.panels import days_looked_through

A_DAY = ["person_id", "day"]


def days_of_use(
    tests: pd.DataFrame,
    reported_use: pd.DataFrame,
    services: pd.DataFrame,
    substances: Collection[str],
    prescription_days: int,
) -> pd.DataFrame:
    """Every day on which a person was seen to have used.

    A substance that was found and not found on one day was found. A positive test for a substance
    that treatment gave on that day or within `prescription_days` days before is no use: services
    that are doses bear its name.

    Parameters
    ----------
    tests
        `person_id`, `day`, `substance`, `result`.
    reported_use
        `person_id`, `day`, `substance`.
    services
        `person_id`, `day`, `service`.
    substances
        Those that count; empty: all.
    prescription_days
        How long a dose explains a positive test.

    Returns
    -------
    pd.DataFrame
        One row per person and day, in order: `person_id`, `day`.

    Raises
    ------
    CohortError
        Neither the tests nor the reports know one of the substances.
    """
    known = {*tests["substance"], *reported_use["substance"]}
    strange = sorted(set(substances) - known)
    if strange and known:
        raise CohortError(
            f"{strange} is no substance of the tests or of the reported use; they have "
            f"{sorted(known)}"
        )
    counted = set(substances) or known
    positive = tests[(tests["result"] == "positive") & tests["substance"].isin(counted)]
    positive = positive.reset_index(drop=True)
    reported = reported_use[reported_use["substance"].isin(counted)]
    unexplained = positive[~_prescribed(positive, services, prescription_days)]
    days = pd.concat([unexplained[A_DAY], reported[A_DAY]]).drop_duplicates()
    return days.sort_values(A_DAY, ignore_index=True)


def last_clear_test(
    tests: pd.DataFrame,
    before: pd.Series,
    substances: Collection[str] = (),
    panels: Collection[str] = (),
) -> pd.Series:
    """The last day before `before` with a test that looked for the substances and found none.

    Use began after it and no later than `before`: tests see it late, and later where they are
    rarer.

    Parameters
    ----------
    tests
        `person_id`, `day`, `substance`, `result`, and `panel` if known.
    before
        The first day of use, indexed by `person_id`.
    substances
        Those that count; empty: all.
    panels
        Panels known to look for all of them; empty: told from their results. A negative on any
        other panel does not clear a day.

    Returns
    -------
    pd.Series
        Days, indexed as `before`; missing if there was no such test.
    """
    looked = days_looked_through(tests, substances, panels)
    known = tests[tests["result"].isin(["positive", "negative"])]
    if substances:
        known = known[known["substance"].isin(list(substances))]
    days = known.assign(found=known["result"].eq("positive")).groupby(A_DAY)["found"].any()
    clear = days[~days & looked.reindex(days.index, fill_value=True).astype(bool)].reset_index()
    use_day = clear["person_id"].map(before).astype("Int64")
    earlier = clear[(clear["day"] < use_day).fillna(False)]
    return earlier.groupby("person_id")["day"].max().reindex(before.index).astype("Int64")


def _prescribed(positive: pd.DataFrame, services: pd.DataFrame, days: int) -> pd.Series:
    doses = services.rename(columns={"day": "dose_day", "service": "substance"})
    doses = doses[["person_id", "dose_day", "substance"]].drop_duplicates()
    pairs = positive.reset_index(names="test").merge(doses, on=["person_id", "substance"])
    explained = pairs.loc[(pairs["day"] - pairs["dose_day"]).between(0, days), "test"]
    return pd.Series(positive.index.isin(explained), index=positive.index)
