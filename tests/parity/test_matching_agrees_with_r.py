"""Matching, subclassification and their effects: against R.

Two sources. tests/parity/scripts/matching.R made pairs with Matching 4.10-8 (`Match(replace, ties =
FALSE, caliper, M, Var.calc)`), weights and subclasses with MatchIt 4.5.1 and clustered errors with
sandwich 3.0-2, on 240 simulated people. The shared reference results hold MatchIt 4.7.1 on UIS
(`matchit(method = "nearest", distance = "glm", link = "linear.logit")`, and `method = "subclass",
min.n = 1`), where the pairs of every variant must be the same.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.statistics.clusters.cluster_robust import ClusterCorrection
from iop_outcomes.statistics.matching.abadie_imbens import abadie_imbens_error
from iop_outcomes.statistics.matching.matched_effects import (
    Contrast,
    cluster_robust_error,
    matched_contrast,
    matched_means,
    weighted_means,
)
from iop_outcomes.statistics.matching.matching_sample import (
    Caliper,
    DistanceScale,
    matching_distance,
)
from iop_outcomes.statistics.matching.nearest_neighbour import (
    MatchingOrder,
    nearest_neighbour_matching,
)
from iop_outcomes.statistics.matching.subclassification import (
    stratified_difference,
    subclassification,
)
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import effective_sample_size
from iop_outcomes.vocabulary import Estimand

HERE = Path(__file__).parent
CORRECTION = {"HC0": ClusterCorrection.CR0, "HC1": ClusterCorrection.CR1S}
LINKS = {
    "difference": Contrast.DIFFERENCE,
    "log": Contrast.LOG_RATIO,
    "logit": Contrast.LOG_ODDS_RATIO,
}
SPECS = {
    "largest": {},
    "smallest": {"order": MatchingOrder.SMALLEST},
    "data": {"order": MatchingOrder.DATA},
    "caliper": {"caliper": Caliper(0.01)},
    "exact": {"stratum": "facility"},
    "replace": {"replacement": True},
    "replace3": {"replacement": True, "ratio": 3},
    "atc": {"replacement": True, "estimand": Estimand.ATC},
}


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return pd.read_csv(HERE / "data" / "matching.csv")


def expected(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / "expected" / f"matching_{name}.csv")


def match(people: pd.DataFrame, spec: str):
    options = dict(SPECS[spec])
    if "stratum" in options:
        options["stratum"] = people[options["stratum"]]
    return nearest_neighbour_matching(people["treated"], people["score"], **options)


def pairs(found) -> set[tuple[int, int]]:
    return set(zip(found.treated.tolist(), found.control.tolist(), strict=True))


@pytest.mark.parametrize("spec", SPECS)
def test_pairs_are_those_of_matching_and_weights_those_of_matchit(people, spec):
    table = expected("pairs").query("spec == @spec")
    rows = table[["focal", "donor"] if spec != "atc" else ["donor", "focal"]]
    found = match(people, spec)
    assert pairs(found) == set(rows.itertuples(index=False, name=None))
    assert found.weight == pytest.approx(expected("weights")[spec].to_numpy(), rel=1e-12)


def test_matchit_4_5_1_takes_no_neighbour_above(people):
    """`replace = TRUE` in the Debian build: the nearest at or below. Ours is often nearer."""
    theirs = expected("pairs").query("spec == 'matchit451'")
    score = people["score"].to_numpy()
    assert (score[theirs["donor"]] <= score[theirs["focal"]]).mean() > 0.98
    ours = match(people, "replace")
    apart = np.abs(score[theirs["focal"]] - score[theirs["donor"]])
    assert (ours.distance <= apart).all()
    assert (ours.distance < apart).mean() > 0.4


@pytest.mark.parametrize("spec", ["largest", "caliper", "replace", "replace3"])
def test_contrasts_and_their_clustered_errors_agree_with_sandwich(people, spec):
    """vcovCL(lm or glm, cluster = ~subclass, or ~subclass + person with replacement)."""
    found = match(people, spec)
    for row in expected("effects").query("spec == @spec").itertuples():
        link, correction = row.what.split()
        means = matched_means(people[row.outcome], people["treated"], found)
        contrast = matched_contrast(means, LINKS[link])
        assert contrast.estimate == pytest.approx(row.estimate, rel=1e-8)
        error = cluster_robust_error(contrast, CORRECTION[correction])
        assert error == pytest.approx(row.error, rel=1e-8)


def test_abadie_imbens_errors_agree_with_matching(people):
    """Match(M = k, Var.calc = j, Weight = 1): sample variance among a donor and j neighbours."""
    for row in expected("effects").query("what == 'Abadie-Imbens'").itertuples():
        _, estimand, k, j = row.spec.split("_")
        found = nearest_neighbour_matching(
            people["treated"], people["score"], Estimand(estimand), replacement=True,
            ratio=int(k[1:]),
        )  # fmt: skip
        outcome = people[row.outcome]
        means = matched_means(outcome, people["treated"], found)
        assert means.treated - means.control == pytest.approx(row.estimate, rel=1e-8)
        error = abadie_imbens_error(
            outcome, people["treated"], people["score"], found, neighbours=int(j[1:])
        )
        assert error == pytest.approx(row.error, rel=1e-8)


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC"])
@pytest.mark.parametrize("distance", ["score", "tied"])
def test_subclasses_and_their_weights_agree_with_matchit(people, distance, estimand):
    """MatchIt 4.5.1: matchit(method = "subclass", subclass = 5, min.n = 0)."""
    table = expected("weights")
    found = subclassification(people["treated"], people[distance], Estimand(estimand), 5)
    assert found.subclass.tolist() == table[f"number_{distance}_{estimand}"].to_list()
    weight = table[f"subclass_{distance}_{estimand}"].to_numpy()
    assert found.weight == pytest.approx(weight, rel=1e-12)


# --- UIS, MatchIt 4.7.1 ---------------------------------------------------------------------------

VARIANTS = {
    "nn_caliper": {},
    "nn_caliper_smallest": {"order": MatchingOrder.SMALLEST},
    "nn_caliper_data": {"order": MatchingOrder.DATA},
    "nn_caliper_closest": {"order": MatchingOrder.CLOSEST},
    "nn_nocaliper": {"caliper": None},
    "nn_caliper_replace": {"replacement": True},
    "nn_2to1_caliper": {"ratio": 2},
    "nn_caliper_exact": {"stratum": True},
}


class Uis:
    """One exposure of UIS: people, R's scores, and the reference rows of its case."""

    def __init__(self, shared: Path, name: str):
        case = {"treat": "a05f", "site": "a06f"}[name]
        results = shared / "reference" / "results"
        raw = pd.read_csv(shared / "reference" / "data" / "uis.csv")
        self.name, self.vectors = name, results / "vectors"
        self.rows = pd.read_csv(results / f"{case}_uis_{name}_matching.csv", dtype={"term": "str"})
        self.scores = pd.read_csv(self.vectors / f"uis_{name}_ps_weights.csv")
        self.treated = self.scores["t"].to_numpy(bool)
        self.other = "site" if name == "treat" else "treat"
        self.stratum = raw[self.other.upper()].to_numpy()
        early = {f"y{day}": (raw["TIME"] <= day) & (raw["CENSOR"] == 1) for day in (180, 365)}
        self.outcomes = {**early, "los": raw["LEN.T"]}

    def row(self, estimator: str, estimand: str, term: str | None = None) -> pd.Series:
        rows = self.rows[self.rows["estimator"].eq(estimator) & self.rows["estimand"].eq(estimand)]
        if term is not None:
            rows = rows[rows["term"].eq(term)]
        assert len(rows) == 1, (estimator, estimand, term)
        return rows.iloc[0]

    def label(self, variant: str) -> str:
        return variant + (f"_{self.other}" if variant == "nn_caliper_exact" else "")

    def match(self, variant: str):
        options = {"caliper": Caliper(0.2), **VARIANTS[variant]}
        if "stratum" in options:
            options["stratum"] = self.stratum
        return nearest_neighbour_matching(self.treated, self.scores["logit_ps"], **options)


@pytest.fixture(scope="module", params=["treat", "site"])
def uis(request, shared) -> Uis:
    return Uis(shared, request.param)


@pytest.mark.parametrize("variant", VARIANTS)
def test_uis_sets_and_weights_are_those_of_matchit(uis, variant):
    file = uis.vectors / f"uis_{uis.name}_{uis.label(variant)}.csv"
    table = pd.read_csv(file)
    row = pd.Series(np.arange(uis.treated.size), index=uis.scores["id"])
    table["row"] = row[table["id"]].to_numpy()
    by_set = table[table["t"] == 1].set_index("subclass")["row"]
    controls = table[table["t"] == 0]
    theirs = set(zip(by_set[controls["subclass"]].tolist(), controls["row"].tolist(), strict=True))
    found = uis.match(variant)
    assert pairs(found) == theirs
    if variant != "nn_caliper_replace":  # whose file holds the weight of a pair, not of a person
        assert found.weight[table["row"]] == pytest.approx(table["weight"].to_numpy(), rel=1e-10)
        assert (found.weight > 0).sum() == len(table)


def test_uis_sets_are_the_same_from_our_own_propensity(uis, shared):
    """From covariates to pairs; alike people must get the very same score, to tie as in R."""
    raw = pd.read_csv(shared / "reference" / "data" / "uis.csv")
    columns = [raw["AGE"], raw["BECK"], raw["NDT"], raw["IV"] == 2, raw["IV"] == 3, raw["RACE"]]
    design = np.column_stack([np.ones(len(raw)), *columns, uis.stratum]).astype(float)
    propensity = fit_propensity(uis.treated, design).probability
    own = matching_distance(propensity, DistanceScale.LOGIT)
    assert np.unique(own).size == np.unique(design, axis=0).shape[0]
    for options in ({}, {"order": MatchingOrder.CLOSEST}, {"replacement": True}, {"ratio": 2}):
        ours, theirs = (
            nearest_neighbour_matching(uis.treated, score, caliper=Caliper(0.2), **options)
            for score in (own, uis.scores["logit_ps"])
        )
        assert pairs(ours) == pairs(theirs)


@pytest.mark.parametrize("variant", VARIANTS)
def test_uis_counts_calipers_and_distances_agree_with_matchit(uis, variant):
    found, label = uis.match(variant), f"MatchIt {uis.label(variant)}"
    numbers = {
        "matched treated": np.unique(found.treated).size,
        "matched control": np.unique(found.control).size,
        "unmatched treated": found.unmatched_treated,
        "unmatched control": found.unmatched_control,
        "ESS control": effective_sample_size(found.weight[~uis.treated]),
    }
    if variant != "nn_nocaliper":
        numbers["caliper width on logit PS"] = found.caliper_width
        numbers["SD of logit PS (all units)"] = found.caliper_width / 0.2
    if variant not in ("nn_caliper_replace", "nn_2to1_caliper"):
        numbers["mean pair distance"] = found.distance.mean()
        numbers["max pair distance"] = found.distance.max()
        numbers["sum of pair distances"] = found.distance.sum()
    for estimand, number in numbers.items():
        assert number == pytest.approx(uis.row(label, estimand)["estimate"], rel=1e-9), estimand


@pytest.mark.parametrize("variant", VARIANTS)
def test_uis_effects_after_matching_agree_with_sandwich(uis, variant):
    """vcovCL(cluster = ~subclass), or ~subclass + unit with replacement, HC0 and HC1."""
    found = uis.match(variant)
    for outcome, values in uis.outcomes.items():
        label = f"MatchIt {uis.label(variant)}; outcome {outcome}"
        means = matched_means(values, uis.treated, found)
        contrast = matched_contrast(means, Contrast.DIFFERENCE)
        name = "difference" if outcome == "los" else "RD"
        for correction in ("HC0", "HC1"):
            row = uis.row(label, f"{name} [cluster {correction}]")
            assert contrast.estimate == pytest.approx(row["estimate"], rel=1e-8, abs=1e-12)
            error = cluster_robust_error(contrast, CORRECTION[correction])
            assert error == pytest.approx(row["std_error"], rel=1e-8)
        if variant in ("nn_caliper", "nn_nocaliper"):
            row = uis.row(label, f"{name} [paired]")
            error = cluster_robust_error(contrast, ClusterCorrection.CR1)
            assert error == pytest.approx(row["std_error"], rel=1e-8)
        for ratio, link in (("RR", "log"), ("OR", "logit")) if outcome != "los" else ():
            row = uis.row(label, f"log{ratio} [cluster HC0]")
            contrast = matched_contrast(means, LINKS[link])
            assert contrast.estimate == pytest.approx(row["estimate"], rel=1e-8)
            error = cluster_robust_error(contrast, ClusterCorrection.CR0)
            assert error == pytest.approx(row["std_error"], rel=1e-8)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_uis_subclasses_agree_with_matchit(uis, estimand):
    found = subclassification(uis.treated, uis.scores["ps"], Estimand(estimand), 5)
    label = f"MatchIt subclassification 5, {estimand}"
    for arm, counts in ((1, found.treated), (0, found.control)):
        for k, count in enumerate(counts, start=1):
            row = uis.row(label, "n", f"{uis.name}={arm};subclass={k}")
            assert count == row["estimate"]
        size = effective_sample_size(found.weight[uis.treated == arm])
        assert size == pytest.approx(
            uis.row(label, "ESS", f"{uis.name}={arm}")["estimate"], rel=1e-9
        )
    for k, cut in enumerate(found.cut_points, start=1):
        assert cut == pytest.approx(uis.row(label, "PS cut point", f"q{k}")["estimate"], rel=1e-9)


@pytest.mark.parametrize("estimand", ["ATT", "ATE"])
def test_uis_effects_over_subclasses_agree_with_r(uis, estimand):
    """Stratified: p(1 - p)/n of a risk, var/n (n - 1) of days. Weighted: vcovHC(lm, "HC0")."""
    found = subclassification(uis.treated, uis.scores["ps"], Estimand(estimand), 5)
    for outcome, values in uis.outcomes.items():
        label = f"MatchIt subclassification 5, {estimand}; outcome {outcome}"
        name = "difference" if outcome == "los" else "RD"
        stratified = stratified_difference(
            values, uis.treated, found.subclass, Estimand(estimand), unbiased=outcome == "los"
        )
        row = uis.row(label, f"{name} [stratified]")
        assert stratified.estimate == pytest.approx(row["estimate"], rel=1e-8)
        assert stratified.std_error == pytest.approx(row["std_error"], rel=1e-8)
        for k in range(5):
            row = uis.row(label, f"within-subclass {name}", f"subclass={k + 1}")
            assert stratified.within[k] == pytest.approx(row["estimate"], rel=1e-8, abs=1e-12)
            assert stratified.within_std_error[k] == pytest.approx(row["std_error"], rel=1e-8)
        persons = np.arange(uis.treated.size)  # everyone is their own cluster
        means = weighted_means(values, uis.treated, found.weight, persons)
        contrast = matched_contrast(means, Contrast.DIFFERENCE)
        row = uis.row(label, f"{name} [MMWS, HC0]")
        assert contrast.estimate == pytest.approx(row["estimate"], rel=1e-8)
        error = cluster_robust_error(contrast, ClusterCorrection.CR0)
        assert error == pytest.approx(row["std_error"], rel=1e-8)
