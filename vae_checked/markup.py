"""What the formats of reports ask of text: XML and its JUnit frame, workflow commands of GitHub Actions, JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

# What XML 1.0 cannot hold, even escaped (section 2.2 of the recommendation).
_UNPRINTABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """`text` as the content of an element: `a < b` becomes `a &lt; b`, and what XML cannot hold U+FFFD."""
    return escape(_UNPRINTABLE.sub("\ufffd", text))


def xml_attribute(text: str) -> str:
    """`text` as the value of an attribute, its quotes included."""
    return quoteattr(_UNPRINTABLE.sub("\ufffd", text))


def junit_document(suite: str, lines: Iterable[str], *, tests: int, failures: int, errors: int) -> str:
    """A JUnit document of one suite; `lines` are its elements, one or more lines each, escaped already."""
    counts = f'tests="{tests}" failures="{failures}" errors="{errors}"'
    head = ['<?xml version="1.0" encoding="utf-8"?>', f"<testsuites {counts}>"]
    body = [f"  <testsuite name={xml_attribute(suite)} {counts}>", *(f"    {line}" for line in lines), "  </testsuite>"]
    return "\n".join([*head, *body, "</testsuites>"]) + "\n"


def github_message(text: str) -> str:
    """`text` behind the `::` of a workflow command, which is one line: line breaks become `%0A`."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def github_property(text: str) -> str:
    """`text` as the value of a property of a workflow command: `a,b.py` becomes `a%2Cb.py`."""
    return github_message(text).replace(":", "%3A").replace(",", "%2C")


def json_text(document: Mapping[str, object]) -> str:
    """`document` as strictly valid JSON; ValueError for NaN and infinity, for which JSON has no form."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"
