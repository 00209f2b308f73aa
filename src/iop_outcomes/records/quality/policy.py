"""What the protocol makes of the rules: severity, the share it bears, the numbers it judges by."""

from collections.abc import Mapping
from dataclasses import dataclass as plain_dataclass
from dataclasses import field
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from iop_outcomes.records.quality.catalogue import RULES
from iop_outcomes.records.quality.contract import CELL_RULES
from iop_outcomes.records.quality.rule import CANNOT_STAY, Rule, Severity

LARGEST_SHARE = 0.05
Share = Annotated[float, Field(ge=0, le=1)]
OF_KEY = {rule.key: rule for rule in RULES}
KEY_OF_NAME = {rule.name: rule.key for rule in RULES}


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Treatment:
    """How one rule is treated, where not as by itself.

    Attributes
    ----------
    severity
        What becomes of a row that breaks it.
    largest_share
        Of a table's rows that may break it before the export is refused.
    limits
        The numbers it judges by.
    """

    severity: Severity | None = None
    largest_share: Share | None = None
    limits: Mapping[str, float] = field(default_factory=dict)


def _checked(treatments: dict[str, Treatment]) -> dict[str, Treatment]:
    """The same by key, if every key, severity and limit is one that there is."""
    by_key: dict[str, Treatment] = {}
    for written, treatment in treatments.items():
        key = KEY_OF_NAME.get(written, written)
        if key not in OF_KEY and key not in CELL_RULES:
            raise ValueError(f"unknown rule `{written}`; known are {[*CELL_RULES, *OF_KEY]}")
        if key in by_key:
            raise ValueError(f"the rule `{key}` stands twice, by its key and by its name")
        allowed = OF_KEY[key].allowed if key in OF_KEY else CANNOT_STAY
        if treatment.severity is not None and treatment.severity not in allowed:
            raise ValueError(f"`{key}` may only be one of {[str(one) for one in allowed]}")
        if treatment.severity is Severity.REFUSE and treatment.largest_share is not None:
            raise ValueError(f"`{key}` refuses at the first row; leave out its largest_share")
        known = _limits(key)
        strangers = [] if known is None else sorted(set(treatment.limits) - known)
        if strangers:
            raise ValueError(f"`{key}` has no limits {strangers}; known are {sorted(known or ())}")
        by_key[key] = treatment
    return by_key


def _limits(key: str) -> set[str] | None:
    """Names that its limits may have; None if any."""
    if key not in OF_KEY:
        return set()
    rule = OF_KEY[key]
    return None if rule.further_limits is None else {*rule.limits, *rule.further_limits}


Quality = Annotated[dict[str, Treatment], AfterValidator(_checked)]
AS_IT_IS = Treatment()


@plain_dataclass(frozen=True)
class Policy:
    """The rules as one study treats them.

    Attributes
    ----------
    largest_quarantine
        Share of a table's rows that may be set aside under the rules without a share of their own.
    quality
        By key; see `Treatment`.
    """

    largest_quarantine: float = LARGEST_SHARE
    quality: Mapping[str, Treatment] = field(default_factory=dict)

    def severity(self, rule: Rule) -> Severity:
        """What becomes of its rows; one that refuses sets them aside first, if it may."""
        severity = self._of(rule.key).severity or rule.severity
        if severity is Severity.REFUSE:
            return Severity.QUARANTINE if Severity.QUARANTINE in rule.allowed else Severity.WARNING
        return severity

    def limits(self, rule: Rule) -> Mapping[str, float]:
        """Its own, where the protocol says no others."""
        return {**rule.limits, **self._of(rule.key).limits}

    def largest_share(self, key: str) -> float | None:
        """Its own bound, if it has one."""
        treatment = self._of(key)
        return 0.0 if treatment.severity is Severity.REFUSE else treatment.largest_share

    def _of(self, key: str) -> Treatment:
        return self.quality.get(key, AS_IT_IS)
