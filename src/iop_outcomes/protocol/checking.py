"""Everything that can be said of a study's params file without touching a record."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from iop_outcomes.protocol.freezing import LOCK, read_lock, standing
from iop_outcomes.protocol.linting import lint, lint_alternatives
from iop_outcomes.protocol.new_study import CHECK
from iop_outcomes.protocol.parsing import (
    mapping_of,
    protocol_hash,
    read_alternatives,
    read_draft,
    read_section,
)
from iop_outcomes.protocol.rules.finding import Finding, Severity


@dataclass(frozen=True)
class Checked:
    """What was found.

    Attributes
    ----------
    said
        Lines on the study as a whole.
    findings
        Findings with the section each is in: `protocol`, or `robustness.` and a name.
    """

    said: tuple[str, ...]
    findings: tuple[tuple[str, Finding], ...]

    @property
    def text(self) -> str:
        """Plain lines, one for each finding, then how many there are."""
        lines = [f"{each.severity}: {line(each, where)}" for where, each in self.findings]
        return "\n".join([*self.said, *lines, self.counted])

    @property
    def counted(self) -> str:
        """How many errors and warnings there are."""
        errors, warnings = self.count(Severity.ERROR), self.count(Severity.WARNING)
        return f"{errors} error(s), {warnings} warning(s)"

    def count(self, severity: Severity) -> int:
        """Findings of one severity."""
        return sum(finding.severity is severity for _, finding in self.findings)

    def refused(self, *, strict: bool = False) -> bool:
        """Whether the protocol should not be run; with `strict` warnings count too."""
        return bool(self.findings) if strict else self.count(Severity.ERROR) > 0


def line(finding: Finding, where: str) -> str:
    """A finding in one line: place, what is wrong, what to write instead, and the rule's name.

    Examples
    --------
    >>> line(Finding(rule="too-late", severity=Severity.WARNING, place="follow_up.starts",
    ...              sentence="it is late", mend="begin earlier"), "protocol")
    'protocol.follow_up.starts: it is late; begin earlier [too-late]'
    """
    return f"{where}.{finding.place}: {finding.sentence}; {finding.mend} [{finding.rule}]"


def check_params(path: Path) -> Checked:
    """Lint the protocol and its alternatives, and compare them with the frozen ones.

    Raises
    ------
    ProtocolError
        The file is no protocol at all.
    """
    protocol, alternatives = read_draft(path), read_alternatives(path, drafts=True)
    findings = [("protocol", finding) for finding in lint(protocol)]
    for name, found in lint_alternatives(protocol, alternatives).items():
        findings += [(f"robustness.{name}", finding) for finding in found]
    frozen = standing(
        protocol, read_section(path, "robustness", default={}), read_lock(path.with_name(LOCK))
    )
    return Checked(
        said=(
            f"{path} is a protocol (hash {protocol_hash(protocol)}) with "
            f"{len(protocol.outcomes)} outcome(s) and {len(alternatives)} alternative(s)",
            *frozen.sentences("This is the frozen protocol"),
            *_unchecked(filter(None, [mapping_of(path), path])),
        ),
        findings=tuple(findings),
    )


def _unchecked(paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        lines = path.read_text("utf-8").count(CHECK)
        if lines:
            yield f"{path}: {lines} line(s) are still marked CHECK"
