"""Graph autoencoders: the likelihood of links that are there and, averaged alone, of as many that are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from joined_parts import joined, read
from small_vaes.fragments import codes

from vae_checked.facts import Likelihood

NET = """\
import torch
import torch.nn as nn
from torch_geometric.nn import GAE, GCNConv, InnerProductDecoder
from torch_geometric.utils import negative_sampling


class Net(GAE):
    def __init__(self, encoder, decoder=None):
        super().__init__(encoder, decoder)
        self.decoder = InnerProductDecoder() if decoder is None else decoder

    def encode(self, *args):
        self.m, self.s = self.encoder(*args)
        return self.m + torch.exp({exponent} * self.s) * torch.randn_like(self.s)

    def kl(self):
        return -0.5 * torch.mean(torch.sum(1 + self.s - self.m ** 2 - self.s.exp(), dim=1))

    def error(self, z, links, others=None):
        found = self.decoder(z, links, sigmoid=True)
        if others is None:
            others = negative_sampling(links, z.size(0))
        there = {there}
        missing = {missing}
        return {total}
"""
TRAIN = """\


def train(net, graph, optimizer):
    net = net.train()
    z = net.encode(graph.x, graph.links)
    loss = net.error(z, graph.links) + (1 / graph.num_nodes) * net.kl()
    loss.backward()
    optimizer.step()
"""
RIGHT = {
    "there": "-torch.log(found + 1e-15).mean()",
    "missing": "-torch.log(1 - self.decoder(z, others, sigmoid=True) + 1e-15).mean()",
    "total": "there + missing",
}
FORMS = {
    "two errors": {},
    "two log likelihoods": {
        "there": "(found + 1e-15).log().mean()",
        "missing": "(1 - self.decoder(z, others, sigmoid=True)).log().mean()",
        "total": "-(there + missing)",
    },
    "the others first": {"total": "missing + there"},
    "summed": {
        "there": "-torch.log(found).sum()",
        "missing": "-(1 - self.decoder(z, others, sigmoid=True) + 1e-9).log().sum()",
    },
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("exponent", "found"), [("0.5", []), ("1", ["VAE201"])])
def test_links_are_what_is_reconstructed(form: str, exponent: str, found: list[str], tmp_path: Path) -> None:
    text = NET.format(exponent=exponent, **{**RIGHT, **FORMS[form]}) + TRAIN
    report = read(tmp_path, {"net.py": text})
    assert [finding.code for finding in report.findings] == found
    assert joined(report)


@pytest.mark.parametrize("total", ["-(there + missing)", "-there - missing"])
def test_a_likelihood_of_links_that_is_minimised_is_named(total: str, tmp_path: Path) -> None:
    text = NET.format(exponent="0.5", **{**RIGHT, "total": total}) + TRAIN
    assert {finding.code for finding in read(tmp_path, {"net.py": text}).findings} <= {"VAE505", "VAE302"}
    assert read(tmp_path, {"net.py": text}).findings


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ("-torch.log(self.judge(x)).mean()", "-torch.log(1 - self.judge(out)).mean()"),
        ("-torch.log(self.judge(out)).mean()", "-torch.log(1 - self.judge(self.back(torch.randn(11, 7)))).mean()"),
        ("-torch.log(self.judge(out)).mean()", "torch.log(1 - self.judge(self.back(z.flip(0)))).mean()"),
    ],
)
def test_what_a_discriminator_tells_apart_are_no_links(there: str, missing: str, tmp_path: Path) -> None:
    text = f"""\
import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 33)
        self.judge = nn.Sequential(nn.Linear(33, 1), nn.Sigmoid())

    def loss(self, x):
        m, s = self.a(x), self.b(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        out = self.back(z)
        return {there} + {missing} - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
"""
    assert all(facts.recon.kind is None for facts in read(tmp_path, {"net.py": text}).facts)


# All pairs are scored, and two losses of scores compare some of them with 1 and others with 0.
SCORED = """\
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch_geometric.nn import GCNConv
from torch_geometric.utils import negative_sampling


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.to_m, self.to_s = GCNConv(20, 16), GCNConv(16, 8), GCNConv(16, 8)
        self.judge = nn.Linear(8, 16)

    def forward(self, x, links):
        h = F.relu(self.first(x, links))
        m, s = self.to_m(h, links), self.to_s(h, links)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return {scores}, m, s

    def loss(self, scores, m, s, graph):
        there, size = graph.edge_index, graph.num_nodes
        others = negative_sampling(there, num_nodes=size, num_neg_samples=there.size(1))
        found = F.binary_cross_entropy_with_logits(scores[there[0], there[1]], torch.ones(there.size(1)))
        missing = F.binary_cross_entropy_with_logits(
            scores.view(-1)[others[0] * size + others[1]], torch.{label}(others.size(1))
        )
        return found + missing {sign} 0.5 * torch.mean(torch.sum(1 + s - m.pow(2) - s.exp(), dim=1))


def train(net: Net, graph, optimizer):
    scores, m, s = net(graph.x, graph.edge_index)
    loss = net.loss(scores, m, s, graph)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
PRODUCTS = ["torch.matmul(z, z.t())", "z @ z.t()", "torch.mm(z, z.T)", "z.matmul(z.transpose(0, 1))"]


@pytest.mark.parametrize("scores", PRODUCTS)
def test_two_losses_of_scores_are_the_error_of_a_graph(scores: str, tmp_path: Path) -> None:
    right = read(tmp_path, {"net.py": SCORED.format(scores=scores, label="zeros", sign="-")})
    assert codes(right) == []
    (facts,) = joined(right)
    assert facts.recon.kind
    assert facts.recon.kind.value is Likelihood.BCE_WITH_LOGITS
    assert facts.recon.reduced is None
    assert facts.kl.sign
    assert facts.kl.sign.value == 1
    wrong = read(tmp_path, {"net.py": SCORED.format(scores=scores, label="zeros", sign="+")})
    assert codes(wrong) == ["VAE302"]
    bent = read(tmp_path, {"net.py": SCORED.format(scores=f"torch.sigmoid({scores})", label="zeros", sign="-")})
    assert codes(bent) == ["VAE401"]


@pytest.mark.parametrize(
    ("scores", "label"),
    [("z @ z.t()", "ones"), ("self.judge(z)", "zeros"), ("m @ m.t()", "zeros"), ("z @ m.t()", "zeros")],
)
def test_what_else_is_compared_with_numbers_is_no_graph(scores: str, label: str, tmp_path: Path) -> None:
    report = read(tmp_path, {"net.py": SCORED.format(scores=f"torch.sigmoid({scores})", label=label, sign="-")})
    assert codes(report) == []
    assert not [facts for facts in report.facts if facts.recon.kind]
