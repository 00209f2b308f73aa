"""The files of a new study beside its mapping: a protocol to finish, and its pipeline."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from string import Template

from iop_outcomes.vocabulary import LevelOfCare

IOP = str(LevelOfCare.INTENSIVE_OUTPATIENT)
COMPARED = {
    str(LevelOfCare.INPATIENT): "inpatient care",
    str(LevelOfCare.SHORT_TERM_RESIDENTIAL): "residential care",
    str(LevelOfCare.LONG_TERM_RESIDENTIAL): "residential care",
}
UNSEEN = "  # CHECK: no column of the export was found to say it"
CHECK = "# CHECK:"
WRITTEN = ("mapping.yaml", "params.yaml", "protocol.lock.yaml", "dvc.yaml", "data/.gitignore")
CHOOSE = "  # CHECK: fewer, if they admit other people"


@dataclass(frozen=True)
class Found:
    """What an export was found to hold, as far as a protocol has to know it.

    Attributes
    ----------
    levels
        Levels of care that many people entered.
    covariates
        Columns known at admission, age apart.
    ages, facilities, exit_days, exit_reasons, returns_to_use
        Whether the export says them.
    looks_back
        Whether it says from when on it is complete.
    """

    levels: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    ages: bool = False
    facilities: bool = False
    exit_days: bool = False
    exit_reasons: bool = False
    returns_to_use: bool = False
    looks_back: bool = False


HEADER = """\
# The protocol of this study, in the order of a methods section. `iop-outcomes init` wrote it: read
# it from top to bottom before anyone looks at an outcome. Lines marked CHECK depend on the export
# or on you; a "???" must be answered: until then nothing runs. `iop-outcomes check` says what is
# left.
"""
PROTOCOL = Template("""\

protocol:
  # CHECK: name the programmes and the years
  title: Intensive outpatient against $comparator_name
  question: >-
    Among adults who could have entered either, is starting intensive outpatient treatment
    non-inferior to starting $comparator_name$for_what?

  source:
    kind: site_export
    mapping: mapping.yaml       # columns and codes of the export

  eligibility:
    minimum_age_years: $minimum_age
    washout_days: $washout

  strategies:
    intervention: [intensive outpatient]$intervention_check
    comparator: [$comparator]$comparator_check
    intervention_name: intensive outpatient care
    comparator_name: $comparator_name

  time_zero:
    episode_gap_days: 7         # a step-down within a week continues the episode
    baseline_window_days: 14    # scores count as baseline so many days before admission

  outcomes:
$outcomes
  estimand: ATO                 # those who could have entered either level of care

  analysis:
    covariates:$covariates_check
$covariates
    cluster: $cluster
    confidence_level: 0.95

  noninferiority:               # an outcome left out here has no verdict; {} for none
$margins
  disclosure:
    smallest_count: 11          # counts of 1 to 10 people are not shown

  labels: $labels

# A robustness analysis is the same study with one line of the protocol changed.
robustness:
  everyone eligible, not only the overlap: {estimand: ATE}
  those who entered intensive outpatient care: {estimand: ATT}
  a month without treatment ends an episode: {time_zero: {episode_gap_days: 30}}
""")
RELAPSE = """\
    relapse:
      definition: first recorded return to use after the day of admission, wherever the person lives
      events: [return to use]
      competing: [death]
      horizon_days: 180
"""
DISCONTINUATION = """\
    discontinuation:$check
      definition: >-
        leaving the index stay by dropping out or by being terminated by the facility; retention is
        one minus its risk
      events: [dropped out, terminated by the facility]
      competing: [completed, transferred, incarcerated, death, other]
      horizon_days: $horizon
"""
MARGIN = """\
    $outcome:
      risk_difference: 0.10     # CHECK: the largest excess that is acceptable
      justification: "???"      # why this much and no more
      set_by: "???"             # who decided, and when, before an outcome was read
"""
PIPELINE = Template("""\
# One stage per station, as `dvc repro` runs them: in order, and only what a change touches. Only
# data/report has passed the disclosure gate; the rest stays on this machine and is never pushed.
# DVC does not watch the installed iop_outcomes: after an upgrade, run `dvc repro --force`.
stages:
  records:
    desc: Raw extracts to typed, validated tables.
    cmd: iop-outcomes records
    deps:
$raw
      - mapping.yaml
    params: [protocol.source]
    outs:
      - data/records: {push: false}

  cohort:
    desc: Records and protocol to the people compared.
    cmd: iop-outcomes cohort
    deps: [data/records]
    params:
      - protocol.eligibility
      - protocol.strategies
      - protocol.time_zero
      - protocol.outcomes
      - protocol.analysis
      - protocol.labels
    outs:
      - data/cohort: {push: false}

  weighting:
    desc: People to weights that balance the arms; sees no outcome.
    cmd: iop-outcomes weighting
    deps: [data/cohort/persons.parquet]
    params: [protocol.estimand, protocol.analysis]
    outs:
      - data/weighting: {push: false}

  comparison:
    desc: Cohort and weights to effects.
    cmd: iop-outcomes comparison
    deps: [data/cohort, data/weighting]
    params:
      - protocol.outcomes
      - protocol.estimand
      - protocol.analysis
      - protocol.noninferiority
    outs:
      - data/comparison: {push: false}

  robustness:
    desc: The comparison again, under each alternative protocol.
    cmd: iop-outcomes robustness
    deps: [data/records]
    params: [protocol, robustness]
    outs:
      - data/robustness: {push: false}

  report:
    desc: Effects to released tables, figures and the report.
    cmd: iop-outcomes report
    deps:
      - data/cohort/agreement.parquet
      - data/cohort/attrition.parquet
      - data/cohort/time_at_risk.parquet
      - data/weighting/balance.parquet
      - data/weighting/clusters.parquet
      - data/weighting/propensity.parquet
      - data/weighting/sample_size.parquet
      - data/weighting/seal.parquet
      - data/comparison
      - data/robustness
      - data/records/ledger.parquet
      - data/records/broken_rules.parquet
      - data/records/missingness.parquet
      - data/records/anonymity.parquet
      - data/records/provenance.parquet
      - data/records/truth.parquet
      - protocol.lock.yaml      # frozen or not, the report says so
      - mapping.yaml            # the report prints the protocol's hash, which covers it
    params: [protocol]
    outs:
      - data/report/report.html
      - data/report/figures
      - data/report/tables
      - data/report/summary.md: {cache: false}
    metrics:
      - data/report/metrics.json: {cache: false}
""")
KEPT_OUT_OF_GIT = """\
# Records of people, and everything made from them, stay out of git. Only what passed the
# disclosure gate and is small text comes in.
/*
!/.gitignore
!/raw
/raw/*
!/raw/*.dvc
!/report
/report/*
!/report/metrics.json
!/report/summary.md
"""


def protocol_text(found: Found) -> str:
    """The text of params.yaml: customary choices where the export allows them, and questions."""
    compared = [level for level in COMPARED if level in found.levels]
    names = dict.fromkeys(COMPARED[level] for level in compared or COMPARED if level in COMPARED)
    outcomes = ["relapse"] * found.returns_to_use + ["discontinuation"] * (
        found.exit_reasons or not found.returns_to_use
    )
    covariates = [*(["age_years"] if found.ages else []), *found.covariates]
    whats = {"relapse": "relapse", "discontinuation": "staying in treatment"}
    return HEADER + PROTOCOL.substitute(
        comparator_name=" and ".join(names).replace(" care and", " and"),
        for_what=" for " + " and for ".join(whats[name] for name in outcomes),
        minimum_age="18" if found.ages else f"0{UNSEEN}",
        washout="60            # new users: no treatment in the 60 days before admission"
        if found.looks_back
        else f"0{UNSEEN}, so earlier treatment cannot be ruled out",
        intervention_check="" if IOP in found.levels else UNSEEN,
        comparator=", ".join(compared or COMPARED),
        comparator_check=CHOOSE if compared else UNSEEN,
        outcomes="".join(_outcome(name, found) for name in outcomes),
        covariates_check="  # CHECK: all that decides who enters which level of care",
        covariates="\n".join(f"      - {name}" for name in covariates or ['"???"']),
        cluster="facility_id" if found.facilities else f"null{UNSEEN}",
        margins="".join(MARGIN.replace("$outcome", name) for name in outcomes),
        labels='{age_years: "age, years"}' if found.ages else "{}",
    )


def pipeline_text(raw: Iterable[str]) -> str:
    """The text of dvc.yaml, for raw files at these paths."""
    return PIPELINE.substitute(raw="\n".join(f"      - {json.dumps(path)}" for path in raw))


def next_steps(folder: Path, raw: Path) -> str:
    """What was written, and what to do now."""
    here = folder == Path()
    then = "" if here else f"cd {folder}; "
    return (
        f"Copied into {raw}, where DVC and git keep records of people apart: the files of the "
        "export, unchanged.\n"
        f"Written: {', '.join(str(folder / name) for name in WRITTEN)}.\n"
        "Now answer each ??? and read each line marked CHECK, in mapping.yaml and params.yaml. "
        f"Then:\n  {then}iop-outcomes check\n  git init && dvc init && dvc repro"
    )


def _outcome(name: str, found: Found) -> str:
    if name == "relapse":
        return RELAPSE
    check = "" if found.exit_reasons else UNSEEN
    horizon = "90" if found.exit_days else "null  # CHECK: exits without a day are read at exit"
    return DISCONTINUATION.replace("$check", check).replace("$horizon", horizon)
