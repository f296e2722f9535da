"""Packed sequences: the steps of all sequences without their padding, which a loss compares."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

from vae_checked.facts import Likelihood

TEXT = (
    HEAD
    + """from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Texts(nn.Module):
    def __init__(self, words=901):
        super().__init__()
        self.words, self.there = nn.Embedding(words, 33), nn.GRU(33, 21, batch_first=True)
        self.to_m, self.to_s, self.open = nn.Linear(21, 7), nn.Linear(21, 7), nn.Linear(7, 21)
        self.back, self.out = nn.GRU(33, 21, batch_first=True), nn.Linear(21, words)

    def forward(self, tokens, lengths):
        _, last = self.there(pack_padded_sequence(self.words(tokens), lengths, batch_first=True))
        m, s = self.to_m(last[0]), self.to_s(last[0])
        z = m + torch.exp({factor} * s) * torch.randn_like(s)
        given = pack_padded_sequence(self.words(tokens[:, :-1]), lengths - 1, batch_first=True)
        hidden, _ = pad_packed_sequence(self.back(given, self.open(z).unsqueeze(0))[0], batch_first=True)
        found = pack_padded_sequence(self.out(hidden), lengths - 1, batch_first=True){part}
        wanted = pack_padded_sequence(tokens[:, 1:], lengths - 1, batch_first=True){part}
        error = F.cross_entropy(found, wanted, reduction="sum")
        return error - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())


def fit(net, loader):
    optimizer = torch.optim.Adam(net.parameters())
    for tokens, lengths in loader:
        optimizer.zero_grad()
        Texts()(tokens, lengths).backward()
        optimizer.step()
"""
)


@pytest.mark.parametrize("part", [".data", "[0]"])
def test_a_loss_of_what_is_packed_is_that_of_the_tokens(part: str, tmp_path: Path) -> None:
    found = []
    for name, factor in (("right", 0.5), ("wrong", 1)):
        report = linted(tmp_path / name, {"texts.py": TEXT.format(part=part, factor=factor)})
        reached = {facts.sampler.gradient_reaches.value for facts in joined(report) if facts.sampler.gradient_reaches}
        kinds = {facts.recon.kind.value for facts in joined(report) if facts.recon.kind is not None}
        found.append((codes(report), kinds, len(reached)))
    assert found == [([], {Likelihood.CROSS_ENTROPY}, 1), (["VAE201"], {Likelihood.CROSS_ENTROPY}, 1)]


_DROPPED = TEXT.replace(
    "        given = pack_padded_sequence(self.words(tokens[:, :-1])",
    "        dropped = torch.where(torch.rand(tokens.shape) < 0.2, 3, tokens)\n"
    "        given = pack_padded_sequence(self.words({given}[:, :-1])",
)


@pytest.mark.parametrize("given", ["tokens", "dropped"])
@pytest.mark.parametrize(("how", "expected"), [("sum", []), ("mean", ["VAE502", "VAE504"])])
def test_words_that_noise_drops_are_no_rows_of_the_draw(
    how: str, expected: list[str], given: str, tmp_path: Path
) -> None:
    text = _DROPPED.format(given=given, part=".data", factor=0.5).replace('reduction="sum"', f'reduction="{how}"')
    report = linted(tmp_path, {"texts.py": text})
    assert codes(report) == expected
    assert {facts.recon.reduced is None for facts in joined(report)} == {False}
