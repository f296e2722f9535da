"""Parts that are picked by a name of which a piece is known, tokens by a mask, and a weight made of a detached loss."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

from vae_checked.facts import Likelihood

TEXT = (
    HEAD
    + """

class Posterior(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)

    def forward(self, h):
        m, s = self.to_m(h), self.to_s(h)
        return m, s, m + torch.exp(0.5 * s) * torch.randn_like(s)


class Texts(nn.Module):
    def __init__(self, words=901):
        super().__init__()
        self.parts = nn.ModuleDict()
        self.parts["words"] = nn.Embedding(words, 33)
        for name in ("glad", "sad"):
            self.parts[name + "_posterior"] = Posterior()
            self.parts[f"decoder_{{name}}"] = nn.GRU(33, 7, batch_first=True)
            self.parts["bag_%s" % name] = nn.Linear(7, words)
        self.out = nn.Linear(7, words)
        self.optimizer = torch.optim.Adam(self.parameters())

    def step(self, tokens, mood, weight):
        seen = self.parts["words"](tokens)
        m, s, z = self.parts["{{}}_posterior".format(mood)](seen.sum(1))
        hidden, _ = self.parts[f"decoder_{{mood}}"](seen[:, :-1], z.unsqueeze(0))
        logits, wanted = self.out(hidden).view(-1, 901), tokens[:, 1:].contiguous().view(-1)
        mask = wanted.gt(0)
        kept = logits.masked_select(mask.unsqueeze(1).expand_as(logits)).view(-1, 901)
        error = F.cross_entropy(kept, wanted.masked_select(mask), reduction="sum")
        bag = -F.log_softmax(self.parts["bag_%s" % mood](z), dim=1).gather(1, tokens[:, 1:]).sum()
        share = torch.norm(torch.autograd.grad(error, self.out.weight, retain_graph=True)[0]).detach()
        loss = error {sign} weight * (-0.5 * torch.sum(1 + s - m.pow(2) - s.exp())) + share * bag
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
"""
)


@pytest.mark.parametrize(("sign", "expected"), [("+", []), ("-", ["VAE302"])])
def test_picked_parts_are_those_of_the_vae(sign: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"texts.py": TEXT.format(sign=sign)})
    kinds = {facts.recon.kind.value for facts in joined(report) if facts.recon.kind is not None}
    assert (codes(report), kinds) == (expected, {Likelihood.CROSS_ENTROPY})


LOOP = (
    HEAD
    + """

class Stack(nn.Module):
    def __init__(self, seen, hidden, made):
        super().__init__()
        self.parts = nn.ModuleDict({{"first": nn.Linear(seen, hidden), "bent": nn.ReLU()}})
        self.parts.add_module("last", nn.Linear(hidden, made))

    def forward(self, x):
        for {loop}
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), Stack(7, 33, {made})

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


net = Net()
for x in DataLoader(records, 32):
    x = x.view(-1, 84)
    y, m, s = net(x)
    (F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())).backward()
"""
)


@pytest.mark.parametrize(
    "loop",
    [
        "name in self.parts:\n            x = self.parts[name](x)",
        "part in self.parts.values():\n            x = part(x)",
    ],
)
@pytest.mark.parametrize(("made", "expected"), [(84, []), (21, ["VAE105"])])
def test_a_loop_over_parts_by_name_is_gone_through(loop: str, made: int, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": LOOP.format(loop=loop, made=made)})) == expected
