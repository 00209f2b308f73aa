"""The figures: what they draw, and that they are the same bytes wherever they are drawn."""

import re
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from iop_outcomes.report.disclosure import release
from iop_outcomes.report.document import numbers_at_risk, truth_of_outcomes
from iop_outcomes.report.drawing import COLOUR, svg, wrapped
from iop_outcomes.report.figures import (
    balance_rows,
    cumulative_incidence_plot,
    flow_diagram,
    forest_plot,
    love_plot,
    propensity_overlap_plot,
)
from iop_outcomes.vocabulary import Arm

NAMES = {"intervention": "day care", "comparator": "the ward", "phq9": "PHQ-9 score"}
FIGURES = {
    "flow": lambda r: flow_diagram(r["attrition"], NAMES),
    "love": lambda r: love_plot(r["balance"], NAMES),
    "overlap": lambda r: propensity_overlap_plot(r["propensity"], NAMES),
    "incidence": lambda r: cumulative_incidence_plot(
        r["curves"], r["at_risk"], "relapse", 180, NAMES
    ),
    "forest": lambda r: forest_plot(
        r["estimates"], r["robustness"], {"relapse": 0.1, "discontinuation": 0.1}, None, NAMES
    ),
}
each_figure = pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text"))]


# ---------------------------------------------------------------- every figure


@each_figure
def test_a_figure_is_returned_and_none_is_kept(draw, released):
    import matplotlib.pyplot as plt

    assert isinstance(draw(released), Figure)
    assert not plt.get_fignums()


@each_figure
def test_a_figure_drawn_twice_is_the_same_bytes(draw, released):
    assert svg(draw(released), "name") == svg(draw(released), "name")


@each_figure
def test_a_figure_written_twice_is_the_same_bytes(draw, released):
    figure = draw(released)
    assert svg(figure, "name") == svg(figure, "name")


@each_figure
def test_a_figure_tells_neither_when_nor_where_it_was_drawn(draw, released, root):
    text = svg(draw(released), "name")
    assert "<dc:date>" not in text
    assert not re.search(r"\b20\d\d-\d\d-\d\d", text)
    assert str(root) not in text
    assert f"{Path.home()}/" not in text


@each_figure
def test_a_figure_keeps_its_words_as_words(draw, released):
    text = svg(draw(released), "name")
    assert "<text" in text
    assert "<image" not in text


@each_figure
def test_a_figure_names_the_arms_as_the_protocol_does(draw, released):
    shown = " ".join(texts(draw(released))).lower()
    if "standardised" not in shown:  # the love plot has no arms
        assert "day care" in shown
        assert "the ward" in shown or "probability of entering" in shown


def test_two_figures_of_one_page_share_no_name_inside(released):
    one, other = (svg(FIGURES["overlap"](released), name) for name in ("one", "other"))

    def called(text):
        return set(re.findall(r'(?:xlink:href="#|url\(#)([^")]+)', text))

    assert called(one) and not called(one) & called(other)


def test_lines_are_broken_between_words():
    assert wrapped("as long as it is", 6) == "as\nlong\nas it\nis"
    assert wrapped("unbreakable", 4) == "unbreakable"


# ---------------------------------------------------------------- units and colours


@pytest.mark.parametrize(
    "name, x, y",
    [
        ("incidence", "Days since admission", "Probability of relapse"),
        ("overlap", "Probability of entering day care", "Density"),
        ("love", "Standardised mean difference (pooled SD before weighting)", ""),
    ],
)
def test_axes_say_what_they_measure_and_in_what(released, name, x, y):
    axes = FIGURES[name](released).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == (x, y)


def test_risks_are_drawn_in_per_cent(released):
    figure = FIGURES["incidence"](released)
    figure.draw_without_rendering()
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert all(re.fullmatch(r"\d+%", label) for label in labels)


def test_risk_differences_are_drawn_in_percentage_points_with_true_minus_signs(released):
    figure = FIGURES["forest"](released)
    assert figure.get_supxlabel() == "Risk difference, percentage points (day care minus the ward)"
    figure.draw_without_rendering()
    labels = [label.get_text() for axes in figure.axes for label in axes.get_xticklabels()]
    assert any(label.startswith("−") for label in labels)
    assert not any("-" in label for label in labels)


def test_the_arms_have_their_colours_everywhere(released):
    incidence, overlap = FIGURES["incidence"](released), FIGURES["overlap"](released)
    lines = {line.get_label(): to_hex(line.get_color()) for line in incidence.axes[0].lines}
    fills = {
        patch.get_label(): to_hex(patch.get_facecolor())
        for patch in overlap.axes[0].patches
        if patch.get_label() in NAMES.values()
    }
    headings = {
        text.get_text(): to_hex(text.get_color())
        for text in FIGURES["flow"](released).axes[0].texts
        if text.get_text() in ("Day care", "The ward")
    }
    colours = [COLOUR[arm].lower() for arm in Arm]
    assert lines == fills == dict(zip(("day care", "the ward"), colours, strict=True))
    assert headings == dict(zip(("Day care", "The ward"), colours, strict=True))


def test_the_arms_differ_without_colour_too(released):
    styles = [line.get_linestyle() for line in FIGURES["incidence"](released).axes[0].lines]
    assert len(set(styles)) == 2


# ---------------------------------------------------------------- what each draws


def test_the_flow_shows_what_was_released_and_a_dash_where_it_was_not(drawn):
    table = drawn("""
        criterion | arm          | remaining | excluded
        admitted  | intervention | 5         | 0
        admitted  | comparator   | 1200      | 0
    """)
    shown = texts(flow_diagram(release(table), NAMES))
    assert {"n = –", "n = 1\u202f200", "admitted"} <= set(shown)


def test_a_covariate_with_very_many_levels_is_drawn_as_its_worst(released):
    rows = balance_rows(released["balance"], NAMES).set_index("covariate")
    assert rows.loc["facility_id", "label"] == "facility id (largest of 40)"
    all_levels = released["balance"].table.query("covariate == 'facility_id'")
    assert rows.loc["facility_id", "smd_before"] == all_levels["smd_before"].abs().max()
    assert rows.loc["prior_treatment", "label"] == "prior treatment"
    assert rows.loc["phq9", "label"] == "PHQ-9 score"
    assert set(rows.loc["sex", "label"]) == {"sex: female", "sex: male"}


def test_the_love_plot_has_a_line_per_shown_row_and_none_per_hidden_one(drawn):
    table = drawn("""
        covariate | level  | people_intervention | people_comparator | value_intervention
        sex       | female | 60                  | 50                | 0.5
        sex       | male   | 60                  | 50                | 0.5
        substance | opioid | 4                   | 50                | 0.03
        substance | other  | 116                 | 50                | 0.97
    """).assign(value_comparator=0.5, smd_before=0.2, smd_after=0.0)
    table = table.assign(weighted_value_intervention=0.5, weighted_value_comparator=0.5)
    labels = [tick.get_text() for tick in love_plot(release(table)).axes[0].get_yticklabels()]
    assert sorted(labels) == ["sex: female", "sex: male"]
    hidden = table[table["covariate"] == "substance"]
    assert isinstance(love_plot(release(hidden)), Figure)


def test_the_curves_are_drawn_through_the_released_points_and_no_others(released):
    axes = FIGURES["incidence"](released).axes[0]
    table = released["curves"].table
    table = table[(table["outcome"] == "relapse") & (table["method"] == "iptw")]
    for arm, line in zip(Arm, axes.lines, strict=True):
        points = table[table["arm"] == str(arm)]
        assert list(line.get_xdata()) == points["day"].tolist()
        assert list(line.get_ydata()) == points["risk"].tolist()
    assert axes.get_xlim() == (0, 180)


def test_the_numbers_at_risk_stand_below_their_days(released):
    figure = FIGURES["incidence"](released)
    ticks = figure.axes[0].get_xticks().tolist()
    assert ticks == [0, 30, 60, 90, 120, 150, 180]
    at_risk = released["at_risk"].table.query("outcome == 'relapse'")["at_risk"]
    below = texts(figure.axes[1])
    assert all(f"{people:,}".replace(",", "\u202f") in below for people in at_risk.dropna())


# ---------------------------------------------------------------- the forest


def test_the_forest_has_a_row_per_analysis_in_the_order_of_the_protocol(released):
    axes = FIGURES["forest"](released).axes[0]
    labels = [label.get_text().replace("\n", " ") for label in axes.get_yticklabels()]
    assert labels == [
        "Unadjusted",
        "As planned (ATO)",
        "Everyone eligible, not only the overlap",
        "Relapse read at day 90",
    ]


def test_the_forest_has_a_panel_per_outcome_with_its_margin(released):
    figure = FIGURES["forest"](released)
    assert [axes.get_title() for axes in figure.axes] == ["Relapse", "Discontinuation"]
    for axes in figure.axes:
        dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
        assert [line.get_xdata()[0] for line in dotted] == [pytest.approx(10)]


def test_the_cross_of_the_planted_truth_stands_in_the_planned_row_alone(
    released, findings, protocol
):
    truth = release(truth_of_outcomes(findings.truth, protocol))
    axes = forest_plot(released["estimates"], released["robustness"], {}, truth).axes[0]
    (cross,) = [line for line in axes.lines if line.get_marker() == "x"]
    known = truth.table.query(
        "outcome == 'relapse' and estimand == 'ATO' and measure == 'risk_difference'"
    )
    assert cross.get_xdata().tolist() == pytest.approx((100 * known["truth"]).tolist())
    assert cross.get_ydata().tolist() == [-1]


def test_a_margin_of_the_second_outcome_alone_stands_in_the_legend_too(released):
    figure = forest_plot(released["estimates"], margins={"discontinuation": 0.1})
    legend = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert "margin" in legend


def test_an_alternative_with_another_outcome_moves_no_label(released):
    """Labels of all panels stand at the left; a panel with one row must not rename the rows."""
    table = released["robustness"].table
    extra = table[table["outcome"] == "relapse"].assign(outcome="overdose", alternative="more")
    more = pd.concat([table, extra.drop_duplicates(["method", "measure"])], ignore_index=True)
    alternatives = release(more.assign(smallest_cell=50, fewest_missing=0))
    figure = forest_plot(released["estimates"], alternatives)
    figure.draw_without_rendering()
    relapse = figure.axes[0]
    labels = {
        label.get_position()[1]: label.get_text().replace("\n", " ")
        for label in relapse.get_yticklabels()
    }
    marks = {line.get_ydata()[0] for line in relapse.lines if line.get_marker() in ("o", "D")}
    assert labels[0] == "Unadjusted"
    assert labels[-1] == "As planned (ATO)"
    assert marks <= set(labels)


# ---------------------------------------------------------------- other studies


@pytest.fixture(scope="module")
def plain(findings_of):
    """A study of one outcome, without clusters, margins, alternatives or a known truth."""
    return findings_of("""
        people | arm          | days | status
        60     | intervention | 20   | event
        40     | intervention | 50   | event
        100    | intervention | 200  | censored
        70     | comparator   | 20   | event
        100    | comparator   | 200  | censored
    """)


def test_a_plain_study_has_the_same_figures(plain):
    findings, protocol = plain
    comparison = findings.comparison
    at_risk = numbers_at_risk(comparison, protocol)
    figures = [
        flow_diagram(release(findings.attrition)),
        love_plot(release(findings.balance)),
        propensity_overlap_plot(release(findings.propensity)),
        cumulative_incidence_plot(release(comparison.curves), release(at_risk), "relapse", 90),
        forest_plot(release(comparison.estimates)),
        forest_plot(release(comparison.estimates), release(findings.robustness.estimates)),
    ]
    for number, figure in enumerate(figures):
        assert svg(figure, f"figure {number}").count("</svg>") == 1


def test_a_forest_of_hidden_estimates_keeps_its_rows_and_marks_nothing(findings_of):
    findings, _ = findings_of("""
        people | arm          | days | status
        5      | intervention | 20   | event
        100    | intervention | 200  | censored
        70     | comparator   | 20   | event
        100    | comparator   | 200  | censored
    """)
    figure = forest_plot(release(findings.comparison.estimates))
    axes = figure.axes[0]
    assert len(axes.get_yticklabels()) == 2
    assert svg(figure, "forest")
    marks = [line for line in axes.lines if line.get_marker() in ("o", "D")]
    assert all(pd.isna(line.get_xdata()).all() for line in marks)
