"""Downloads from a server on this machine: cut, refused, wrong, or not a file at all."""

import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.fetching import Expected, download

CONTENT = bytes(range(256)) * 4096  # one mebibyte


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; /cut breaks off half-way unless asked to go on."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range")))
        if self.path == "/page":
            return self._send(200, b"<!DOCTYPE html><title>Terms of use</title>")
        if self.path not in {"/file", "/cut", "/whole"}:
            return self._send(404, b"")
        start = 0
        if self.headers.get("Range") and self.path != "/whole":
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            if start >= len(CONTENT):
                return self._send(416, b"")
        body = CONTENT[start:]
        half = len(body) // 2 if self.path == "/cut" and not start else len(body)
        self._send(206 if start else 200, body, half)

    def _send(self, status, body, sent=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:sent])
        if sent is not None and sent < len(body):
            self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    """A server on the loopback that stops with the test; `asked` lists path and range."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def fetch(server, tmp_path):
    """Download a path of the server; `fetch.to` is where to, `fetch.part` the half-way file."""

    def of(path, expected=None):
        return download(f"http://127.0.0.1:{server.server_port}{path}", of.to, expected)

    of.to = tmp_path / "raw" / "file.zip"
    of.part = tmp_path / "raw" / ".file.zip.part"
    return of


def test_a_file_comes_whole_and_leaves_nothing_beside_it(fetch):
    assert fetch("/file", Expected(len(CONTENT), sha256(CONTENT).hexdigest())) == fetch.to
    assert fetch.to.read_bytes() == CONTENT
    assert not fetch.part.exists()


def test_a_cut_connection_is_one_sentence_and_the_next_run_goes_on_where_it_stopped(fetch, server):
    with pytest.raises(RecordsError, match="the connection broke"):
        fetch("/cut")
    assert not fetch.to.exists()
    there = fetch.part.stat().st_size
    assert 0 < there < len(CONTENT)
    fetch("/cut")
    assert server.asked[-1] == ("/cut", f"bytes={there}-")
    assert fetch.to.read_bytes() == CONTENT


def test_a_server_that_cannot_go_on_starts_again(fetch):
    fetch.to.parent.mkdir()
    fetch.part.write_bytes(b"half of another file")
    fetch("/whole")
    assert fetch.to.read_bytes() == CONTENT


def test_a_download_that_only_lacked_its_last_step_is_finished(fetch):
    fetch.to.parent.mkdir()
    fetch.part.write_bytes(CONTENT)
    fetch("/file", Expected(len(CONTENT)))
    assert fetch.to.read_bytes() == CONTENT


def test_what_is_there_and_fits_is_not_asked_for_again(fetch, server):
    fetch("/file")
    fetch("/file", Expected(sha256=sha256(CONTENT).hexdigest()))
    assert len(server.asked) == 1


@pytest.mark.parametrize("expected", [Expected(size_bytes=7), Expected(sha256="00")])
def test_a_file_that_is_not_the_one_expected_does_not_stay(fetch, expected):
    with pytest.raises(RecordsError, match="is not the file expected"):
        fetch("/file", expected)
    assert not fetch.to.exists()
    assert not fetch.part.exists()


def test_a_web_page_instead_of_a_file_is_refused(fetch):
    with pytest.raises(RecordsError, match="is a web page and not a file"):
        fetch("/page")
    assert not fetch.to.exists()
    assert not fetch.part.exists()


def test_an_address_that_leads_nowhere_is_one_sentence(fetch):
    with pytest.raises(RecordsError, match="answers 404"):
        fetch("/nowhere")


def test_a_server_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(RecordsError, match="the connection broke"):
        download("http://127.0.0.1:1/file", tmp_path / "file")


def test_a_word_is_no_address(tmp_path):
    with pytest.raises(RecordsError, match="is no address"):
        download("teds-d", tmp_path / "file")


def test_the_watcher_sees_every_byte_and_how_many_there_are(fetch, server):
    seen = []

    def watch(chunks, done, total):
        seen.append((done, total))
        for chunk in chunks:
            seen.append(len(chunk))
            yield chunk

    download(f"http://127.0.0.1:{server.server_port}/file", fetch.to, watch=watch)
    assert seen[0] == (0, len(CONTENT))
    assert sum(seen[1:]) == len(CONTENT)
