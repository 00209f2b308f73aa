"""Time followed and time in a controlled environment: what is hidden of it, and how it is set."""

import pandas as pd

from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import HIDDEN, count, percent, spelling, when, words
from iop_outcomes.vocabulary import Arm


def time_table(time_at_risk: Released, protocol: Protocol) -> Exhibit:
    """How long people were followed, and the share of it outside the community."""
    names = spelling(protocol)
    outcomes = {outcome.name: outcome for outcome in protocol.outcomes}
    rows = [
        {
            "Outcome": f"{words(row['outcome'], names)} {when(outcomes[row['outcome']])}",
            "Arm": names[Arm(row["arm"])],
            "People": count(row["people"]),
            "Days followed": count(row["person_days"]),
            "Of these in care by day and night": _share(row, "care_days"),
            "In jail": _share(row, "jail_days"),
        }
        for row in time_at_risk.table.to_dict("records")
    ]
    return Exhibit(
        "time_at_risk",
        "Days followed, to the end of follow-up or the horizon, and where they were spent.",
        pd.DataFrame(rows),
        "Unweighted. Who is in care by day and night or in jail can hardly return to use or be "
        "admitted; where the arms differ in such days, they differ in the chance of being seen to. "
        "Jail is as recorded: until something is next seen of a person outside. "
        f"{hidden_note(protocol)}",
    )


def _share(row: dict[str, object], of: str) -> str:
    if pd.isna(row[of]) or pd.isna(row["person_days"]):
        return HIDDEN
    share = f" ({percent(row[of] / row['person_days'])}%)" if row["person_days"] else ""
    return f"{count(row[of])}{share}"
