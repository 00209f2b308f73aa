"""What is hidden of the tables of a weighting: of covariates, of numbers of people, of bins."""

import pandas as pd

from iop_outcomes.report.small_counts import is_small, with_complements
from iop_outcomes.vocabulary import Arm

FEWEST_CLUSTERS = 3  # of fewer, the median would be that of one that is known


def balance(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Shares of few people, and weighted shares that tell of few who were left out or stayed."""
    shown = table.copy()
    counted = table["level"].notna()
    hidden_rows = pd.Series(False, index=table.index)
    for arm in Arm:
        people = table[f"people_{arm}"].astype("Int64")
        hidden = pd.Series(False, index=table.index)
        for _, levels in table[counted].groupby("covariate", sort=False):
            hidden[levels.index] = _few_have_it(levels, people[levels.index].astype(int), arm, k)
        shown[f"people_{arm}"] = people.mask(hidden)
        shown[f"value_{arm}"] = shown[f"value_{arm}"].mask(hidden)
        hidden_rows |= hidden
    # With one arm's share known, the standardised difference gives away the other's; and weighting
    # makes one arm's share the other's.
    differences = [name for name in table if name.startswith(("smd_", "ks_"))]
    weighted = [name for name in table if name.startswith(("weighted_value_", "weighted_spread_"))]
    linked = [*differences, *(f"weighted_value_{arm}" for arm in Arm)]
    shown[linked] = shown[linked].mask(hidden_rows)
    shown[weighted] = shown[weighted].mask(_tells_who_was_left_out(table, k))
    inside = [name for name in table if name.startswith(("weighted_people_", "left_out_"))]
    return shown.drop(columns=inside)


def _few_have_it(levels: pd.DataFrame, count: pd.Series, arm: Arm, k: int) -> pd.Series | bool:
    share = levels[f"value_{arm}"].sum()
    if len(levels) == 1 and 0 < share < 1:
        # "yes" alone: those without it are the rest of the arm.
        rest = round(count.iloc[0] / share) - count.iloc[0]
        return bool(is_small(pd.Series([count.iloc[0], rest]), k).any())
    return with_complements(count, k)


def _tells_who_was_left_out(table: pd.DataFrame, k: int) -> pd.Series:
    """Rows whose weighted values, in both arms, tell of few people left out or few who stayed.

    Where weights are alike, as in matched pairs, a weighted share is a count over the people who
    stayed. What remains is the standardised difference: of it neither arm's share can be told.
    """
    hidden = pd.Series(False, index=table.index)
    if "left_out_intervention" not in table:  # tables of before anybody could be left out
        return hidden
    counted = table["level"].notna()
    for arm in Arm:
        left_out = int(table[f"left_out_{arm}"].iloc[0]) if len(table) else 0
        if not left_out:
            continue
        if left_out < k:  # any share would tell how many, over people whose number is shown
            return pd.Series(True, index=table.index)
        for _, levels in table[counted].groupby("covariate", sort=False):
            stayed = levels[f"weighted_people_{arm}"].astype(int)
            gone = levels[f"people_{arm}"].astype(int) - stayed
            if len(levels) == 1:
                others = _others(levels, arm)
                counts = [stayed.iloc[0], gone.iloc[0], left_out - gone.iloc[0]]
                counts.append(others - (left_out - gone.iloc[0]))
                few = bool(is_small(pd.Series(counts), k).any())
            elif 0 < stayed.sum() < k:  # of so few, even a share of nobody tells
                few = True
            else:
                few = with_complements(stayed, k) | with_complements(gone, k)
            hidden[levels.index] |= few
    return hidden


def _others(levels: pd.DataFrame, arm: Arm) -> int:
    """People of the arm without the only level told; none known if nobody has it."""
    share, people = levels[f"value_{arm}"].iloc[0], int(levels[f"people_{arm}"].iloc[0])
    return round(people / share) - people if share > 0 else 0


def sample_size(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Numbers of people, and what would be one: matched people weigh alike."""
    small = is_small(table["people"], k)
    shown = table.astype({"people": "Int64"})
    left_out = [name for name in ("trimmed", "one_armed", "unmatched") if name in table]
    if left_out:
        gone = table[left_out].sum(axis=1)
        few = is_small(gone, k) | is_small(table["people"] - gone, k)
        few |= is_small(table[left_out], k).any(axis=1)
        shown = shown.astype(dict.fromkeys(left_out, "Int64"))
        shown[left_out] = shown[left_out].mask(few)
        numbers = ["effective", "largest_share"]
        shown[numbers] = shown[numbers].mask(few)
        either, stays = table["in_equipoise"], table["people"] - table["trimmed"]
        stays = stays - table.get("one_armed", 0)
        of_few = few | is_small(either, k) | is_small(stays - either, k)
        shown["equipoise"] = shown["equipoise"].mask(of_few)
        overlap = ["overlap_before", "overlap_after"]
        shown[overlap] = shown[overlap].mask(is_small(table["smallest_level"], k))
    numbers = [name for name in shown if name != "arm"]
    shown[numbers] = shown[numbers].mask(small)
    return shown.drop(columns=["in_equipoise", "smallest_level"], errors="ignore")


def seal(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Whether each condition holds; what was found, where that tells of enough people.

    Of which covariate stays inside: its row of the balance may be hidden.
    """
    shown = table[["condition", "limit", "found", "holds"]].copy()
    return shown.assign(found=shown["found"].mask(is_small(table["smallest_cell"], k)))


def clusters(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Which cluster it is stays inside: shown is the distribution, in one row.

    In it are clusters with enough people of both arms, of whom enough weigh something; of fewer
    than three there is none. People of clusters with one arm are hidden where they, or the others
    of their arm, are few.
    """
    people = table[[f"people_{arm}" for arm in Arm]]
    weighing = table[[f"weighing_{arm}" for arm in Arm]]
    alone = people.eq(0).any(axis=1)
    gone = people[alone].sum()
    few = bool((is_small(gone, k) | is_small(people.sum() - gone, k)).any())
    row = {
        "clusters": len(table),
        "one_armed": None if few else int(alone.sum()),
        **{f"one_armed_{arm}": None if few else int(gone[f"people_{arm}"]) for arm in Arm},
    }
    told = table[(people >= k).all(axis=1) & (weighing >= k).all(axis=1)]
    enough = len(told) >= FEWEST_CLUSTERS
    for kind in ("before", "after"):
        largest = told[f"largest_smd_{kind}"]
        row |= {
            f"median_{kind}": largest.median() if enough else None,
            f"ninth_decile_{kind}": largest.quantile(0.9) if enough else None,
            f"alike_{kind}": (largest <= 0.1).mean() if enough else None,
        }
    counts = ["clusters", "one_armed", *(f"one_armed_{arm}" for arm in Arm), "told"]
    shown = pd.DataFrame([row | {"told": len(told)}])
    return shown.astype({name: "Int64" if name in counts else "float64" for name in shown})


def prognosis(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Differences of a score that few people's outcomes made, or that few people share."""
    shown = table.drop(columns="smallest_cell")
    numbers = ["prognostic_smd_before", "prognostic_smd_after"]
    shown[numbers] = shown[numbers].mask(is_small(table["smallest_cell"], k))
    return shown


def overlap(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Neighbouring bins are joined until each holds enough people or none.

    People who stayed and people who were left out are counted too: weights of matched people are
    alike, so that their share of the weight is their number. Where few of an arm were left out,
    any share of the weight would tell how many.
    """
    joined = []
    stayed = table.get("weighted_people", table["people"])
    gone = table["people"] - stayed
    few = is_small(gone.groupby(table["arm"]).transform("sum"), k)
    table = table.assign(
        stayed=stayed.mask(few, 0),
        gone=gone.mask(few, 0),
        weighted_share=table["weighted_share"].mask(few),
    )
    for arm, bins in table.groupby("arm", sort=False):
        rows: list[list] = []
        columns = ["low", "high", "people", "weighted_share", "stayed", "gone"]
        for each in bins[columns].itertuples(index=False):
            if rows and _few(rows[-1], k):
                rows[-1] = _together(rows[-1], each)
            else:
                rows.append(list(each))
        while len(rows) > 1 and _few(rows[-1], k):
            last = rows.pop()
            rows[-1] = _together(rows[-1], last)
        total = sum(row[2] for row in rows)
        joined += [(arm, row[0], row[1], row[2] / total, row[3]) for row in rows]
    return pd.DataFrame(joined, columns=["arm", "low", "high", "share", "weighted_share"])


def _few(row: list, k: int) -> bool:
    """Whether a bin holds few people, or few of them stayed or were left out."""
    return any(0 < count < k for count in (row[2], row[4], row[5]))


def _together(row: list, after: tuple) -> list:
    return [row[0], after[1], *(one + other for one, other in zip(row[2:], after[2:], strict=True))]
