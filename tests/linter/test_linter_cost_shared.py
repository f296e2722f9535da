"""What values share is read once for all of them: the work is counted, on every machine alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vae_checked.linter.roles import latents
from vae_checked.linter.symbols.expression import Expr, atom, walk


def test_what_chained_draws_share_is_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[Expr] = []

    def counted(*exprs: Expr) -> Iterator[Expr]:
        for node in walk(*exprs):
            walked.append(node)
            yield node

    monkeypatch.setattr(latents, "walk", counted)
    head = atom("x")
    for serial in range(60):
        eps = Expr("noise", (head,), (("law", None), ("serial", serial)))
        head = Expr("add", (Expr("mul", (Expr("exp", (head,)), eps)), head))
    assert not latents._is_made(head)
    assert 60 <= len(walked) == len({node.uid for node in walked})
