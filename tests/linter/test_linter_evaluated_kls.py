"""A KL that is measured where a model is evaluated, and one that a sample estimates beside a mean that is decoded."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

SCENE = (
    HEAD
    + """from torch.distributions import Normal, kl_divergence
import loaders

encoder, decoder = nn.Linear(84, 14), nn.Sequential(nn.Linear(7, 84), nn.Sigmoid())
seen, unseen = loaders.of("train"), loaders.of("test")
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])


def posterior(x):
    h = encoder(x)
    return Normal(h[:, :7], (h[:, 7:] / 2).exp())


def train(loader, estimated):
    for x, _ in loader:
        q = posterior(x)
        prior = Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean))
        z = q.rsample()
        kl = 0
        if estimated:
            kl += q.log_prob(z).sum() - prior.log_prob(z).sum()
        else:
            kl = kl_divergence(q, prior).sum()
        loss = F.binary_cross_entropy(decoder({decoded}), x, reduction="sum") + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test(loader, estimated):
    {mode}
    total = 0
    for x, _ in loader:
        q = posterior(x)
        prior = Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean))
        if estimated:
            kl = q.log_prob(q.mean).sum() - prior.log_prob(q.mean).sum()
        else:
            kl = {measured}
        loss = F.binary_cross_entropy(decoder(q.mean), x, reduction="sum") + kl
        total += loss.item()
    return total


for epoch in range(3):
    train(seen, epoch)
    test(unseen, epoch)
"""
)
MEASURED = "kl_divergence(q, prior).sum()"
# What a draw is asked for, and an error of what is decoded from it.
OF_DRAWS = {"VAE201", "VAE202", "VAE203", "VAE206", "VAE207", "VAE305"}


def clean(text: str, tmp_path: Path) -> set[str]:
    """The codes by which the one VAE of a script is clean as a whole."""
    (vae,) = linted(tmp_path, {"train.py": text}).vaes
    return set(vae.clean)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("encoder.eval()", True),
        ("encoder.train(False)", True),
        ("encoder.train(mode=False)", True),
        ("encoder.train()", False),
        ("print('tested')", False),
    ],
)
def test_a_kl_of_an_evaluation_leaves_its_training_as_it_is(mode: str, expected: bool, tmp_path: Path) -> None:
    text = SCENE.format(decoded="z", mode=mode, measured=MEASURED)
    assert (clean(text, tmp_path) >= OF_DRAWS) is expected


def test_another_formula_in_an_evaluation_is_named(tmp_path: Path) -> None:
    wrong = "-0.5 * (1 + q.stddev.log() - q.mean ** 2 - q.stddev ** 2).sum()"
    text = SCENE.format(decoded="z", mode="encoder.eval()", measured=wrong)
    assert codes(linted(tmp_path, {"train.py": text})) == ["VAE301"]


@pytest.mark.parametrize(("decoded", "code"), [("q.mean", "VAE207"), ("q.mean", "VAE206"), ("z.detach()", "VAE206")])
def test_a_sample_that_a_kl_alone_uses_is_not_called_clean(decoded: str, code: str, tmp_path: Path) -> None:
    assert code in clean(SCENE.format(decoded="z", mode="encoder.eval()", measured=MEASURED), tmp_path)
    assert code not in clean(SCENE.format(decoded=decoded, mode="encoder.eval()", measured=MEASURED), tmp_path)
