"""The page on the records: rows accounted for, rules broken, gaps, and who can be told apart."""

import pandas as pd

from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import HIDDEN, count, percent, spelling, words
from iop_outcomes.vocabulary import LevelOfCare

DONE = {"quarantine": "set aside", "warning": "left in"}
ALL = "all"
# A place stands out where at least twice the share is missing that is missing everywhere, and at
# least ten points more.
TIMES, POINTS = 2, 0.10
MOST_PLACES = 20


def quality_exhibits(shown: dict[str, Released], protocol: Protocol) -> list[Exhibit]:
    """Everything the page shows, in order; an exhibit without rows has nothing to say."""
    missing = shown["missingness"].table
    return [
        ledger_table(shown["ledger"], protocol),
        rules_table(shown["broken_rules"], protocol),
        missingness_table(missing, protocol),
        places_table(missing, protocol),
        anonymity_table(shown["anonymity"].table, protocol),
    ]


def margins(missingness: pd.DataFrame) -> pd.DataFrame:
    """The part that is told: all rows, by level of care or by place, with shares."""
    both = missingness["level_of_care"].notna() & missingness["place"].notna()
    told = missingness[~both]
    rows = told["rows"].astype("Float64")
    return told.assign(
        share_missing=told["missing"] / rows, share_not_collected=told["not_collected"] / rows
    )


def ledger_table(ledger: Released, protocol: Protocol) -> Exhibit:
    """Rows read, and what became of them."""
    columns = {
        "table": "Table",
        "read": "Rows read",
        "accepted": "Accepted",
        "duplicates": "Duplicates",
        "quarantined": "Set aside",
    }
    table = ledger.table[list(columns)].rename(columns=columns)
    counts = table.iloc[:, 1:].map(count)
    return Exhibit(
        "ledger",
        "Rows of the export: read = accepted + duplicates + set aside.",
        table[["Table"]].join(counts),
        hidden_note(protocol),
    )


def rules_table(broken_rules: Released, protocol: Protocol) -> Exhibit:
    """What was wrong with rows, and whether they were set aside."""
    table = broken_rules.table
    return Exhibit(
        "rules",
        "What cannot, or should not, be so.",
        pd.DataFrame(
            {
                "Rule": table["rule"],
                "Table": table["table"],
                "What was done": table["severity"].map(DONE),
                "Rows": table["rows"].map(count),
            }
        ),
        hidden_note(protocol),
    )


def missingness_table(missing: pd.DataFrame, protocol: Protocol) -> Exhibit:
    """What was not recorded, by level of care; variables that are whole everywhere in one line."""
    names = spelling(protocol)
    table = missing[missing["place"].isna()]
    table = table.assign(level=table["level_of_care"].fillna(ALL).astype("str"))
    there = set(table["level"])
    levels = [ALL, *(str(level) for level in LevelOfCare if str(level) in there)]
    rows, whole, never = [], [], []
    for (of, variable), cells in table.groupby(["table", "variable"], sort=False):
        label = words(str(variable), names)
        label = label if of == "stays" else f"{label} ({words(str(of), {})})"
        by_level = cells.set_index("level")
        everywhere = by_level.loc[ALL, ["share_missing", "share_not_collected"]]
        if everywhere.eq(0).all():
            whole.append(label)
        elif everywhere.eq([1, 0]).all():
            never.append(label)
        else:
            rows.append({"Variable": label} | {level: _cell(by_level, level) for level in levels})
    note = (
        "Per cent of the rows without a value; in brackets, per cent of the rows from where nobody "
        "asks for it (not collected). A stay that is still open has no exit yet. "
        f"{hidden_note(protocol)}"
    )
    for said, labels in (("no", never), ("every", whole)):
        if labels:
            note = f"Recorded in {said} row: {'; '.join(labels)}. {note}"
    return Exhibit(
        "missingness",
        "What was not recorded, by level of care.",
        pd.DataFrame(rows, columns=["Variable", *levels]),
        note,
    )


def _cell(by_level: pd.DataFrame, level: str) -> str:
    if level not in by_level.index:
        return ""
    missing, not_collected = by_level.loc[level, ["share_missing", "share_not_collected"]]
    if pd.isna(missing):
        return HIDDEN
    return percent(missing) + (f" ({percent(not_collected)})" if not_collected > 0 else "")


def places_table(missing: pd.DataFrame, protocol: Protocol) -> Exhibit:
    """The facilities or states where a value is missing far more often than elsewhere."""
    names = spelling(protocol)
    keys = ["table", "variable"]
    everywhere = missing[missing["level_of_care"].isna() & missing["place"].isna()]
    there = missing[missing["place"].notna()].merge(
        everywhere[[*keys, "share_missing"]], on=keys, suffixes=("", "_everywhere")
    )
    more = there["share_missing"] - there["share_missing_everywhere"]
    far = (more >= POINTS) & (there["share_missing"] >= TIMES * there["share_missing_everywhere"])
    ordered = there.assign(more=more)[far.fillna(False).astype(bool)]
    ordered = ordered.sort_values(["more", "variable", "place"], ascending=[False, True, True])
    told = ordered.head(MOST_PLACES)
    left = len(ordered) - len(told)
    return Exhibit(
        "missing_places",
        "Where a value is missing far more often than elsewhere.",
        pd.DataFrame(
            {
                "Variable": [words(str(name), names) for name in told["variable"]],
                "Place": told["place"].to_numpy(),
                "Missing there, %": told["share_missing"].map(percent).to_numpy(),
                "Everywhere, %": told["share_missing_everywhere"].map(percent).to_numpy(),
            }
        ),
        "At least twice the share that is missing everywhere, and ten points more. Places where a "
        "group is small are never among them."
        + (f" {left} more are in the tables of numbers." if left else ""),
    )


def anonymity_table(anonymity: pd.DataFrame, protocol: Protocol) -> Exhibit:
    """How far a stranger could tell people apart, and what each thing known adds to it."""
    names = spelling(protocol)
    each = [words(name, names) for name in anonymity["without"].dropna()]
    known = [
        f"all of these: {'; '.join(each)}" if pd.isna(name) else f"all but {words(name, names)}"
        for name in anonymity["without"]
    ]
    columns = {
        "Alone in it": "share_unique",
        "Group below 5": "share_below_5",
        "Group below 11": "share_below_11",
    }
    shares = {label: anonymity[name].map(_at_most).to_numpy() for label, name in columns.items()}
    smallest = anonymity["smallest_group"].map(_bound).to_numpy()
    return Exhibit(
        "anonymity",
        "How far people could be told apart by what a stranger may know of them (k-anonymity).",
        pd.DataFrame({"Known": known, "Smallest group, people": smallest, **shares}),
        "Per cent of the people, at most: shares are rounded up. People of one group are alike in "
        "everything known, at their first stay; ages in the bands of TEDS. These are people of "
        "this study: somebody alone in it may have doubles outside.",
    )


def _at_most(share: float) -> str:
    return HIDDEN if pd.isna(share) else f"{100 * share:.0f}"


def _bound(group: int) -> str:
    if pd.isna(group):
        return HIDDEN
    return {1: "below 5", 5: "5 or more"}.get(int(group), str(int(group)))
