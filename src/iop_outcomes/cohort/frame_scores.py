"""Outcomes that stand in a data frame as a column of numbers."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
import pandas as pd

from iop_outcomes.cohort.frame_columns import WHERE, column, known_at_entry
from iop_outcomes.cohort.scored_outcomes import COLUMNS, nobody_scored, refuse_outside
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.scores import Score
from iop_outcomes.vocabulary import Arm, Direction


@dataclass(frozen=True)
class Continuous:
    """An outcome that is a number: a score at follow-up, days of use, days in treatment.

    Attributes
    ----------
    column
        Column of the numbers; empty where it is not known.
    better
        Whether a lower or a higher mean is better.
    unit
        What the number counts, as it is printed: points, days, dollars.
    range
        Least and largest possible number; one outside is refused, and TMLE needs it.
    definition
        What is measured, and when, in the words of the methods section.

    Examples
    --------
    >>> Continuous("phq9_month_6", unit="points", range=(0, 27)).columns
    ('phq9_month_6',)
    """

    column: str
    _: KW_ONLY
    better: str = str(Direction.LOWER)
    unit: str | None = None
    range: tuple[float, float] | None = None
    definition: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it is read from."""
        return (self.column,)

    def section(self) -> dict[str, Any]:
        """The outcome as a protocol writes it."""
        return {
            "definition": self.definition or f"`{self.column}`",
            "score": {"instrument": self.column, "unit": self.unit, "range": self.range},
            "better": self.better,
        }

    def scores(self, frame: pd.DataFrame, name: str) -> pd.Series:
        """The number of every row; missing where it is not known.

        Raises
        ------
        CohortError
            The column holds no numbers, infinite ones, or some outside `range`.
        """
        place = f"outcomes.{name}"
        values = known_at_entry(column(frame, self.column, place), place)
        if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            raise CohortError(
                f"{WHERE}.{place}: `{self.column}` holds no numbers; for a yes or no write "
                "Binary(...)"
            )
        told = values.astype("Float64").to_numpy(float, na_value=np.nan)
        asked = Score(instrument=self.column, range=self.range)
        refuse_outside(pd.Series(told), asked, f"{WHERE}.{place}")
        return pd.Series(told, index=frame.index)


def frame_scores(
    frame: pd.DataFrame, persons: pd.DataFrame, outcomes: Mapping[str, Continuous]
) -> pd.DataFrame:
    """The score of everyone for every outcome that is a number, as `scores_told` tells it.

    Parameters
    ----------
    frame
        The columns of the outcomes; its index becomes the `source_row`.
    persons
        On the same index: `person_id`, `arm`.

    Raises
    ------
    CohortError
        An outcome cannot be read, or is not known for anyone in an arm.
    """
    tables = []
    for name, asked in outcomes.items():
        score = asked.scores(frame, name)
        for arm in map(str, Arm):
            if score[persons["arm"].eq(arm)].isna().all():
                raise CohortError(
                    f"{WHERE}.outcomes.{name}: it is not known for anyone in the {arm} arm"
                )
        tables.append(
            pd.DataFrame({"person_id": persons["person_id"], "outcome": name, "score": score})
            .assign(days=None, source="data frame", source_row=frame.index)[list(COLUMNS)]
            .astype(COLUMNS)
        )
    return pd.concat(tables, ignore_index=True) if tables else nobody_scored()
