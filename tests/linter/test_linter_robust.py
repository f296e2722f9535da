"""Whatever a file holds, the linter ends, and raises nothing but UsageError."""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st
from mutations import (
    MUTATIONS,
    Mutation,
    encoded,
    mutated,
    nested,
    truncated,
    with_bytes,
    with_expression_swapped,
    with_line_ends,
    with_lines_moved,
    with_names_merged,
    with_tokens,
    with_words_swapped,
)

from vae_checked.catalogue import CATALOGUE
from vae_checked.errors import UsageError
from vae_checked.linter import LintReport, lint
from vae_checked.linter.fixing.apply_fixes import fixed_files, write_fixed
from vae_checked.linter.interpreter.interpreter import MAX_STEPS
from vae_checked.reports import FORMATS, render

pytestmark = pytest.mark.hypothesis

SOURCES = sorted({mistake.bad for mistake in CATALOGUE} | {mistake.good for mistake in CATALOGUE})
MUTATED = st.builds(
    mutated,
    st.sampled_from(SOURCES),
    st.lists(st.sampled_from(MUTATIONS), min_size=1, max_size=3),
    st.integers(0, 2**32),
)


def read(data: bytes, name: str) -> LintReport | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        try:
            lint([path])
        except UsageError as error:
            assert "\n" not in str(error)  # noqa: PT017  the refusal itself is looked at
        # As part of a folder nothing is refused.
        return lint([folder])


@given(MUTATED)
@drawn(100)
def test_mutated_modules(data: bytes) -> None:
    report = read(data, "model.py")
    assert report is not None
    assert report.files_read == 1


# Small changes, after which a model is still one: what is found in it is told, and fixed.
GENTLE = (with_tokens, with_words_swapped, with_lines_moved, with_names_merged, with_expression_swapped, with_line_ends)


@given(
    st.builds(mutated, st.sampled_from(SOURCES), st.lists(st.sampled_from(GENTLE), max_size=1), st.integers(0, 2**32))
)
@drawn(25)
def test_findings_in_mutated_modules_are_told_in_every_format_and_mended(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.py"
        path.write_bytes(data)
        report = lint([folder])
        for name in FORMATS:
            text = render(report, name, verbose=True)
            assert text.endswith("\n")
            assert all(finding.code in text for finding in report.findings)
        known = Counter(finding.code for finding in report.findings)
        for each in fixed_files([folder]):
            write_fixed(each)
        left = Counter(finding.code for finding in lint([folder]).findings)
        assert left <= known
        assert (left == known) == (path.read_bytes() == data)


@given(st.lists(MUTATED, min_size=2, max_size=3), st.integers(0, 2**32))
@drawn(25)
def test_mutated_modules_that_import_each_other(files: list[bytes], seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  mutations, no secret
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(files):
            other = chance.randrange(len(files))
            head = chance.choice(
                (f"from part{other} import *", f"import part{other} as torch", f"from .part{other} import VAE")
            )
            (Path(folder) / f"part{number}.py").write_bytes(f"{head}\n".encode() + data)
        assert lint([folder]).files_read == len(files)


@given(st.binary(max_size=300), st.sampled_from(("model.py", "book.ipynb")))
@drawn(50)
def test_any_bytes(data: bytes, name: str) -> None:
    report = read(b"import torch\ntorch.randn(2).exp()\n" + data, name)
    assert report is not None
    assert report.findings == ()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(("code", "cells", "import torch\ntorch.randn(2).exp()", "%%")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(("cells", "source", "cell_type", "worksheets", "input")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
@drawn(50)
def test_any_notebook(content: object) -> None:
    data = json.dumps({"cells": content, "note": "import torch; torch.randn(2).exp()"}).encode()
    report = read(data, "book.ipynb")
    assert report is not None
    assert report.findings == ()


@given(st.sampled_from(SOURCES), st.lists(st.sampled_from(MUTATIONS[:-3]), max_size=2), st.integers(0, 2**32))
@drawn(25)
def test_mutated_notebooks(text: str, mutations: list[Mutation], seed: int) -> None:
    """Cells that are no Python, and JSON that is none."""
    chance = random.Random(seed)  # noqa: S311  mutations, no secret
    parts = [mutated(part, mutations, seed).decode(errors="replace") for part in text.split("\n\n\n")]
    cells = [{"cell_type": "code", "source": part.splitlines(keepends=True) if seed % 2 else part} for part in parts]
    notebook = json.dumps({"cells": cells, "nbformat": 4}, indent=chance.choice((None, 1)))
    breaking = chance.choice((None, truncated, with_tokens, with_words_swapped, with_bytes, encoded, nested))
    data = mutated(notebook, [] if breaking is None else [breaking], seed)
    report = read(data, "book.ipynb")
    assert report is not None
    assert report.files_read == 1


HOSTILE = {
    "a function that calls itself": "def f(x):\n    return f(f(x)) + torch.randn(2)\nf(f)\n",
    "functions that call each other": "def f(x):\n    return g(x)\ndef g(x):\n    return f(x) * torch.randn(2)\nf(1)\n",
    "a class of itself": "class A(A):\n    def __init__(self):\n        self.a = A()\n    def forward(self, x):\n"
    "        return self.forward(self.a(x))\ntorch.randn(2)\n",
    "a list that grows while it is read": "items = [1]\nfor item in items:\n    items.append(items)\nprint(items)\n",
    "a list that holds itself": "a = [torch.randn(2)]\na.append(a)\nb = {'a': a}\nb['b'] = b\nc = a + a\nprint(b, c)\n",
    "a module that imports itself": "import model\nfrom model import *\nfrom . import model\nx = torch.randn(2)\n",
    "loops in loops": "x = torch.randn(2)\n"
    + "".join(f"{'  ' * i}for i{i} in range(12):\n" for i in range(12))
    + "  " * 12
    + "x = x + torch.exp(x)\n",
    "doubling": "x = torch.randn(2)\n" + "x = x + torch.exp(x) * x\n" * 400,
    "doubling containers": "x = [torch.randn(2)]\n" + "x = [x, x]\n" * 60 + "print(x)\n",
    "growing lists": "x = [torch.randn(2)]\n" + "x = x + x\n" * 60,
    "many conditions": "def f(x, a):\n"
    + "".join(f"    if a[{i}]:\n        x = torch.exp(x) + {i}\n" for i in range(60))
    + "    return x * torch.randn(2)\n",
    "early returns": "def f(x, a):\n"
    + "".join(f"    if a[{i}]:\n        return x + {i}\n" for i in range(60))
    + "    return x\n",
    "huge numbers": "x = torch.randn(2) * 10**1000 + 1e400 - float('nan')\ny = 10 ** 10 ** 10\nz = 2 << 10**10\n",
    "huge strings": "x = torch.randn(2)\ns = 'a' * 10**10\nl = [0] * 10**10\nr = list(range(10**12))\n",
    "a wide expression": "x = torch.randn(2)\ny = " + " + ".join(["torch.exp(x)"] * 800) + "\n",
    "properties": "class A:\n    @property\n    def a(self):\n        return self.a\nA().a + torch.randn(2)\n",
    "lambdas of lambdas": "f = lambda f: f(f)\nf(f)(f)(torch.randn(2))\n",
    "deleted names": "x = torch.randn(2)\ndel x\nx += x\nx[x] = x\nx.x.x = x\n(x, *x), [x] = x\n",
    "match": "match torch.randn(2):\n    case [x, *y] if x:\n        z = x\n"
    "    case {'a': 1, **r}:\n        z = r\n    case _:\n        z = 1\n",
    "generators": "def g(n):\n    while True:\n        n = yield from g(torch.randn(n))\nnext(g(1))\n",
    "doubling numbers": "x = 7\ny = torch.randn(2)\n" + "x = x * x\n" * 80,
    "doubling texts": "x = 'a'\ny = torch.randn(2)\n" + "x = x + x\n" * 80,
    "doubling in place": "x = [1]\ny = torch.randn(2)\n" + "x += x\nx.extend(x)\n" * 40,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_code_that_would_not_end_is_left_in_time(text: str) -> None:
    from vae_checked.linter.evaluations.plan import Plan
    from vae_checked.linter.files import source
    from vae_checked.linter.interpreter.project import Project
    from vae_checked.linter.roles import reader

    report = read(f"import torch  # logvar\n{text}".encode(), "model.py")
    assert report is not None
    assert report.findings == ()
    # The bound is counted in the interpreter's steps: no clock is asked.
    project = Project()
    module = project.add(source.parse("model.py", f"import torch  # logvar\n{text}".encode()))
    list(Plan(project, reader).evaluations([module]))
    assert project.interpreter.remaining > -1000
    assert MAX_STEPS - project.interpreter.remaining <= MAX_STEPS + 1000


def test_a_file_that_is_too_large_is_told() -> None:
    loops = "    for i in range(12):\n        for j in range(12):\n"
    work = loops + "            x = abs(i * j + j) + abs(i) + abs(j)\n" * 30
    body = "torch.randn(2).exp()\n" + "".join(f"def f{number}(x):\n{work}    return x\n" for number in range(10))
    report = read(f"import torch\n{body}".encode(), "model.py")
    assert report is not None
    ((path, reason),) = report.unread
    assert path.endswith("model.py")
    assert "too large to be evaluated whole" in reason
