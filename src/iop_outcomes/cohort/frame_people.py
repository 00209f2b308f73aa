"""Who is who in a data frame: persons by name, and the arm of each."""

from typing import Any

import pandas as pd

from iop_outcomes.cohort.frame_columns import (
    WHERE,
    Codes,
    as_codes,
    column,
    kind_of,
    refuse_shared_codes,
)
from iop_outcomes.errors import CohortError
from iop_outcomes.vocabulary import Arm


def arms_of(
    values: pd.Series, intervention: Codes, comparator: Codes | None
) -> tuple[pd.Series, dict[str, tuple[Any, ...]]]:
    """The arm of every row, and the codes of both arms.

    Raises
    ------
    CohortError
        A value is empty or not named, or an arm is empty.
    """
    unknown = int(values.isna().sum())
    if unknown:
        raise CohortError(
            f"{WHERE}.arm: `{values.name}` is empty for {unknown} of {len(values)} people; leave "
            "them out, or find out what they entered"
        )
    mine = as_codes(intervention)
    others = _only_other(values, mine) if comparator is None else as_codes(comparator)
    codes = {str(Arm.INTERVENTION): mine, str(Arm.COMPARATOR): others}
    refuse_shared_codes(codes, "arm")
    for name, named in codes.items():
        if not values.isin(named).any():
            raise CohortError(
                f"{WHERE}.{name}: nobody is in the {name} arm: `{values.name}`, which holds "
                f"{kind_of(values)}, is {list(named)} for none of {len(values)} people; write the "
                "codes as they stand there"
            )
    strange = int((~values.isin([*mine, *others])).sum())
    if strange:
        raise CohortError(
            f"{WHERE}.arm: `{values.name}` of {strange} of {len(values)} people is neither among "
            f"intervention={list(mine)} nor among comparator={list(others)}; name the codes, or "
            "leave these people out"
        )
    arms = values.isin(mine).map({True: str(Arm.INTERVENTION), False: str(Arm.COMPARATOR)})
    return arms.astype("str"), codes


def _only_other(values: pd.Series, mine: tuple[Any, ...]) -> tuple[Any, ...]:
    others = list(values[~values.isin(mine)].unique())
    if len(others) == 1:
        return tuple(others)
    raise CohortError(
        f"{WHERE}.comparator: besides intervention={list(mine)} `{values.name}` holds "
        f"{len(others)} codes; name those of the comparator"
    )


def person_ids(table: pd.DataFrame, name: str | None) -> pd.Series:
    """The persons' names as text; the numbers of the rows if no column holds any.

    Raises
    ------
    CohortError
        A name is empty or stands twice.
    """
    if name is None:
        return pd.Series([str(row + 1) for row in range(len(table))], index=table.index)
    values = column(table, name, "person_id")
    absent = int(values.isna().sum())
    if absent:
        raise CohortError(
            f"{WHERE}.person_id: `{name}` is empty in {absent} of {len(values)} rows; fill it, or "
            "leave `person_id` out to count rows"
        )
    persons = values.astype("str")
    again = int(persons.duplicated().sum())
    if again:
        raise CohortError(
            f"{WHERE}.person_id: {again} of {len(values)} rows repeat a `{name}` that an earlier "
            "row has; give one row per person"
        )
    return persons
