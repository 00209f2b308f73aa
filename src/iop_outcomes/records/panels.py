"""Panels of drug tests: what a version looks for, and whose negative can be compared."""

from collections.abc import Collection

import pandas as pd

A_DAY = ["person_id", "day"]


def days_looked_through(
    tests: pd.DataFrame, substances: Collection[str] = (), panels: Collection[str] = ()
) -> pd.Series:
    """Whether the panels of each day together looked for everything that counts.

    A panel looks for whatever any of its results is of. Before fentanyl was on the panel nothing
    was found of it; such a negative cannot be compared with a later one. Where no test names its
    panel, all are taken for the same; where some do, a test that names none is no evidence of
    absence.

    Parameters
    ----------
    tests
        `person_id`, `day`, `substance`, and `panel` if the source has it.
    substances
        Those that count; empty: all. What nobody ever looked for is not asked.
    panels
        Panels known to look for all of them, for sources whose results do not say it (one that
        calls all of them opioids). Empty: told from the results.

    Returns
    -------
    pd.Series
        True or False, indexed by `person_id` and `day`.

    Examples
    --------
    >>> tests = pd.DataFrame({
    ...     "person_id": "P", "day": [0, 7, 7], "substance": ["heroin", "heroin", "fentanyl"],
    ...     "panel": ["2016", "2019", "2019"],
    ... })
    >>> days_looked_through(tests).tolist()
    [False, True]
    """
    days = pd.MultiIndex.from_frame(tests[A_DAY].drop_duplicates().sort_values(A_DAY))
    if "panel" not in tests or tests["panel"].isna().all():
        return pd.Series(True, index=days)
    if panels:
        good = tests["panel"].isin(list(panels))
        return good.groupby([tests[name] for name in A_DAY]).any().reindex(days)
    known = set(tests["substance"])
    counted = known & set(substances) if substances else known
    named = tests[tests["panel"].notna() & tests["substance"].isin(counted)]
    contents = named[["panel", "substance"]].drop_duplicates()
    given = tests.loc[tests["panel"].notna(), [*A_DAY, "panel"]].drop_duplicates()
    looked_for = given.merge(contents, on="panel").groupby(A_DAY)["substance"].nunique()
    return looked_for.reindex(days, fill_value=0) == len(counted)
