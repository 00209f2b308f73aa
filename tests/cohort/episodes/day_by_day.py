"""The rules of episodes applied to one day after the other: slow, and plainly what they say."""

from iop_outcomes.cohort.episode_rules import INTENSITY
from iop_outcomes.cohort.segments import GRAVITY
from iop_outcomes.vocabulary import DAY_AND_NIGHT, LevelOfCare

ORDER = [str(level) for level in LevelOfCare]
FOREVER = 10_000  # the exit day of an open stay


def segments_of(stays, rules, horizon):
    """Segments of one person, each a dictionary.

    `stays` are tuples: level of care, facility, day of admission, day of exit or None, exit
    reason or None. `horizon` is later than all days in them.
    """
    stays = sorted(set(stays), key=repr)
    stays = [(level, place, start, FOREVER if end is None else end, why)
             for level, place, start, end, why in stays]  # fmt: skip
    going_on = {day: [s for s in stays if day in days_of(s)] for day in range(horizon + 1)}
    care = {day: top(here) for day, here in going_on.items() if here}
    paused = interruptions(care, going_on, stays, rules)
    segments = []
    for day in care:
        level = "intensive outpatient" if day in paused else care[day]
        gap, jail = since_last_exit(day, stays)
        if not segments:
            segments.append(new(day, level, 1, 1, None))
        elif gap <= longest_gap(segments[-1]["level"], level, gap, jail, rules):
            if level != segments[-1]["level"]:
                last = segments[-1]
                segments.append(new(day, level, last["episode"], last["segment"] + 1, gap))
                segments[-1]["transition"] = step(last["level"], level)
            elif gap > 0 and jail:
                segments[-1]["interrupted"] += day - segments[-1]["days"][-1] - 1
        else:
            segments.append(new(day, level, segments[-1]["episode"] + 1, 1, gap))
        segments[-1]["days"].append(day)
        segments[-1]["interrupted"] += day in paused
    return [told(segment, going_on, horizon) for segment in segments]


def days_of(stay):
    level, _, start, end, _ = stay
    return range(start, max(end, start + 1)) if level in DAY_AND_NIGHT else range(start, end + 1)


def top(stays):
    return min((stay[0] for stay in stays), key=ORDER.index)


def interruptions(care, going_on, stays, rules):
    """Days in hospital of which the nights are few and on which the clinic kept the stay open."""
    found = set()
    for day in care:
        if care[day] != "inpatient" or care.get(day - 1) != "intensive outpatient":
            continue
        after = day
        while care.get(after) == "inpatient":
            after += 1
        nights = range(day, after)
        kept_open = all(
            any(stay[0] == "intensive outpatient" for stay in going_on[night]) for night in nights
        )
        whole = all(since_last_exit(d, stays)[0] == 0 for d in [*nights, after])
        back = care.get(after) == "intensive outpatient"
        if len(nights) <= rules.interruption_days and kept_open and whole and back:
            found.update(nights)
    return found


def since_last_exit(day, stays):
    """Days since the last exit of all stays that began earlier, and whether it was to jail."""
    earlier = [stay for stay in stays if stay[2] < day]
    if not earlier:
        return 0, False
    last = max(stay[3] for stay in earlier)
    reasons = [stay[4] for stay in earlier if stay[3] == last]
    return max(0, day - last), max(reasons, key=GRAVITY.index) == "incarcerated"


def longest_gap(before, level, gap, jail, rules):
    if gap > 0 and jail:
        return rules.incarceration_days
    return rules.gap_same_level[level] if before == level else rules.gap_transition


def step(before, level):
    if INTENSITY[level] == INTENSITY[before]:
        return "lateral"
    return "step-up" if INTENSITY[level] > INTENSITY[before] else "step-down"


def new(day, level, episode, segment, gap):
    return {"level": level, "episode": episode, "segment": segment, "gap": gap,
            "start": day, "days": [], "interrupted": 0, "transition": None}  # fmt: skip


def told(segment, going_on, horizon):
    """A row of the table of segments."""
    level, days = segment["level"], segment["days"]
    last = days[-1]
    at_level = {stay for day in days for stay in going_on[day] if stay[0] == level}
    leaving = [stay for stay in going_on[last] if stay[0] == level]
    exit_day = max(stay[3] for stay in leaving)
    still_open = last == horizon
    left = exit_day <= last + 1 and not still_open
    reasons = [stay[4] for stay in leaving if stay[3] == exit_day] if left else [None]
    longest = min(
        at_level, key=lambda s: (s[3] != FOREVER, -len(days_of(s)) * (s[3] != FOREVER), s[2],
                                 s[1] is None, s[1] or ""),
    )  # fmt: skip
    discharge = exit_day if left else last + 1
    end = discharge if level in DAY_AND_NIGHT else last
    return {
        "episode": segment["episode"],
        "segment": segment["segment"],
        "level_of_care": level,
        "facility_id": longest[1],
        "start_day": segment["start"],
        "end_day": None if still_open else end,
        "days": None if still_open else last - segment["start"] + 1,
        "interrupted_days": segment["interrupted"],
        "exit_reason": max(reasons, key=GRAVITY.index),
        "transition": segment["transition"],
        "gap_days": segment["gap"],
        "concurrent": any(crowded(day, going_on[day]) for day in days),
    }


def crowded(day, stays):
    """More than one stay, those left aside that end on this day having begun before it."""
    return sum(1 for _, _, start, end, _ in stays if day < end or start == day) > 1
