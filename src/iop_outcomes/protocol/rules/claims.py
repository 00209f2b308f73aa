"""What the protocol claims: margins, and whose effect the question speaks of."""

import re
from collections.abc import Iterator

from iop_outcomes.protocol.outcomes import Margin
from iop_outcomes.protocol.rules.finding import Finding, Severity
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.vocabulary import Direction, Estimand

WIDEST_IN_PRINT = 0.11
LARGEST_RATIO = 1.5
EMPTY_WORDS = frozenset(
    {
        *("clinically", "relevant", "meaningful", "significant", "acceptable", "standard", "usual"),
        *("customary", "default", "conventional", "appropriate", "reasonable", "margin", "as"),
        *("is", "was", "a", "an", "the", "it", "this", "we", "chose", "chosen", "by", "expert"),
        *("opinion", "tbd", "todo", "later", "because", "so", "and", "of", "percent", "points"),
    }
)
EVERYONE = re.compile(
    r"\b(everyone|everybody|all (adults|people|patients|persons)|any (adult|patient))\b"
)
EITHER = re.compile(r"\b(could have entered either|could have had either|in the overlap)\b")


def margin_without_justification(protocol: Protocol) -> Iterator[Finding]:
    """A margin needs a reason from outside the data (CONSORT extension, Piaggio et al. 2012).

    Words that fit any margin are none.
    """
    for name, margin in protocol.noninferiority.items():
        words = re.findall(r"[a-z]+", margin.justification.lower())
        telling = set(words) - EMPTY_WORDS
        if len(telling) < 3 or margin.justification.strip() == margin.set_by.strip():
            yield Finding(
                rule="margin-without-justification",
                severity=Severity.ERROR,
                place=f"noninferiority.{name}.justification",
                sentence="these words would fit any margin",
                mend="say what the excess means to people in treatment, or which trials it is "
                "derived from",
            )


def margin_too_wide(protocol: Protocol) -> Iterator[Finding]:
    """A margin is wide or narrow against the risk under the comparator.

    Ten points are a ratio of 1.18 at a risk of 55% and of 2 at a risk of 10%. The widest margin
    found in print for this field was 11 points, for opioid-negative urines (Lofwall 2018).
    """
    better = {outcome.name: outcome.better for outcome in protocol.outcomes}
    for name, margin in protocol.noninferiority.items():
        place = f"noninferiority.{name}.risk_difference"
        if margin.reference_risk is not None:
            bad = margin.reference_risk
            if better[name] is Direction.HIGHER:
                bad = 1 - bad  # what must not grow is not having it
            yield from _against_reference(margin, bad, place)
        if margin.risk_difference > WIDEST_IN_PRINT:
            yield Finding(
                rule="margin-too-wide",
                severity=Severity.WARNING,
                place=place,
                sentence=f"{100 * margin.risk_difference:g} points are wider than any margin "
                f"found in print for this field ({100 * WIDEST_IN_PRINT:g})",
                mend="narrow it, or justify why so much may be lost",
            )


def _against_reference(margin: Margin, bad: float, place: str) -> Iterator[Finding]:
    ratio = (bad + margin.risk_difference) / bad
    certain = bad + margin.risk_difference >= 1
    if ratio < LARGEST_RATIO and not certain:
        return
    yield Finding(
        rule="margin-too-wide",
        severity=Severity.ERROR if ratio >= 2 or certain else Severity.WARNING,
        place=place,
        sentence=f"at the reference risk, {100 * margin.risk_difference:g} points allow a bad "
        + ("outcome for everyone" if certain else f"outcome {ratio:.1f} times as often"),
        mend="narrow it, or correct `reference_risk`",
    )


def claim_without_margin(protocol: Protocol) -> Iterator[Finding]:
    """A question of non-inferiority has a margin for each outcome it names, set beforehand."""
    if not re.search(r"\bnon-?inferior", protocol.question.lower()):
        return
    for outcome in protocol.risk_outcomes:
        if outcome.name not in protocol.noninferiority:
            yield Finding(
                rule="claim-without-margin",
                severity=Severity.WARNING,
                place=f"noninferiority.{outcome.name}",
                sentence="the question asks for non-inferiority, and this outcome has no margin, "
                "so nothing will be claimed of it",
                mend="set a margin with its justification, or say in the question which outcomes "
                "it is about",
            )


def population_named_otherwise(protocol: Protocol) -> Iterator[Finding]:
    """Weights for ATT, ATC, ATO and ATM answer for other people than everyone eligible.

    Li, Morgan & Zaslavsky (2018), Journal of the American Statistical Association 113:390-400.
    Reads words of the question only.
    """
    question, estimand = protocol.question.lower(), protocol.estimand
    if estimand is not Estimand.ATE and EVERYONE.search(question):
        sentence = f"the question speaks of everyone, and {estimand} answers for some of them"
    elif estimand in (Estimand.ATE, Estimand.ATT, Estimand.ATC) and EITHER.search(question):
        sentence = (
            f"the question speaks of those who could have entered either, and {estimand} "
            "answers for others too"
        )
    else:
        return
    yield Finding(
        rule="population-named-otherwise",
        severity=Severity.WARNING,
        place="estimand",
        sentence=sentence,
        mend="ask the question of the people whose effect is averaged (ATE: everyone eligible; "
        "ATT, ATC: who entered the intervention, the comparator; ATO: who could have entered "
        "either)",
    )
