"""The design as a picture: every window at its days, readable without colour and without sight."""

from itertools import pairwise

import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from iop_outcomes.protocol.parsing import parse_draft, read_protocol, read_section
from iop_outcomes.report.design_diagram import (
    STYLES,
    Window,
    design_diagram,
    design_in_words,
    windows,
)
from iop_outcomes.report.drawing import svg


@pytest.fixture(scope="module")
def other(root):
    """The built-in study with some sections replaced."""

    def of(**sections):
        section = {**read_section(root / "params.yaml", "protocol"), **sections}
        return parse_draft(section, "protocol")

    return of


def texts(figure):
    return " ".join(
        " ".join(text.get_text().split())
        for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))
    )


def test_the_windows_lie_at_the_days_of_the_protocol(protocol):
    assert [(window.style, window.first_day, window.last_day) for window in windows(protocol)] == [
        ("look back", -60, -1),
        ("baseline", -14, 0),
        ("time zero", 0, 0),
        ("follow-up", 1, 180),
        ("follow-up", 1, 90),
    ]


def test_a_study_without_washout_or_scores_draws_neither(root):
    example = read_protocol(root / "src/iop_outcomes/protocol/examples/uis.yaml")
    assert [window.style for window in windows(example)] == ["time zero", "follow-up", "follow-up"]


def test_an_outcome_read_at_exit_has_no_last_day(other):
    outcome = {"definition": "completed", "events": ["completed"], "horizon_days": None}
    protocol = other(
        outcomes={"completion": outcome}, noninferiority={}, intercurrent_events={}, missing_data={}
    )
    window = windows(protocol)[-1]
    assert (window.days, window.ends) == ("days [0, exit]", "read at exit from the index stay")
    assert design_diagram(protocol)


def test_the_words_say_everything_that_is_drawn(protocol):
    said = design_in_words(protocol)
    drawn = texts(design_diagram(protocol))
    for window in windows(protocol):
        assert window.days in said
        assert window.days in drawn
        assert window.ends in said
        assert window.ends in drawn
        assert window.label in said or window.label.capitalize() in said
    assert "start of the index stay" in said
    assert "start of the index stay" in drawn


def test_every_bar_ends_where_its_days_do(protocol):
    """Days are spaced by their square root; a day reaches to its neighbour nearer to 0."""
    figure = design_diagram(protocol)
    bars = [bar for bar in figure.axes[0].findobj(Rectangle) if bar is not figure.axes[0].patch]
    edges = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars]
    assert edges[0] == pytest.approx((-(60**0.5), 0))
    assert edges[1] == pytest.approx((-(14**0.5), 0))
    assert edges[3] == pytest.approx((0, 180**0.5))
    assert edges[4] == pytest.approx((0, 90**0.5))


def test_it_is_drawn_in_greys_and_every_kind_of_window_looks_different():
    looks = set()
    for style in STYLES.values():
        red, green, blue = to_rgb(style["facecolor"])
        assert red == green == blue
        looks.add((style["facecolor"], style.get("hatch")))
    assert len(looks) == len(STYLES)


def test_it_is_the_same_bytes_twice(protocol):
    assert svg(design_diagram(protocol), "design") == svg(design_diagram(protocol), "design")


def test_days_are_written_with_true_minus_signs():
    assert Window("x", -180, -1, "look back").days == "days [−180, −1]"


@pytest.mark.parametrize(("washout", "horizon"), [(60, 365), (365, 14), (0, 1), (1000, 2000)])
def test_long_names_many_outcomes_and_any_days_stay_on_the_page(other, washout, horizon):
    outcome = {
        "definition": "as an example",
        "events": ["return to use"],
        "competing": ["death", "incarcerated", "emergency visit", "overdose"],
        "horizon_days": horizon,
    }
    arms = {
        "intervention": ["intensive outpatient"], "comparator": ["outpatient"],
        "intervention_name": "a very long name of a programme that goes on and on",
        "comparator_name": "another name that is hardly shorter than the first one was",
    }  # fmt: skip
    protocol = other(
        eligibility={"minimum_age_years": 18, "washout_days": washout},
        strategies=arms,
        outcomes={f"an_outcome_with_a_long_name_{n}": outcome for n in range(6)},
        noninferiority={}, intercurrent_events={}, missing_data={},
    )  # fmt: skip
    figure = design_diagram(protocol)
    figure.draw_without_rendering()
    page = figure.bbox
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert box.x0 >= page.x0
        assert box.x1 <= page.x1


@pytest.mark.parametrize(("washout", "horizon"), [(60, 180), (365, 14), (15, 16), (0, 1)])
def test_days_on_the_axis_do_not_touch(other, washout, horizon):
    outcome = {"definition": "an example", "events": ["return to use"], "horizon_days": horizon}
    protocol = other(
        eligibility={"minimum_age_years": 18, "washout_days": washout},
        outcomes={"relapse": outcome}, noninferiority={}, intercurrent_events={}, missing_data={},
    )  # fmt: skip
    figure = design_diagram(protocol)
    figure.draw_without_rendering()
    labels = sorted(
        (label.get_window_extent() for label in figure.axes[0].get_xticklabels()),
        key=lambda box: box.x0,
    )
    assert all(left.x1 < right.x0 for left, right in pairwise(labels))
