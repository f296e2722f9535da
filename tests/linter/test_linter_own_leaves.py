"""What is cut off from the encoder and learned by itself, for one batch: no sample without its gradient, no lost KL."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

REFINED = (
    HEAD
    + MODEL
    + FORWARD
    + """
    def drawn(self, m, s):
        return m + torch.exp(0.5 * s) * torch.randn_like(s)


def refine(net, x):
    {made}
    optimizer = torch.optim.SGD({learned}, lr=0.1)
    for _ in range(20):
        z = net.drawn(m, s)
        {cut}
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean()
        loss = F.mse_loss(net.back(z), x, reduction="sum") / len(x) + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return m, s


refine(Net(), next(iter(DataLoader(Rows()))))
"""
)
UNDER = "with torch.no_grad():\n        m, s = net.encode(x)\n    "
LEAVES = {
    "of each": "m, s = (each.detach().requires_grad_(True) for each in net.encode(x))",
    "one by one": "m, s = net.encode(x)\n    m, s = m.detach().requires_grad_(), s.detach().clone().requires_grad_()",
    "in place": UNDER + "m.requires_grad_(); s.requires_grad_()",
    "by attribute": UNDER + "m.requires_grad = True\n    s.requires_grad = True",
    "parameters": UNDER + "m, s = nn.Parameter(m), nn.Parameter(s)",
}


@pytest.mark.parametrize("made", LEAVES.values(), ids=LEAVES)
def test_heads_that_are_learned_by_themselves(made: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"refine.py": REFINED.format(made=made, learned="[m, s]", cut="pass")})) == []


@pytest.mark.parametrize("cut", ["z = z.detach()", "z = z.detach().requires_grad_()"])
def test_a_sample_that_is_cut_off_is_still_named(cut: str, tmp_path: Path) -> None:
    made = "m, s = net.encode(x)"
    text = REFINED.format(made=made, learned="net.parameters()", cut=cut)
    assert "VAE206" in codes(linted(tmp_path, {"refine.py": text}))
