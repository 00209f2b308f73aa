"""The field's words, each spelled once: code, data files and report all use these spellings."""

from enum import StrEnum


class LevelOfCare(StrEnum):
    """Intensity of treatment at admission, most to least intensive.

    Short-term and long-term residential care are never one level: their lengths of stay and
    completion differ by design.
    """

    WITHDRAWAL_MANAGEMENT = "withdrawal management"
    INPATIENT = "inpatient"
    SHORT_TERM_RESIDENTIAL = "short-term residential"
    LONG_TERM_RESIDENTIAL = "long-term residential"
    PARTIAL_HOSPITALIZATION = "partial hospitalization"
    INTENSIVE_OUTPATIENT = "intensive outpatient"
    OUTPATIENT = "outpatient"
    AMBULATORY_WITHDRAWAL_MANAGEMENT = "ambulatory withdrawal management"


# Care by day and night: its days are nights spent, and nobody is in two such places at once.
DAY_AND_NIGHT = (
    LevelOfCare.WITHDRAWAL_MANAGEMENT,
    LevelOfCare.INPATIENT,
    LevelOfCare.SHORT_TERM_RESIDENTIAL,
    LevelOfCare.LONG_TERM_RESIDENTIAL,
)
# Care that clears the way for a strategy and never is one.
WITHDRAWAL_MANAGEMENT = (
    LevelOfCare.WITHDRAWAL_MANAGEMENT,
    LevelOfCare.AMBULATORY_WITHDRAWAL_MANAGEMENT,
)


class ExitReason(StrEnum):
    """How a stay ended."""

    COMPLETED = "completed"
    TRANSFERRED = "transferred"
    DROPPED_OUT = "dropped out"
    TERMINATED = "terminated by the facility"
    INCARCERATED = "incarcerated"
    DEATH = "death"
    OTHER = "other"
    NOT_RECORDED = "left, reason not recorded"


NOT_COLLECTED = "not collected"  # nobody there asked for it: not missing, not there
LEFT_OUT = "not in this file"  # asked for and published, but not in the file that was read
NO_EXIT = "no exit recorded"  # the stay is open, or the source does not say how it ended


class EventKind(StrEnum):
    """A dated event in a person's records that is not the end of a stay."""

    RETURN_TO_USE = "return to use"
    OVERDOSE = "overdose"
    EMERGENCY_VISIT = "emergency visit"
    INCARCERATED = "incarcerated"
    DEATH = "death"


READMISSION = "readmission"  # to care by day and night: told from the stays, no event of its own


class State(StrEnum):
    """Where a person is on a day, in order of precedence: the last that holds counts."""

    COMMUNITY = "in the community"
    AFTER_USE = "in the community after a return to use"
    OUTPATIENT = "in outpatient care"
    INTENSIVE = "in intensive outpatient care"  # partial hospitalization too
    CARE = "in care by day and night"
    READMITTED = "readmitted to care by day and night"
    JAIL = "in jail"
    DEAD = "dead"


class Modality(StrEnum):
    """How a service was given."""

    IN_PERSON = "in person"
    TELEHEALTH = "telehealth"  # by video or by telephone


class Arm(StrEnum):
    """Side of the comparison; every effect is intervention minus (or over) comparator."""

    INTERVENTION = "intervention"
    COMPARATOR = "comparator"


class Status(StrEnum):
    """How a person's follow-up ended, in order of precedence on a shared day."""

    EVENT = "event"
    COMPETING = "competing event"
    ARTIFICIALLY_CENSORED = "artificially censored"  # the strategy was left, not the records
    CENSORED = "censored"
    NO_EVENT = "no event"  # outcomes read at exit, which have no clock
    MISSING = "missing"  # nothing is known after time zero


class Estimand(StrEnum):
    """Whose effect is averaged."""

    ATE = "ATE"  # everyone eligible
    ATT = "ATT"  # those who entered the intervention
    ATC = "ATC"  # those who entered the comparator
    ATO = "ATO"  # those who could have entered either (the overlap population)
    ATM = "ATM"  # the people a one-to-one matching would keep


class Measure(StrEnum):
    """Scale of an estimate."""

    RISK_INTERVENTION = "risk_intervention"
    RISK_COMPARATOR = "risk_comparator"
    RISK_DIFFERENCE = "risk_difference"
    RISK_RATIO = "risk_ratio"
    ODDS_RATIO = "odds_ratio"  # of the two risks: marginal, not of a regression
    RMST_DIFFERENCE = "rmst_difference"
    MEAN_INTERVENTION = "mean_intervention"  # of outcomes that are a score
    MEAN_COMPARATOR = "mean_comparator"
    MEAN_DIFFERENCE = "mean_difference"
    RMTL_RATIO = "rmtl_ratio"
    HAZARD_RATIO = "hazard_ratio"  # cause-specific
    SUBDISTRIBUTION_HAZARD_RATIO = "subdistribution_hazard_ratio"


class Method(StrEnum):
    """How the arms were made comparable."""

    UNADJUSTED = "unadjusted"
    G_COMPUTATION = "g_computation"  # outcomes predicted by a model, averaged
    AIPW = "aipw"  # augmented inverse probability weighting
    TMLE = "tmle"  # targeted minimum loss estimation
    IPTW = "iptw"  # inverse probability of treatment, tilted to the estimand
    PER_PROTOCOL = "per_protocol"  # followed while the strategy was, and weighted for leaving it


class Direction(StrEnum):
    """Which way an outcome is better."""

    LOWER = "lower"
    HIGHER = "higher"


class Verdict(StrEnum):
    """Where the whole confidence interval lies relative to no difference and the margin."""

    SUPERIOR = "superior"
    NONINFERIOR = "non-inferior"
    NONINFERIOR_AND_WORSE = "non-inferior and statistically worse"
    INCONCLUSIVE = "inconclusive"
    INFERIOR = "inferior"
