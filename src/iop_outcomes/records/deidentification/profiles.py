"""Under which rule the records were de-identified, and what that rule lets in."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Self

from pydantic import ConfigDict, StringConstraints, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.records.deidentification.identifiers import Identifier


class Method(StrEnum):
    """The ways of 45 CFR 164.514 by which records may come here."""

    SAFE_HARBOR = "safe_harbor"
    LIMITED_DATA_SET = "limited_data_set"
    EXPERT_DETERMINATION = "expert_determination"


# What each method lets in; stricter than the law, which lets ages into limited data sets.
ALLOWED = {
    Method.SAFE_HARBOR: frozenset(),
    Method.LIMITED_DATA_SET: frozenset({Identifier.DATE, Identifier.PLACE}),
    Method.EXPERT_DETERMINATION: frozenset({Identifier.DATE}),
}
# The papers that must be named, and no others.
PAPERS = {
    Method.SAFE_HARBOR: (),
    Method.LIMITED_DATA_SET: ("agreement_id",),
    Method.EXPERT_DETERMINATION: ("signed_by", "signed_on"),
}

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class Profile:
    """How the records were de-identified, and by whose leave.

    Attributes
    ----------
    method
        `safe_harbor` lets no identifier in. `limited_data_set` lets in dates, postal codes and
        places. `expert_determination` lets in dates.
    agreement_id
        The data use agreement of a limited data set.
    signed_by, signed_on
        The expert who determined that the risk is very small, and the day.

    Examples
    --------
    >>> sorted(map(str, Profile(method="limited_data_set", agreement_id="DUA-7").allowed))
    ['dates finer than a year', 'postal codes or places finer than a state']
    """

    method: Method = Method.SAFE_HARBOR
    agreement_id: Text | None = None
    signed_by: Text | None = None
    signed_on: date | None = None

    @model_validator(mode="after")
    def _has_its_papers(self) -> Self:
        needed = PAPERS[self.method]
        for paper in ("agreement_id", "signed_by", "signed_on"):
            given = getattr(self, paper) is not None
            if paper in needed and not given:
                raise ValueError(f"the method {self.method} needs `{paper}`")
            if given and paper not in needed:
                raise ValueError(f"the method {self.method} has no `{paper}`")
        return self

    @property
    def allowed(self) -> frozenset[Identifier]:
        """The kinds of identifier that may come in."""
        return ALLOWED[self.method]


SAFE_HARBOR = Profile()
