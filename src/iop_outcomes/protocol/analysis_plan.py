"""How the arms are made comparable and what is estimated: choices of computation.

None of them changes the question; each is printed with the numbers it made.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.censoring_plan import CensoringPlan
from iop_outcomes.protocol.standard_errors import StandardErrors
from iop_outcomes.protocol.survival_plan import Bands, HazardPlan, RiskInterval
from iop_outcomes.protocol.time_plans import LengthsInBands, Name, RecurrentEvents, StatesPlan
from iop_outcomes.protocol.values import STRICT, Share


class PropensityModel(StrEnum):
    """How the probability of entering the intervention is estimated."""

    LOGISTIC = "logistic"  # maximum likelihood
    RIDGE = "ridge"  # logistic with a penalty on squared coefficients
    LASSO = "lasso"  # logistic with a penalty on absolute coefficients
    BOOSTED_TREES = "boosted trees"  # cross-fitted


class Weighting(StrEnum):
    """What makes the arms alike."""

    INVERSE_PROBABILITY = "inverse probability"
    ENTROPY_BALANCING = "entropy balancing"
    NEAREST_NEIGHBOURS = "nearest neighbours"
    SUBCLASSES = "subclasses"


class Estimator(StrEnum):
    """Estimators of the risks of both arms, besides the weighted one."""

    G_COMPUTATION = "g-computation"
    AIPW = "aipw"
    TMLE = "tmle"


class ClusterTerms(StrEnum):
    """What the propensity model knows of the clusters, so that people are compared within them."""

    NONE = "none"
    FIXED_EFFECTS = "fixed effects"  # an intercept for each cluster
    MEANS = "means"  # cluster means of the covariates beside them (Mundlak)
    WITHIN = "within"  # fixed effects, and both arms weigh as much in every cluster


@dataclass(frozen=True, kw_only=True, config=STRICT)
class PropensityPlan:
    """The propensity model.

    Attributes
    ----------
    model
        `logistic` by maximum likelihood unless there are too many covariates for it.
    penalty
        Strength of a ridge or lasso penalty; None: chosen by cross-validation.
    folds
        For cross-validation and cross-fitting.
    seed
        Of whatever is drawn at random.
    clusters
        What the model knows of the `cluster` of the analysis; nothing unless told.
    """

    model: PropensityModel = PropensityModel.LOGISTIC
    penalty: Annotated[float, Field(gt=0)] | None = None
    folds: Annotated[int, Field(ge=2)] = 5
    seed: int = 1
    clusters: ClusterTerms = ClusterTerms.NONE

    @model_validator(mode="after")
    def _penalty_belongs(self) -> Self:
        penalised = self.model in (PropensityModel.RIDGE, PropensityModel.LASSO)
        if self.penalty is not None and not penalised:
            raise ValueError(f"`penalty` does not belong to `model: {self.model}`; leave it out")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MatchingPlan:
    """Nearest neighbours on the logit of the propensity score.

    Attributes
    ----------
    ratio
        Neighbours for each person matched.
    caliper
        Largest distance, in standard deviations of the logit in the whole sample; None: any.
    replacement
        Whether one person may stand beside several.
    exact
        Covariates that neighbours must share.
    """

    ratio: Annotated[int, Field(ge=1)] = 1
    caliper: Annotated[float, Field(gt=0)] | None = 0.2
    replacement: bool = False
    exact: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class WeightLimits:
    """Three different acts against large weights; none by default.

    Attributes
    ----------
    trim
        Leave out people whose propensity is below this share or above one less it: another
        population.
    truncate
        No weight above this number.
    winsorize
        No weight above this quantile of the weights, of both arms together; for ATT and ATC of
        those of the arm that is weighted.
    """

    trim: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    truncate: Annotated[float, Field(gt=0)] | None = None
    winsorize: Annotated[float, Field(gt=0.5, lt=1)] | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if self.truncate is not None and self.winsorize is not None:
            raise ValueError("`truncate` and `winsorize` both limit large weights; choose one")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Seal:
    """What the weighting has to show before an estimate may be seen.

    Attributes
    ----------
    largest_smd
        Largest standardised mean difference after weighting of any covariate.
    smallest_effective_share
        Smallest effective number of people of an arm, as a share of its people.
    smallest_equipoise
        Smallest share of people with a preference score between 0.3 and 0.7.
    broken_because
        Why the estimates may be seen although the seal does not hold; it is printed with them.
    """

    largest_smd: Annotated[float, Field(gt=0)] | None = 0.1
    smallest_effective_share: Share | None = None
    smallest_equipoise: Share | None = None
    broken_because: Annotated[str, Field(min_length=10)] | None = None


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AnalysisPlan:
    """Choices of computation; none of them changes the question.

    Attributes
    ----------
    covariates
        Terms of the propensity model, in Formulaic's language: a name, `C(site)`,
        `bs(age_years, df=4)`, `age_years:sex`.
    cluster
        Column of the cohort within which people are alike (facility, state); None if persons are
        independent.
    confidence_level
        Of every interval.
    standard_errors
        What these know of the weights, and what is done within clusters.
    propensity
        The propensity model.
    weighting
        What makes the arms alike.
    matching
        For `weighting: nearest neighbours`.
    subclasses
        For `weighting: subclasses`: how many, on quantiles of the propensity score.
    limits
        What is done against large weights.
    outcome_model
        Terms of the outcome models of the estimators beside; the `covariates` if left out.
    estimators
        Estimators shown beside the weighted one.
    censoring
        How people are weighted for follow-up that ends early and outcomes that are not known; None:
        not at all, which takes both as independent of the outcome within an arm.
    subgroups
        Covariates within whose levels the effect is told too.
    risk_groups
        In how many groups of like predicted risk under the comparator the effect is told too;
        None: in none.
    effect_modifiers
        Covariates with which the effect is told to change, together in one line (best linear
        projection).
    seal
        What the weighting has to show before any estimate is made; None: nothing.
    lengths_in_bands
        Risks of leaving the index stay where its length is known in bands of days; None: not told.
    recurrent_events
        A name for each thing that is counted each time it happens, then what it means.
    states
        Days in each kind of care, in the community, after a return to use; None: not told.
    risk_interval
        Scale on which intervals of risks are made.
    bands
        Whether the interval around a curve holds each day by itself or all days at once.
    hazards
        Hazard ratios shown beside the risks; None: none.
    """

    covariates: Annotated[tuple[str, ...], Field(min_length=1)]
    cluster: str | None = None
    confidence_level: Share = 0.95
    standard_errors: StandardErrors = Field(default_factory=StandardErrors)
    propensity: PropensityPlan = Field(default_factory=PropensityPlan)
    weighting: Weighting = Weighting.INVERSE_PROBABILITY
    matching: MatchingPlan | None = None
    subclasses: Annotated[int, Field(ge=2)] | None = None
    limits: WeightLimits = Field(default_factory=WeightLimits)
    outcome_model: tuple[str, ...] = ()
    estimators: tuple[Estimator, ...] = ()
    censoring: CensoringPlan | None = None
    subgroups: tuple[str, ...] = ()
    risk_groups: Annotated[int, Field(ge=2, le=10)] | None = None
    effect_modifiers: tuple[str, ...] = ()
    seal: Seal | None = None
    lengths_in_bands: LengthsInBands | None = None
    recurrent_events: dict[Name, RecurrentEvents] = Field(default_factory=dict)
    states: StatesPlan | None = None
    risk_interval: RiskInterval = RiskInterval.LOG_LOG
    bands: Bands = Bands.POINTWISE
    hazards: HazardPlan | None = None

    @model_validator(mode="after")
    def _keys_of_its_weighting(self) -> Self:
        for name, given, kind in (
            ("matching", self.matching is not None, Weighting.NEAREST_NEIGHBOURS),
            ("subclasses", self.subclasses is not None, Weighting.SUBCLASSES),
        ):
            if given and self.weighting is not kind:
                raise ValueError(
                    f"`{name}` belongs to `weighting: {kind}`, and it is `{self.weighting}`"
                )
        return self

    @model_validator(mode="after")
    def _terms_of_a_cluster(self) -> Self:
        terms = self.propensity.clusters
        if terms is not ClusterTerms.NONE and self.cluster is None:
            raise ValueError(
                f"`propensity.clusters: {terms}` needs to know the clusters; name their column in "
                f"`cluster`, or write `clusters: {ClusterTerms.NONE}`"
            )
        return self
