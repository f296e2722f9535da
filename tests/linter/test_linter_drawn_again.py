"""Draws of trained heads that no training runs, and KLs that measure them: no latents beside the one that trains."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LOOP, MODEL, codes, linted

from vae_checked.linter import LintReport

FORWARD = """
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar
"""
LOSS = """loss = F.binary_cross_entropy(y, x, reduction="sum") - 0.5 * (1 + s - m.pow(2) - s.exp()).sum()"""
TRAINED = LOOP.format(loss=LOSS, differentiated="loss.backward()")
OPEN_LOOP = """

class Rows(Dataset):
    def __init__(self, rows):
        self.rows = rows / 255.0

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, at):
        return self.rows[at]


loader = DataLoader(Rows(torch.load("rows.pt")), batch_size=31)
net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x in loader:
    y, m, s = net(x)
    {loss}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
SCRIPT = HEAD + MODEL + FORWARD + OPEN_LOOP.format(loss=LOSS)


def whole(report: LintReport) -> list[str]:
    """The subjects of the VAEs that were put together whole."""
    return [vae.subject.rpartition("/")[2] for vae in report.vaes if vae.core_checked]


def in_part(report: LintReport) -> list[str]:
    return [vae.subject.rpartition("/")[2] for vae in report.vaes if not vae.core_checked]


METHODS = {
    "of what is handed over": """
    @torch.no_grad()
    def near(self, mu, logvar):
        return self.back(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))
""",
    "of a std that is handed over": """
    def near(self, mu, std, rows):
        return self.back(mu + std * torch.randn(rows, 7))
""",
    "wider or narrower": """
    def vary(self, x, width=0.4):
        m, s = self.encode(x)
        return self.back(m + width * torch.exp(0.5 * s) * torch.randn_like(m))
""",
    "as wide as is asked": """
    def vary(self, x, width):
        m, s = self.encode(x)
        return self.back(m + torch.exp(0.5 * s) * width * torch.randn_like(m))
""",
    "several": """
    def several(self, x, many=5):
        m, s = self.encode(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn(many, *m.shape)).mean(0)
""",
    "a KL for each latent": """
    def used(self, x):
        m, s = self.encode(x)
        return 0.5 * (m ** 2 + s.exp() - s - 1).mean(0)
""",
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_method_that_draws_or_measures_once_more_leaves_the_vae_whole(method: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": HEAD + MODEL + FORWARD + method + TRAINED})
    assert not report.findings
    assert whole(report)
    assert not in_part(report)


@pytest.mark.parametrize(
    ("method", "code"),
    [
        (
            """
    def near(self, x):
        m, s = self.encode(x)
        return self.back(m + torch.exp(s) * torch.randn_like(m))
""",
            "VAE201",
        ),
        (
            """
    def near(self, x):
        m, s = self.encode(x)
        return self.back(m + torch.exp(0.5 * s) * torch.rand_like(m))
""",
            "VAE202",
        ),
        (
            """
    def used(self, x):
        m, s = self.encode(x)
        return 0.5 * (m ** 2 + s.exp() + s - 1).mean(0)
""",
            "VAE301",
        ),
    ],
    ids=["std of another head", "uniform noise", "no KL"],
)
def test_a_method_that_is_wrong_is_named(method: str, code: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": HEAD + MODEL + FORWARD + method + TRAINED})
    assert code in codes(report)


def test_what_is_handed_over_and_read_otherwise_is_named(tmp_path: Path) -> None:
    method = """
    def near(self, mu, logvar):
        return self.back(mu + torch.exp(logvar) * torch.randn_like(mu))
"""
    report = linted(tmp_path, {"net.py": HEAD + MODEL + FORWARD + method + TRAINED})
    assert codes(report) == ["VAE201"]


# Heads that no name says anything of, and a method that asks for what is to be made of them.
UNNAMED = FORWARD.replace("logvar", "s").replace("mu", "m")
ASKED = {
    "a std": ("mu, std", "mu + std * torch.randn_like(mu)"),
    "a scale": ("loc, scale", "loc + scale * torch.randn_like(loc)"),
    "a std of z": ("z_mean, z_sigma", "torch.normal(z_mean, z_sigma)"),
    "a variance": ("mu, var", "mu + var.sqrt() * torch.randn_like(mu)"),
    "a distribution": ("mu, sigma", "torch.distributions.Normal(mu, sigma).rsample()"),
}


@pytest.mark.parametrize(("asked", "drawn"), ASKED.values(), ids=ASKED)
def test_a_method_that_asks_for_a_std_is_handed_no_logarithm(asked: str, drawn: str, tmp_path: Path) -> None:
    method = f"\n    def near(self, {asked}):\n        return self.back({drawn})\n"
    report = linted(tmp_path, {"net.py": HEAD + MODEL + UNNAMED + method + TRAINED})
    assert not report.findings
    assert whole(report) == ["net.py:fit"]


@pytest.mark.parametrize(
    ("asked", "drawn"),
    [
        ("mu, std", "mu + std.exp() * torch.randn_like(mu)"),
        ("mu, logvar", "mu + logvar.exp() * torch.randn_like(mu)"),
    ],
)
def test_a_logarithm_that_a_method_reads_otherwise_is_named(asked: str, drawn: str, tmp_path: Path) -> None:
    method = f"\n    def near(self, {asked}):\n        return self.back({drawn})\n"
    assert codes(linted(tmp_path, {"net.py": HEAD + MODEL + UNNAMED + method + TRAINED})) == ["VAE201"]


KL_OF_A_STD = """
    def loss(self, y, x, mu, std):
        kl = 0.5 * torch.sum(mu ** 2 + std ** 2 - 1 - 2 * torch.log(std))
        return F.binary_cross_entropy(y, x, reduction="sum") + kl
"""


@pytest.mark.parametrize(("std", "named"), [("torch.exp(0.5 * s)", False), ("s", False), ("torch.exp(s)", False)])
def test_a_loss_that_asks_for_a_std_is_not_accused_of_what_none_hands(std: str, named: bool, tmp_path: Path) -> None:
    forward = UNNAMED.replace("torch.exp(0.5 * s)", std)
    assert bool(linted(tmp_path, {"net.py": HEAD + MODEL + forward + KL_OF_A_STD}).findings) is named


def test_a_draw_that_trains_beside_another_is_a_latent_of_its_own(tmp_path: Path) -> None:
    net = (
        HEAD
        + MODEL.replace("self.back =", "self.more = nn.Linear(7, 7)\n        self.back =")
        + """
    def forward(self, x):
        m, s = self.encode(x)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        m2, s2 = self.to_m(self.trunk(x)), self.more(z)
        return self.back(m2 + torch.exp(0.5 * s2) * torch.randn_like(s2)), m, s
"""
        + TRAINED
    )
    assert in_part(linted(tmp_path, {"net.py": net}))


LOADED = """
torch.save(net.state_dict(), "net.pt")
loaded = Net()
loaded.load_state_dict(torch.load("net.pt"))
m, s = loaded.encode(next(iter(loader)))
std = torch.exp(0.5 * s)
shown = loaded.back(m + std * torch.randn_like(std))
"""
LATER = {
    "with a loaded copy": LOADED,
    "of the last batch": """
m, s = net.encode(x)
std = torch.exp(0.5 * s)
shown = net.back(m + std * torch.randn_like(std))
""",
    "of another batch": """
m, s = net.encode(next(iter(loader)))
std = torch.exp(0.5 * s)
shown = net.back(m + std * torch.randn_like(std)).detach().numpy()
""",
    "about the mean of all": """
ms, ss = [], []
with torch.no_grad():
    for x in loader:
        m, s = net.encode(x)
        ms.append(m)
        ss.append(s)
m, s = torch.cat(ms).mean(0), torch.cat(ss).mean(0)
shown = net.back(m + torch.randn(9, 7) * torch.exp(0.5 * s))
""",
}


@pytest.mark.parametrize("later", LATER.values(), ids=LATER)
def test_a_script_that_draws_once_more_to_look_leaves_the_vae_whole(later: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SCRIPT + later})
    assert not report.findings
    assert whole(report) == ["net.py"]
    assert not in_part(report)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [("randn_like(std)", "rand_like(std)", "VAE202"), ("torch.exp(0.5 * s)\nshown", "torch.exp(s)\nshown", "VAE201")],
    ids=["uniform noise", "std of another head"],
)
@pytest.mark.parametrize("later", ["of the last batch", "of another batch", "with a loaded copy"])
def test_a_script_that_looks_in_a_wrong_way_is_named(later: str, old: str, new: str, code: str, tmp_path: Path) -> None:
    assert code in codes(linted(tmp_path, {"net.py": SCRIPT + LATER[later].replace(old, new)}))


def test_a_script_that_only_looks_leaves_its_mistakes_in_training_named(tmp_path: Path) -> None:
    wrong = SCRIPT.replace("torch.exp(0.5 * logvar)", "torch.exp(logvar)")
    assert codes(linted(tmp_path, {"net.py": wrong + LATER["of another batch"]})) == ["VAE201"]


POSTERIOR = (
    HEAD
    + """
class Posterior:
    def __init__(self, both):
        self.mean, self.logvar = torch.chunk(both, 2, dim=1)
        self.std = torch.exp(0.5 * self.logvar)

    def sample(self):
        return self.mean + self.std * torch.randn_like(self.std)

    def kl(self, other=None):
        if other is None:
            return 0.5 * torch.sum(self.mean.pow(2) + self.logvar.exp() - 1 - self.logvar, dim=1)
        apart = (self.mean - other.mean).pow(2) / other.logvar.exp()
        return 0.5 * torch.sum(apart + (self.logvar - other.logvar).exp() - 1 - self.logvar + other.logvar, dim=1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.into, self.back = nn.Linear(84, 14), nn.Linear(7, 84)

    def forward(self, x):
        posterior = Posterior(self.into(x))
        return self.back(posterior.sample()), posterior


net = Net()
optimizer = torch.optim.Adam(net.parameters())
for x in torch.load("rows.pt").split(31):
    y, posterior = net(x)
    loss = F.mse_loss(y, x, reduction="none").sum(1).mean() + 1e-6 * posterior.kl().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)


def test_a_kl_to_another_posterior_that_nobody_asks_for_changes_nothing(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": POSTERIOR})
    assert not report.findings
    assert whole(report)
    assert not in_part(report)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("1 - self.logvar, dim=1)\n        apart", "1 + self.logvar, dim=1)\n        apart", "VAE301"),
        ("1 - self.logvar + other.logvar", "1 + self.logvar - other.logvar", "VAE301"),
        ("torch.exp(0.5 * self.logvar)", "torch.exp(self.logvar)", "VAE201"),
    ],
    ids=["the KL that trains", "the KL to another posterior", "the draw"],
)
def test_a_wrong_posterior_of_its_own_class_is_named(old: str, new: str, code: str, tmp_path: Path) -> None:
    assert old in POSTERIOR
    assert code in codes(linted(tmp_path, {"net.py": POSTERIOR.replace(old, new)}))


def test_a_model_of_the_same_class_whose_loss_is_not_read_is_open(tmp_path: Path) -> None:
    beside = """
other = Net()
m, s = other.encode(next(iter(loader)))
shown = other.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
judge(shown, m, s).backward()
"""
    assert in_part(
        linted(tmp_path, {"net.py": SCRIPT.replace("net = Net()", "from judges import judge\nnet = Net()") + beside})
    )
