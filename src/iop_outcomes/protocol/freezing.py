"""The protocol as it stood on a day, and what has changed since."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.parsing import digest, parse_draft, protocol_hash, spelled, written_out
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.values import STRICT
from iop_outcomes.protocol.yaml_files import read_yaml

LOCK = "protocol.lock.yaml"  # beside the params file
ODD_LINE_BREAKS = ("\x85", "\u2028", "\u2029")
HEADER = """\
# The protocol as it was frozen, written by `iop-outcomes freeze`. The report says whether the
# results were computed under it. Commit this file, so that git tells when it came; an edit by hand
# breaks its seal.
"""
NOT_FROZEN = """\
# Not frozen yet. `iop-outcomes freeze --by NAME` writes the protocol of params.yaml here, with its
# hash and the day. The file is kept in git, and the report stage of dvc.yaml depends on it.
"""
SHOWN = 12  # changed places that a sentence names


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Amendment:
    """An earlier state of a frozen protocol, and why it was changed.

    Attributes
    ----------
    protocol_hash, frozen_on, frozen_by, after_results
        Of the earlier state.
    changed
        The places that were changed.
    because
        Why.
    """

    protocol_hash: str
    frozen_on: date
    frozen_by: str
    after_results: bool
    changed: tuple[str, ...]
    because: str


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Frozen:
    """A protocol at rest.

    Attributes
    ----------
    protocol_hash
        Of the protocol, when it was frozen.
    frozen_on, frozen_by
        The day, and who answers for it.
    version
        Of this package, on that day.
    after_results
        Whether results had been computed before.
    protocol
        With every customary value written out.
    robustness
        The alternatives, as the params file wrote them.
    amendments
        Earlier states, the first one first.
    """

    protocol_hash: str
    frozen_on: date
    frozen_by: str
    version: str
    after_results: bool
    protocol: dict[str, Any]
    robustness: dict[str, Any] = field(default_factory=dict)
    amendments: tuple[Amendment, ...] = ()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Standing:
    """How a protocol stands to the frozen one.

    Attributes
    ----------
    frozen
        None if none was.
    changed
        Places of the protocol that say something else now.
    changed_alternatives
        Names of robustness analyses that were added, dropped or changed.
    """

    frozen: Frozen | None
    changed: tuple[str, ...] = ()
    changed_alternatives: tuple[str, ...] = ()

    def sentences(self, lead: str = "Computed under the frozen protocol") -> tuple[str, ...]:
        """What a report says of it, the verdict first.

        Parameters
        ----------
        lead
            Begins the verdict on a protocol that did not change.
        """
        return tuple(_sentences(self, lead))

    @property
    def facts(self) -> dict[str, Any]:
        """The same for a metrics file."""
        if self.frozen is None:
            return {"frozen": False}
        return {
            "frozen": not self.changed,
            "frozen_hash": self.frozen.protocol_hash,
            "frozen_on": self.frozen.frozen_on.isoformat(),
            "amendments": len(self.frozen.amendments),
            "changed": list(self.changed),
            "changed_alternatives": list(self.changed_alternatives),
        }


UNFROZEN = Standing(frozen=None)


def standing(
    protocol: Protocol, alternatives: Mapping[str, Any], frozen: Frozen | None
) -> Standing:
    """Compare a protocol with the frozen one.

    A key that this version of the package knows and the frozen protocol did not speak of is no
    change while it holds its customary value.

    Parameters
    ----------
    alternatives
        The `robustness` section of the params file.
    """
    if frozen is None:
        return UNFROZEN
    then = written_out(parse_draft(frozen.protocol, f"{LOCK}: protocol"))
    changed = tuple(_changed(then, written_out(protocol)))
    now = spelled(alternatives)
    names = dict.fromkeys([*frozen.robustness, *now])
    others = tuple(name for name in names if frozen.robustness.get(name) != now.get(name))
    return Standing(frozen=frozen, changed=changed, changed_alternatives=others)


def freeze(
    protocol: Protocol,
    alternatives: Mapping[str, Any],
    *,
    by: str,
    on: date,
    version: str,
    after_results: bool,
    before: Frozen | None = None,
    because: str | None = None,
) -> Frozen:
    """Put a protocol to rest; a protocol that already is can be amended with a reason.

    Parameters
    ----------
    alternatives
        The `robustness` section of the params file.
    before
        The frozen protocol that is amended.
    because
        Why, if it is.

    Raises
    ------
    ProtocolError
        Nobody is named; there is nothing to amend, or no reason to.
    """
    if len(by.strip()) < 2:
        raise ProtocolError("--by: name who freezes the protocol")
    now = Frozen(
        protocol_hash=protocol_hash(protocol),
        frozen_on=on,
        frozen_by=by.strip(),
        version=version,
        after_results=after_results,
        protocol=written_out(protocol),
        robustness=spelled(alternatives),
    )
    if before is None:
        return now
    found = standing(protocol, alternatives, before)
    changed = (*found.changed, *(f"robustness.{name}" for name in found.changed_alternatives))
    if not changed:
        raise ProtocolError(
            f"{LOCK}: this protocol is frozen already, on {before.frozen_on} by {before.frozen_by}"
        )
    if because is None or len(because.strip()) < 10:
        raise ProtocolError(
            f"{LOCK}: frozen on {before.frozen_on}, and changed since at {_listed(changed)}; to "
            "amend it, say why: --because REASON"
        )
    amendment = Amendment(
        protocol_hash=before.protocol_hash,
        frozen_on=before.frozen_on,
        frozen_by=before.frozen_by,
        after_results=before.after_results,
        changed=changed,
        because=because.strip(),
    )
    return replace(now, amendments=(*before.amendments, amendment))


def lock_text(frozen: Frozen) -> str:
    """The lock file of a frozen protocol, sealed against edits by hand."""
    values = spelled(asdict(frozen))
    sealed = {**values, "seal": digest(values)}
    # Line breaks that only Unicode knows would be folded into blanks on reading; escaped they stay.
    spared = not any(mark in json.dumps(sealed, ensure_ascii=False) for mark in ODD_LINE_BREAKS)
    body = yaml.safe_dump(sealed, sort_keys=False, allow_unicode=spared, width=100)
    return f"{HEADER}{body}"


def read_lock(path: Path) -> Frozen | None:
    """Read the lock file; None if it is not there or holds nothing yet.

    Raises
    ------
    ProtocolError
        It was edited by hand, or is not what `freeze` writes.
    """
    if not path.exists():
        return None
    values = read_yaml(path, "run `iop-outcomes freeze`")
    if values is None:
        return None
    if not isinstance(values, dict) or "seal" not in values:
        raise ProtocolError(f"{path}: not what `iop-outcomes freeze` writes; restore it from git")
    seal = values.pop("seal")
    if digest(values) != seal:
        raise ProtocolError(
            f"{path}: edited since it was sealed; restore it from git, and change a frozen "
            "protocol by `iop-outcomes freeze --because REASON`"
        )
    try:
        return TypeAdapter(Frozen).validate_python(values)
    except ValidationError:
        raise ProtocolError(
            f"{path}: written by another version of this package; restore it from git"
        ) from None


def _sentences(found: Standing, lead: str) -> Iterator[str]:
    frozen = found.frozen
    if frozen is None:
        yield "The protocol is not frozen: nothing shows that it came before the results."
        return
    when = f"frozen on {frozen.frozen_on} by {frozen.frozen_by}"
    if found.changed:
        yield (
            f"NOT the frozen protocol ({frozen.protocol_hash}, {when}): changed since at "
            f"{_listed(found.changed)}."
        )
    else:
        yield f"{lead} {frozen.protocol_hash}, {when}."
    if frozen.after_results:
        yield "It was frozen in this state after results had been computed."
    for amendment in frozen.amendments:
        yield (
            f"Amended: as frozen on {amendment.frozen_on} ({amendment.protocol_hash}) it was "
            f"changed at {_listed(amendment.changed)}, because {amendment.because.rstrip('.')}."
        )
    if found.changed_alternatives:
        yield (
            "Robustness analyses that are not as frozen: "
            f"{_listed(found.changed_alternatives, '; ')}."
        )


def _listed(places: tuple[str, ...], between: str = ", ") -> str:
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    return between.join(places[:SHOWN]) + more


def _changed(then: Any, now: Any, place: str = "") -> Iterator[str]:
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*then, *now]):
            inside = f"{place}.{key}" if place else key
            if key not in then or key not in now:
                yield inside
            else:
                yield from _changed(then[key], now[key], inside)
    elif then != now:
        yield place
