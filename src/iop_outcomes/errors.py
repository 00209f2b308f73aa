"""What can go wrong, by whose hand it is mended. A message never quotes a person's value."""


class StudyError(Exception):
    """Base of every error this package raises on purpose: one sentence, exit status 2."""


class ProtocolError(StudyError):
    """The protocol contradicts itself or names something unknown: mend params.yaml."""


class RecordsError(StudyError):
    """A raw file is missing or breaks its schema: mend the extract."""


class IdentifierError(RecordsError):
    """A raw file seems to hold a direct identifier: stop, and tell the data steward."""


class CohortError(StudyError):
    """The records and the protocol do not make a comparison: widen one or mend the other."""


class PositivityError(StudyError):
    """Some covariate pattern never meets one of the arms: narrow eligibility or covariates."""


class DisclosureError(StudyError):
    """A table that was not released was about to leave the building."""


class WorkspaceError(StudyError):
    """An artefact is missing or damaged: run the stage before this one."""
