"""Models that share the sampler and the KL of their base class: each is examined by its own decoder and error."""

from __future__ import annotations

from pathlib import Path

from small_vaes.fragments import HEAD, linted

BASE = (
    HEAD
    + """
from torch.distributions import Bernoulli, Normal


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.prior = Normal(torch.zeros(7), torch.ones(7))

    def forward(self, x, many):
        q = self.encode(x)
        z = q.rsample(torch.Size([many]))
        kl = q.log_prob(z).sum(-1) - self.prior.log_prob(z).sum(-1)
        bound = self.likely(x, z) - kl
        return {"bound": bound, "loss": -bound.mean(0)}
"""
)
ONE = """
from base import *


class {name}(Base):
    def __init__(self):
        super().__init__()
        self.mu, self.raw, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def encode(self, x):
        return Normal(self.mu(x), F.softplus(self.raw(x)))

    def likely(self, x, z):
        return {density}.log_prob(x).sum(-1)
"""
MAIN = """
from base import *
from flat import Flat
from wide import Wide


def draw(model, loader):
    for x, _ in loader:
        break
    z = model.encode(x).rsample()
    return model.back(z).numpy()


def main(loader, validation):
    model = Flat()
    steps = torch.optim.Adam(model.parameters())
    for x, _ in loader:
        steps.zero_grad()
        loss = model(x, many=1)["loss"].mean()
        loss.backward()
        steps.step()
    with torch.no_grad():
        draw(model, validation)
        print([model(x, many=50)["bound"].mean() for x, _ in validation])
"""


def _files(wide: str) -> dict[str, str]:
    flat = ONE.format(name="Flat", density="Bernoulli(logits=self.back(z))")
    return {"base.py": BASE, "flat.py": flat, "wide.py": ONE.format(name="Wide", density=wide), "main.py": MAIN}


def test_what_is_drawn_for_a_picture_is_no_other_latent(tmp_path: Path) -> None:
    report = linted(tmp_path, _files("Normal(self.back(z), F.softplus(self.back(z)))"))
    main = [facts for facts in report.facts if facts.subject.endswith("main")]
    assert not report.findings
    assert len({facts.sampler.std.origin.place for facts in main if facts.sampler.std is not None}) == 1
    assert all(facts.recon.kind is not None for facts in main)
    assert {vae.subject.rpartition(":")[2] for vae in report.vaes if vae.core_checked} == {"Flat", "Wide"}


def test_noise_that_is_not_normal_is_named_in_training_and_in_a_picture(tmp_path: Path) -> None:
    files = _files("Normal(self.back(z), F.softplus(self.back(z)))")
    for path, line in (("base.py", "q.rsample(torch.Size([many]))"), ("main.py", "model.encode(x).rsample()")):
        drawn = line.split(".rsample")[0]
        text = files[path].replace(line, f"{drawn}.mean + {drawn}.stddev * torch.rand_like({drawn}.mean)")
        codes = {finding.code for finding in linted(tmp_path / path[:-3], {**files, path: text}).findings}
        assert codes == {"VAE202"}
