"""A KL of one part of both heads, as of a step or of some latents, belongs to the sampler that draws with the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, codes, linted

NET = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        {heads}
        z = mean + torch.exp({std}) * torch.randn_like(mean)
        error = F.mse_loss(self.back(z), x, reduction="sum")
        {kl}
        loss = error + kl
        return loss
"""
)
HEADS = "mean, second = self.to_m(x), self.to_s(x)"
TERM = "0.5 * (m.pow(2) + s.exp() - 1 - s).sum()"


def scene(kl: str, std: str = "0.5 * second", heads: str = HEADS) -> str:
    return NET.format(heads=heads, std=std, kl=kl)


PARTS = {
    "each step": f"""kl = 0.0
        for t in range(mean.size(1)):
            m, s = mean[:, t], second[:, t]
            kl = kl + {TERM}""",
    "each sample": f"""terms = []
        for m, s in zip(mean, second):
            terms.append({TERM})
        kl = torch.stack(terms).sum()""",
    "some latents": f"""m, s = mean[:, :5], second[:, :5]
        kl = {TERM}""",
    "the first of three pieces": f"""m, s = mean.split([2, 2, 3], 1)[0], second.split([2, 2, 3], 1)[0]
        kl = {TERM}""",
    "a part of a part": f"""m, s = mean.transpose(0, 1)[2:], second.transpose(0, 1)[2:]
        kl = {TERM}""",
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(("std", "expected"), [("0.5 * second", []), ("second", ["VAE201"])])
def test_a_kl_of_a_part_of_both_heads_belongs_to_them(part: str, std: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": scene(PARTS[part], std)})
    assert codes(report) == expected
    assert [facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind]


@pytest.mark.parametrize(
    "heads", ["mean[:, :3], second[:, 4:]", "mean[:, :3], self.to_s(x.flip(1))[:, :3]", "mean[:3], second[:, :3]"]
)
def test_a_kl_of_parts_that_differ_is_not_theirs(heads: str, tmp_path: Path) -> None:
    kl = f"m, s = {heads}\n        kl = {TERM}"
    report = linted(tmp_path, {"net.py": scene(kl, "second")})
    assert codes(report) == []
    assert not [facts for facts in report.facts if facts.sampler.std and facts.kl.form]


MEANS = {
    "of each latent": ("mean.size(1)", "mean[:, t], second[:, t]", []),
    "of the last axis": ("mean.size(-1)", "mean[..., t], second[..., t]", []),
    "of each sample": ("mean.size(0)", "mean[t], second[t]", ["VAE503"]),
}


@pytest.mark.parametrize("heads", ["h[:, 0], h[:, 1]", "h.unbind(1)"])
@pytest.mark.parametrize("means", MEANS)
def test_heads_that_are_entries_themselves_miss_no_axis(means: str, heads: str, tmp_path: Path) -> None:
    count, parts, expected = MEANS[means]
    kl = f"""kl = 0.0
        for t in range({count}):
            m, s = {parts}
            kl = kl + {TERM.replace(".sum()", ".mean()")}"""
    made = f"h = self.to_m(x).view(-1, 2, 7)\n        mean, second = {heads}"
    text = scene(kl, heads=made).replace('reduction="sum")', 'reduction="none").sum(1).mean()')
    assert text.count("= nn.Linear(84, 7)") == 1
    text = text.replace("= nn.Linear(84, 7)", "= nn.Linear(84, 14)")
    assert codes(linted(tmp_path, {"net.py": text})) == expected


@pytest.mark.parametrize("means", MEANS)
def test_a_mean_over_what_is_left_of_an_entry_is_not_judged(means: str, tmp_path: Path) -> None:
    """Of a latent by itself the batch is left, of a sample by itself its latents."""
    count, heads, expected = MEANS[means]
    kl = f"""kl = 0.0
        for t in range({count}):
            m, s = {heads}
            kl = kl + {TERM.replace(".sum()", ".mean()")}"""
    text = scene(kl).replace('reduction="sum")', 'reduction="none").sum(1).mean()')
    assert codes(linted(tmp_path, {"net.py": text})) == expected
