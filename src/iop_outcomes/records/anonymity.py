"""How far people could be told apart by what is known of them: k-anonymity and l-diversity."""

from collections.abc import Sequence

import narwhals as nw
import pandas as pd

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.engine import counted, lazily

ALL = "all"
# Usual bounds: 5 of the k-anonymity literature, 11 of the Centers for Medicare & Medicaid Services.
SMALL, SMALLEST_SHOWN = 5, 11


def quasi_identifier_risk(
    persons: pd.DataFrame, quasi_identifiers: Sequence[str], sensitive: Sequence[str] = ()
) -> pd.DataFrame:
    """Groups of people who share every quasi-identifier, and what each of those adds to the risk.

    A missing value is a value that others may share. The counts of people are told as shares and
    minima only; they describe this sample, and a sample unique may have doubles in the population.

    Parameters
    ----------
    persons
        One row per person.
    quasi_identifiers
        Columns that a stranger could know.
    sensitive
        Columns that a stranger must not learn.

    Returns
    -------
    DataFrame
        First a row for all quasi-identifiers, `without` nothing; then one row for each, as if it
        were not told.

        `without`: the quasi-identifier left out, empty in the first row.
        `n`: persons.
        `smallest_group`: k; everyone shares everything with k - 1 others.
        `share_below_5`, `share_below_11`: of the persons, in groups smaller than that.
        `share_unique`: of the persons, alone in their group.
        `distinct_<column>`: l; the fewest different recorded values of a sensitive column among
        the people of one group, missing if none has any.

    References
    ----------
    Sweeney (2002), International Journal of Uncertainty, Fuzziness and Knowledge-Based Systems
    10:557-570. Machanavajjhala et al. (2007), ACM Transactions on Knowledge Discovery from Data
    1(1):3.

    Examples
    --------
    >>> persons = pd.DataFrame({"sex": list("ffmm"), "state": ["IA", "IA", "IA", "OH"]})
    >>> risk = quasi_identifier_risk(persons, ["sex", "state"])
    >>> risk["smallest_group"].tolist(), risk["share_unique"].tolist()
    ([1, 1, 2], [0.5, 0.25, 0.0])
    """
    _check(persons, quasi_identifiers, sensitive)
    names = list(quasi_identifiers)
    cells = _cells(persons, [*names, *sensitive])
    rows = [{"without": None, **_risk(cells, names, sensitive)}]
    for name in names:
        others = [other for other in names if other != name]
        rows.append({"without": name, **_risk(cells, others, sensitive)})
    return pd.DataFrame(rows).astype({"without": "str"})


def _check(persons: pd.DataFrame, names: Sequence[str], sensitive: Sequence[str]) -> None:
    if persons.empty:
        raise RecordsError("the anonymity of nobody cannot be told; are there rows in persons?")
    if not len(names) or len(set(names)) < len(names):
        raise RecordsError("name at least one quasi-identifier, and each only once")
    lacking = sorted({*names, *sensitive} - set(persons.columns))
    if lacking:
        raise RecordsError(f"persons lacks the column(s) {lacking}; name columns that it has")
    both = sorted(set(names) & set(sensitive))
    if both:
        raise RecordsError(f"{both} cannot be known and secret at once; name each in one list")


def _cells(persons: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """How many people have each combination of values."""
    with lazily(persons[columns]) as frame:
        return counted(frame.group_by(columns).agg(nw.len().alias("people")), columns)


def _risk(cells: pd.DataFrame, names: list[str], sensitive: Sequence[str]) -> dict:
    group = _groups(cells, names)
    people = cells["people"]
    size = people.groupby(group).transform("sum")
    n = int(people.sum())
    return {
        "n": n,
        "smallest_group": int(size.min()),
        f"share_below_{SMALL}": float(people[size < SMALL].sum() / n),
        f"share_below_{SMALLEST_SHOWN}": float(people[size < SMALLEST_SHOWN].sum() / n),
        "share_unique": float(people[size == 1].sum() / n),
        **{f"distinct_{column}": _fewest(cells[column], group) for column in sensitive},
    }


def _groups(cells: pd.DataFrame, names: list[str]) -> pd.Series:
    """A number for each group; everyone is one group if nothing is known."""
    if not names:
        return pd.Series(0, index=cells.index)
    return cells.groupby(names, dropna=False, sort=False).ngroup()


def _fewest(values: pd.Series, group: pd.Series) -> float:
    recorded = values.notna()
    return float(values[recorded].groupby(group[recorded]).nunique().min())
