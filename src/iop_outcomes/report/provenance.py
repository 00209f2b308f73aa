"""What a result was made from: protocol, data, code and packages."""

from hashlib import sha256
from importlib.metadata import version
from platform import python_version

import pandas as pd

PACKAGES = ("iop-outcomes", "numpy", "pandas", "scipy", "formulaic", "matplotlib", "pyarrow")


def data_hash(provenance: pd.DataFrame) -> str:
    """Twelve hexadecimal digits of all raw files together, whatever their order.

    Examples
    --------
    >>> table = pd.DataFrame({"file": ["a", "b"], "sha256": ["1", "2"]})
    >>> data_hash(table) == data_hash(table[::-1])
    True
    """
    lines = sorted(provenance["sha256"])
    return sha256("\n".join(lines).encode()).hexdigest()[:12]


def package_versions() -> dict[str, str]:
    """Python and the packages whose release can move a number or a line of a figure."""
    return {"python": python_version(), **{name: version(name) for name in PACKAGES}}
