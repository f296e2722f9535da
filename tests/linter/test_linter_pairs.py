"""A decoder that compares each two samples, as the inner products of a graph's nodes do: both axes are the batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, MODEL, codes, linted

GRAPH = (
    HEAD
    + MODEL.replace("self.settings = settings", "(self.ends, self.others), self.nodes = settings, nn.Embedding(41, 7)")
    + """
    def forward(self, x):
        m, s = self.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return {decoded}, m, s


def fit(loader):
    net = Net()
    for x, links in loader:
        y, m, s = net(x)
        loss = {error} + ({kl}).mean(){per}
        loss.backward()
"""
)
BCE = "F.binary_cross_entropy(y, links)"
ENDS = "z[self.ends[0]] * z[self.ends[1]]"
SELECTED = "torch.index_select(z, 0, self.ends[0]) * torch.index_select(z, 0, self.ends[1])"
PAIRS = {
    "t()": ("torch.sigmoid(torch.mm(z, z.t()))", BCE),
    "T": ("torch.sigmoid(z @ z.T)", BCE),
    "transpose": ("torch.sigmoid(torch.matmul(z, torch.transpose(z, 0, 1)))", BCE),
    "permute": ("torch.sigmoid(z.matmul(z.permute(1, 0)))", BCE),
    "through a weight": ("torch.sigmoid(z @ self.to_s.weight @ z.T)", BCE),
    "after dropout": ("torch.sigmoid(F.dropout(z, 0.1, self.training) @ F.dropout(z, 0.1, self.training).t())", BCE),
    "scaled and flat": (
        "(z @ z.t() / 3).view(-1)",
        "F.binary_cross_entropy_with_logits(y, links.view(-1))",
    ),
    "of ends": (f"torch.sigmoid(({ENDS}).sum(dim=1))", BCE),
    "of ends, as logits": (f"({ENDS}).sum(-1)", "F.binary_cross_entropy_with_logits(y, links)"),
    "of ends, selected": (f"torch.sigmoid(({SELECTED}).sum(dim=1))", BCE),
    "of ends, by a method": (
        "torch.sigmoid((z.index_select(0, self.ends[0]) * z.index_select(0, self.ends[1])).sum(dim=1))",
        BCE,
    ),
    "of ends, looked up": ("(F.embedding(self.ends[0], z) * F.embedding(self.ends[1], z)).sum(1).sigmoid()", BCE),
    "of ends, picked at once": ("torch.sigmoid((z[self.ends][0] * z[self.ends][1]).sum(1))", BCE),
    "of one end, and of an embedding": (
        "torch.sigmoid((z[self.ends[0]] * self.nodes(self.ends[1])).sum(dim=1))",
        BCE,
    ),
    "of one end, and of a table": ("torch.sigmoid((z[self.ends[0]] * self.nodes.weight[self.ends[1]]).sum(1))", BCE),
    "of one end, and of a mean": ("(z[self.ends[0]] * m[self.ends[1]]).sum(1).sigmoid()", BCE),
    "of one end, selected": (
        "(z.index_select(0, self.ends[0]) * F.embedding(self.ends[1], self.nodes.weight)).sum(1).sigmoid()",
        BCE,
    ),
    "of one end, beside the other": ("self.back(z[self.ends[0]] - self.trunk(x)[self.ends[1]][:, :7])", BCE),
    "distances": ("torch.exp(-torch.cdist(z, z))", BCE),
    "of ends, through layers": ("self.back((z[self.ends[0]] - z[self.ends[1]]).abs())", BCE),
    "of ends, and of others that are not there": (
        f"torch.cat((torch.sigmoid(({ENDS}).sum(1)), torch.sigmoid(({ENDS.replace('ends', 'others')}).sum(1))))",
        BCE,
    ),
}


@pytest.mark.parametrize(("decoded", "error"), PAIRS.values(), ids=PAIRS)
def test_a_mean_over_pairs_of_samples_is_not_one_over_the_batch(decoded: str, error: str, tmp_path: Path) -> None:
    text = GRAPH.format(decoded=decoded, error=error, kl=KL, per=" / x.size(0)")
    assert codes(linted(tmp_path, {"net.py": text})) == []


@pytest.mark.parametrize(("decoded", "error"), PAIRS.values(), ids=PAIRS)
def test_the_formula_beside_pairs_of_samples_is_still_judged(decoded: str, error: str, tmp_path: Path) -> None:
    text = GRAPH.format(decoded=decoded, error=error, kl=KL.replace("s.exp()", "2 * s.exp()"), per=" / x.size(0)")
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE301"]


@pytest.mark.parametrize(
    "decoded",
    [
        "self.back(z)",
        "self.back(z[self.ends])",
        "self.back(z + self.nodes(self.ends[1]))",
        "self.back(z)[self.ends[0]]",
        "torch.sigmoid(z @ self.trunk[0].weight.t())",
        "torch.sigmoid(z @ nn.Embedding(84, 7)(torch.arange(84)).T)",
    ],
)
def test_an_output_per_sample_is_still_judged(decoded: str, tmp_path: Path) -> None:
    text = GRAPH.format(decoded=decoded, error=BCE, kl=KL, per=" / x.size(0)")
    assert "VAE504" in codes(linted(tmp_path, {"net.py": text}))


def test_samples_that_are_picked_on_both_sides_are_still_judged(tmp_path: Path) -> None:
    decoded = "self.back(z[self.ends[0]] + self.nodes(self.ends[1]))"
    text = GRAPH.format(decoded=decoded, error="F.binary_cross_entropy(y, x[net.ends[0]])", kl=KL, per=" / x.size(0)")
    assert "VAE504" in codes(linted(tmp_path, {"net.py": text}))


ALONE = (
    HEAD
    + """
class Loss(nn.Module):
    def __init__(self):
        super().__init__()
        self.error = nn.{kind}()

    def forward(self, {links}_output, m, s, {links}_target):
        error = self.error({links}_output.{row}, {links}_target.{row})
        kl = 0.5 / {links}_output.size(0) * (1 + s - m.pow(2) - s.exp()).sum(1).mean()
        return error - kl
"""
)
ROWS = {
    "an adjacency matrix": ("BCEWithLogitsLoss", "adj", "flatten()", []),
    "an adjacency matrix by a view": ("BCEWithLogitsLoss", "adj", "view(-1)", []),
    "pictures": ("BCEWithLogitsLoss", "link", "flatten()", ["VAE504"]),
    "an adjacency matrix that keeps its rows": ("BCEWithLogitsLoss", "adj", "clone()", ["VAE504"]),
}


@pytest.mark.parametrize(("kind", "links", "row", "expected"), ROWS.values(), ids=ROWS)
def test_a_loss_alone_of_what_is_put_in_one_row(
    kind: str, links: str, row: str, expected: list[str], tmp_path: Path
) -> None:
    text = ALONE.format(kind=kind, links=links, row=row)
    assert [code for code in codes(linted(tmp_path, {"net.py": text})) if code == "VAE504"] == expected
