"""What the formats of reports ask of text: XML and its JUnit frame, workflow commands of GitHub Actions, JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from vae_checked.text import printable

# What some CI servers take for a command wherever it stands in a line.
_COMMAND = re.compile(r"##(\w*)\[")


def xml_text(text: str) -> str:
    """`text` as the content of an element: `a < b` becomes `a &lt; b`, and what is not printable is written out."""
    return _no_command(escape(printable(text, keep="\t\n")))


def xml_attribute(text: str) -> str:
    """`text` as the value of an attribute, its quotes included."""
    return _no_command(quoteattr(printable(text, keep="\t\n")))


def html_text(text: str) -> str:
    """`text` as the content of an HTML element, on one line."""
    return xml_text(printable(text, keep="\t")).replace('"', "&quot;").replace("'", "&#x27;")


def _no_command(markup: str) -> str:
    """`##[` as a reader of XML sees it and a CI server does not, which takes it for a command."""
    return _COMMAND.sub(r"##\1&#91;", markup)


def junit_document(suite: str, lines: Iterable[str], *, tests: int, failures: int, errors: int) -> str:
    """A JUnit document of one suite; `lines` are its elements, one or more lines each, escaped already."""
    counts = f'tests="{tests}" failures="{failures}" errors="{errors}"'
    head = ['<?xml version="1.0" encoding="utf-8"?>', f"<testsuites {counts}>"]
    body = [f"  <testsuite name={xml_attribute(suite)} {counts}>", *(f"    {line}" for line in lines), "  </testsuite>"]
    return "\n".join([*head, *body, "</testsuites>"]) + "\n"


def github_message(text: str) -> str:
    """`text` behind the `::` of a workflow command, which is one line: line breaks become `%0A`."""
    return printable(text, keep="\t\n").replace("%", "%25").replace("\n", "%0A")


def github_property(text: str) -> str:
    """`text` as the value of a property of a workflow command: `a,b.py` becomes `a%2Cb.py`."""
    return github_message(text).replace(":", "%3A").replace(",", "%2C")


def json_text(document: Mapping[str, object]) -> str:
    """`document` as strictly valid JSON; ValueError for NaN and infinity, for which JSON has no form.

    A byte of a file name that is not UTF-8 is written as `\\xff`.
    """
    return _dumped(document)


def json_list(entries: Sequence[object]) -> str:
    """`entries` likewise, as an array."""
    return _dumped(entries)


def fingerprint(parts: Sequence[str]) -> str:
    """What stays the same of an entry from run to run, as a short text."""
    from hashlib import sha256  # noqa: PLC0415  only reports of some kinds need it

    return sha256(json.dumps(parts).encode()).hexdigest()


def _dumped(value: object) -> str:
    text = json.dumps(_encodable(value), indent=2, allow_nan=False)
    return _COMMAND.sub(r"##\1\\u005b", text) + "\n"


def _encodable(value: object) -> object:
    """`value` with the bytes in its texts written out that are no UTF-8: no Unicode text holds what stands for them."""
    if isinstance(value, Mapping):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    if isinstance(value, str) and not value.isascii():
        return "".join(printable(letter) if "\ud800" <= letter <= "\udfff" else letter for letter in value)
    return value
