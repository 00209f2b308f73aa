"""Which score of a person counts, and what is said where there is none."""

import pandas as pd
import pytest

from iop_outcomes.cohort.scored_outcomes import scores_told
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.outcomes import Outcome
from iop_outcomes.protocol.scores import Score


def asked(**score) -> list[Outcome]:
    """An outcome that is the PHQ-9 from day 150 to day 210."""
    score = Score(**{"instrument": "phq9", "days": (150, 210), **score})
    return [Outcome(name="depression", definition="PHQ-9", horizon_days=None, score=score)]


def taken(drawn: str) -> pd.DataFrame:
    """Scores as `day score`, of one person; time zero is day 1000 of their clock."""
    rows = [line.split() for line in drawn.strip().splitlines()]
    return pd.DataFrame(
        {
            "person_id": "P",
            "day": [1000 + int(day) for day, _ in rows],
            "instrument": "phq9",
            "score": [float(score) for _, score in rows],
        }
    )


PEOPLE = pd.DataFrame({"person_id": ["P", "Q"], "index_day": [1000, 0]})


@pytest.mark.parametrize(
    ("take", "drawn", "score", "day"),
    [
        ("nearest", "150 1\n 179 2\n 210 3", 2, 179),
        ("first", "150 1\n 179 2\n 210 3", 1, 150),
        ("last", "150 1\n 179 2\n 210 3", 3, 210),
        ("nearest", "182 9\n 178 5", 5, 178),  # as near: the earlier
        ("nearest", "181 4\n 181 6", 6, 181),  # on one day: the last in the table
        ("first", "181 4\n 181 6", 6, 181),
        ("last", "149 1\n 150 2\n 211 3", 2, 150),  # both ends count, nothing beyond them
        ("nearest", "0 20\n 160 0", 0, 160),  # a score of 0 is a score
    ],
)
def test_the_score_that_counts_is_the_one_the_protocol_takes(take, drawn, score, day):
    told = scores_told(PEOPLE, taken(drawn), asked(take=take)).set_index("person_id")
    assert told.loc["P", ["score", "days"]].tolist() == [score, day]


def test_who_has_no_score_in_the_window_is_kept_and_not_known():
    told = scores_told(PEOPLE, taken("160 7"), asked()).set_index("person_id")
    assert told.loc["Q", ["score", "days", "source_row"]].isna().all()
    assert told.loc["P", "source_row"] == 0
    assert told["outcome"].tolist() == ["depression", "depression"]


def test_scores_of_another_instrument_and_of_other_people_do_not_count():
    scores = pd.concat(
        [
            taken("180 3").assign(instrument="gad7"),
            taken("170 5"),
            taken("180 9").assign(person_id="S"),
        ],
        ignore_index=True,
    )
    told = scores_told(PEOPLE, scores, asked()).set_index("person_id")
    assert told["score"].dropna().to_dict() == {"P": 5.0}
    assert told.loc["P", "source_row"] == 1


def test_the_order_of_the_people_is_kept_and_that_of_the_days_does_not_matter():
    scores = taken("210 3\n 150 1\n 179 2")
    told = scores_told(PEOPLE[::-1], scores, asked())
    assert told["person_id"].tolist() == ["Q", "P"]
    assert told["score"].tolist()[1] == 2.0


@pytest.mark.parametrize(
    ("scores", "score", "said"),
    [
        ("180 3", {"instrument": "ces_d"}, r"hold no score of `ces_d`; they hold \['phq9'\]"),
        ("20 3", {}, "nobody compared has a score of `phq9` from day 150 to day 210; move the"),
        ("180 30", {"range": (0, 27)}, r"1 score\(s\) of `phq9` lie outside its range of 0 to 27"),
    ],
)
def test_records_that_cannot_tell_it_are_refused_in_words(scores, score, said):
    with pytest.raises(CohortError, match=rf"^protocol.outcomes.depression.score: .*{said}"):
        scores_told(PEOPLE, taken(scores), asked(**score))


def test_a_score_outside_the_window_is_not_held_to_the_range():
    told = scores_told(PEOPLE, taken("20 99\n 180 9"), asked(range=(0, 27)))
    assert told["score"].tolist()[0] == 9.0
