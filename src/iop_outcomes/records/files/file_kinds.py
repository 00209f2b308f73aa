"""What a file is by its first bytes, whatever its name says."""

BEGINNINGS = {
    b"PK\x03\x04": "a zip file or an Excel workbook",
    b"PK\x05\x06": "an empty zip file",
    b"\xd0\xcf\x11\xe0": "an old or an encrypted Excel workbook",
    b"\x1f\x8b": "a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7-zip file",
    b"PAR1": "a Parquet file",
    b"$FL": "an SPSS file",
    b"<stata_dta>": "a Stata file",
    b"%PDF": "a PDF document",
    b"{\\rtf": "a text document",
    b"SQLite format 3": "a database",
}
# Marks of an encoding other than UTF-8 at the start of a text.
WIDE_TEXT = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
MANY_NULS = 0.2  # of the bytes: half of them in UTF-16, more in UTF-32


def kind_of(first: bytes) -> str | None:
    """What the first bytes of a file say that it is; None for text that may be a table.

    Examples
    --------
    >>> kind_of(b"PAR1..."), kind_of(b"a,b"), kind_of(b"<!DOCTYPE html>")
    ('a Parquet file', None, 'a web page or XML')
    >>> kind_of("a,b".encode("utf-16-be"))
    'text in UTF-16'
    """
    for beginning, kind in BEGINNINGS.items():
        if first.startswith(beginning):
            return kind
    if first.startswith(WIDE_TEXT) or first.count(0) > MANY_NULS * len(first):
        return "text in UTF-16"
    text = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        return "a web page or XML"
    if text.startswith((b'{"', b"[{", b"{\n", b"{\r")):
        return "JSON"
    return None
