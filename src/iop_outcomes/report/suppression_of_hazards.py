"""What is hidden of the tests of hazards."""

import pandas as pd

from iop_outcomes.report.small_counts import gives_away_few


def proportional_hazards(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """A test rests on the events of both arms, as the ratio that it is about does.

    Why there is no test is hidden with the numbers: that nobody had the event tells of few people.
    """
    shown = table.drop(columns=["smallest_cell", "fewest_missing"])
    numbers = ["chi_squared", "p_value", "equality_p", "not_tested"]
    shown[numbers] = shown[numbers].mask(gives_away_few(table, k))
    return shown
