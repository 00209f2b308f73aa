"""What a result was made from, in a few characters."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from iop_outcomes.report.provenance import PACKAGES, data_hash, package_versions

DIGESTS = st.lists(st.text("0123456789abcdef", min_size=8, max_size=8), min_size=1, unique=True)


def provenance(digests) -> pd.DataFrame:
    files = [f"file_{number}.csv" for number in range(len(digests))]
    return pd.DataFrame({"file": files, "rows": 100, "sha256": digests})


@given(DIGESTS, st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(digests, random):
    shuffled = random.sample(digests, len(digests))
    assert data_hash(provenance(digests)) == data_hash(provenance(shuffled))


@given(DIGESTS)
def test_any_changed_file_changes_it(digests):
    changed = [digests[0][::-1] + "x", *digests[1:]]
    assert data_hash(provenance(digests)) != data_hash(provenance(changed))


@given(DIGESTS)
def test_a_file_more_changes_it(digests):
    assert data_hash(provenance(digests)) != data_hash(provenance([*digests, "one more"]))


def test_it_is_twelve_hexadecimal_digits():
    digest = data_hash(provenance(["3f", "a0"]))
    assert len(digest) == 12
    assert int(digest, 16) >= 0


def test_versions_name_python_and_every_package_that_moves_a_number():
    versions = package_versions()
    assert set(versions) == {"python", *PACKAGES}
    assert all(version[0].isdigit() for version in versions.values())
