"""Draws for generation next to a condition: what goes where z goes in training is drawn as the KL has z drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, linted

MODEL = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84 + {conditions}, 7), nn.Linear(84 + {conditions}, 7)
        self.back = nn.Sequential(nn.Linear({taken}, 33), nn.ReLU(), nn.Linear(33, 84))

    def encode(self, x, c):
        h = torch.cat([x, c], dim=1)
        return self.to_m(h), self.to_s(h)

    def decode(self, z, c=None):
        {decoded}

    def generate(self, c):
        z = torch.{drawn}(c.size(0), 7)
        return self.decode(z, c)

    def forward(self, x, c):
        m, s = self.encode(x, c)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.decode(z{given}), m, s
"""
)
FIT = f"""

def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, c in loader:
        y, m, s = net(x, c)
        loss = (F.mse_loss(y, x, reduction="none").sum(1) + {KL}).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
# What decodes, and how many conditions its first layer takes in training: z first, last, or given alone in training.
DECODED = {
    "behind z": ("return self.back(torch.cat([z, c], dim=1))", ", c", 17),
    "before z": ("return self.back(torch.cat((c, z), 1))", ", c", 17),
    "on demand": ("return self.back(z if c is None else torch.cat([z, c], dim=-1))", "", 7),
}


def scene(decoded: str, given: str, taken: int, drawn: str) -> dict[str, str]:
    text = MODEL.format(decoded=decoded, given=given, taken=taken, drawn=drawn, conditions=10)
    return {"net.py": text + FIT}


@pytest.mark.parametrize(("drawn", "codes"), [("rand", ["VAE202"]), ("randn", [])])
@pytest.mark.parametrize("way", DECODED)
def test_a_draw_with_a_condition_is_the_z_of_training(way: str, drawn: str, codes: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, scene(*DECODED[way], drawn))
    assert [finding.code for finding in report.findings] == codes
    assert all("z, here handed to the decoder by itself" in finding.message for finding in report.findings)


def test_a_uniform_draw_next_to_z_in_training_is_no_z(tmp_path: Path) -> None:
    decoded = "return self.back(torch.cat([z, c, torch.rand(z.size(0), 5)], dim=1))"
    report = linted(tmp_path, scene(decoded, ", c", 22, "randn"))
    assert report.findings == ()


ADVERSARIAL = (
    HEAD
    + f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), z, m, s


def fit(loader):
    net, judge = Net(), nn.Sequential(nn.Linear({{taken}}, 33), nn.ReLU(), nn.Linear(33, 1))
    optimizer = torch.optim.Adam(net.parameters())
    judging = torch.optim.Adam(judge.parameters())
    for x, c in loader:
        y, z, m, s = net(x)
        real = torch.rand(x.size(0), 7)
        judged = F.softplus(-judge({{real}})).mean() + F.softplus(judge({{fake}}.detach())).mean()
        judging.zero_grad()
        judged.backward()
        judging.step()
        error = F.mse_loss(y, x, reduction="none").sum(1)
        loss = {{loss}}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


KL = lambda m, s: {KL}
"""
)
FOOLED = "error.mean() + F.softplus(-judge({fake})).mean()"
JUDGED = {
    "z alone": ("real", "z", 7),
    "with a condition": ("torch.cat([real, c], 1)", "torch.cat([z, c], 1)", 17),
}


@pytest.mark.parametrize("way", JUDGED)
def test_a_prior_that_a_discriminator_holds_z_to_may_be_uniform(way: str, tmp_path: Path) -> None:
    real, fake, taken = JUDGED[way]
    text = ADVERSARIAL.format(real=real, fake=fake, taken=taken, loss=FOOLED.format(fake=fake))
    report = linted(tmp_path, {"train.py": text})
    assert report.findings == ()


def test_decoded_for_a_discriminator_it_is_drawn_as_the_kl_has_it(tmp_path: Path) -> None:
    text = ADVERSARIAL.format(real="x", fake="net.back(real)", taken=84, loss="(error + KL(m, s)).mean()")
    report = linted(tmp_path, {"train.py": text})
    assert [finding.code for finding in report.findings] == ["VAE202"]
    right = linted(tmp_path, {"train.py": text.replace("real = torch.rand(", "real = torch.randn(")})
    assert right.findings == ()


WALK = """
    def walk(self, place):
        z = torch.rand(1, 7)
        shown = []
        for value in torch.linspace(-3, 3, 9):
            {step}
        return torch.cat(shown)
"""
STEPS = {
    "in place": "z[:, place] = value\n            shown.append(self.decode(z))",
    "one entry": "z[0, place] = value\n            shown.append(self.decode(z))",
    "of a copy": "moved = z.clone()\n            moved[:, place] = value\n            shown.append(self.decode(moved))",
}


@pytest.mark.parametrize(
    ("step", "codes"), [*((step, []) for step in STEPS.values()), ("shown.append(self.decode(z))", ["VAE202"])]
)
def test_where_a_walk_through_latents_starts_is_no_draw_from_a_prior(
    step: str, codes: list[str], tmp_path: Path
) -> None:
    text = scene("return self.back(z)", "", 7, "randn")["net.py"]
    text = text.replace("\n    def forward", f"{WALK.format(step=step)}\n    def forward")
    assert [finding.code for finding in linted(tmp_path, {"net.py": text}).findings] == codes
