"""How the sessions of a stay or an episode were given: in person, by telehealth, or both."""

import pandas as pd

from iop_outcomes.vocabulary import Modality

BOTH = "both"


def modality_of_care(spans: pd.DataFrame, services: pd.DataFrame) -> pd.Series:
    """Tell it from the sessions on the days of each stay, segment or episode.

    Parameters
    ----------
    spans
        `person_id`, `start_day`, `end_day`, empty while open: stays, or what `build_episodes` made
        of them.
    services
        `person_id`, `day`, `modality`.

    Returns
    -------
    pd.Series
        `in person`, `telehealth` (alone) or `both`, in the order of `spans`; missing without a
        session, or where one that was not recorded could change the answer.

    Examples
    --------
    >>> stays = pd.DataFrame({"person_id": ["P", "P"], "start_day": [0, 60], "end_day": [30, None]})
    >>> services = pd.DataFrame({
    ...     "person_id": "P", "day": [1, 2, 61],
    ...     "modality": ["telehealth", "in person", "telehealth"],
    ... })
    >>> modality_of_care(stays, services).tolist()
    ['both', 'telehealth']
    """
    numbered = spans[["person_id", "start_day", "end_day"]].assign(span=range(len(spans)))
    pairs = numbered.merge(services[["person_id", "day", "modality"]], on="person_id")
    end = pairs["end_day"].astype("Int64")
    inside = (pairs["day"] >= pairs["start_day"]) & (
        end.isna() | (pairs["day"] <= end).fillna(True)
    )
    given = pairs.loc[inside.astype(bool), ["span", "modality"]]
    flags = given[["span"]].assign(
        here=given["modality"].eq(str(Modality.IN_PERSON)),
        remote=given["modality"].eq(str(Modality.TELEHEALTH)),
        unsaid=given["modality"].isna(),
    )
    told = flags.groupby("span").any().reindex(range(len(spans)), fill_value=False)
    answer = pd.Series(None, index=told.index, dtype="str")
    answer = answer.mask(told["here"] & ~told["remote"] & ~told["unsaid"], str(Modality.IN_PERSON))
    answer = answer.mask(told["remote"] & ~told["here"] & ~told["unsaid"], str(Modality.TELEHEALTH))
    return answer.mask(told["here"] & told["remote"], BOTH).set_axis(spans.index).rename("modality")
