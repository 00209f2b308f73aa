"""What is told of repeated events, table by table."""

from dataclasses import dataclass

import pandas as pd

NUMBERS = dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high"), "float64")
TABLES = {
    "recurrent": {
        **dict.fromkeys(("recurrent", "measure", "method", "se_method"), "str"),
        "horizon_days": "Int64",
        **NUMBERS,
        **dict.fromkeys(("smallest_cell", "fewest_missing"), "Int64"),
    },
    "recurrent_counts": {
        **dict.fromkeys(("recurrent", "arm"), "str"),
        **dict.fromkeys(("people", "missing", "none", "once", "twice", "more_often"), "Int64"),
        **dict.fromkeys(("died", "days_at_risk", "days_away", "people_away"), "Int64"),
    },
    "recurrent_curves": {
        **dict.fromkeys(("recurrent", "method", "arm"), "str"),
        "day": "Int64",
        **dict.fromkeys(("mean", "conf_low", "conf_high"), "float64"),
        **dict.fromkeys(("people_with", "events", "in_sight", "few_left_out"), "Int64"),
    },
}


@dataclass(frozen=True)
class RecurrentNumbers:
    """What is told of repeated events.

    Attributes
    ----------
    recurrent
        One row per name, method and measure: mean number of events a person by the horizon in both
        arms, their difference, and the ratio of the rates per day at risk. `smallest_cell`: the
        fewest people of an arm with or without an event; `fewest_missing`: not in sight.
    recurrent_counts
        One row per name and arm, as enrolled: people with no, one, two and more events by the
        horizon, those who `died`; days they could have had one on, days away, and people who had
        any of these.
    recurrent_curves
        One row per name, method, arm and day: the mean number so far; `people_with` any so far, the
        `events` so far, and people still `in_sight`.
    """

    recurrent: pd.DataFrame
    recurrent_counts: pd.DataFrame
    recurrent_curves: pd.DataFrame
