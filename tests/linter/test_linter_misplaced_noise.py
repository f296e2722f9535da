"""Noise that takes part in z, and not as the posterior has it: of another law, or beside what it should scale."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted

MODULE = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(784, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 784)

    def forward(self, x):
        h = torch.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        std = torch.exp(0.5 * s)
        eps = {eps}
        z = {z}
        return self.back({decoded}), m, s, z


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        out, m, s, z = net(x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        loss = F.mse_loss(out, x, reduction="none").sum(1) + kl
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
        {shown}
"""
)

NOT_NORMAL = {
    "positive alone": "torch.randn_like(std).abs()",
    "squared": "torch.randn_like(std) ** 2",
    "cut off": "torch.randn_like(std).clamp(-1, 1)",
    "cut off and moved": "torch.randn_like(std).clamp(-1, 1) * 2 + 1",
    "a sigmoid of it": "torch.sigmoid(torch.randn_like(std))",
    "a sign": "torch.rand_like(std).sub(0.5).sign()",
    "too narrow": "torch.erfinv(2 * torch.rand_like(std) - 1)",
}
NORMAL = {
    "kept finite": "torch.randn_like(std).clamp(-6, 6)",
    "by the inverse of its distribution": "2**0.5 * torch.erfinv(2 * torch.rand_like(std) - 1)",
}
OPEN = {
    "without its tails": "torch.randn_like(std).clamp(-2, 2)",
    "of two draws": "(-2 * torch.rand_like(s).log()).sqrt() * torch.cos(6.2832 * torch.rand_like(s))",
}
MISPLACED = {
    "m * std + eps": "mu * std + eps",
    "eps + std.mul(m)": "mu * std + eps",
    "(m + eps) * std": "(mu + eps) * std",
    "std * eps": "std * eps, the mean takes no part",
    "m + eps": "mu + eps, std takes no part",
    "m - eps": "mu + eps, std takes no part",
    "std + m * eps": "std + mu * eps",
    "m + std + eps": "mu + std + eps",
    "m * eps * std": "another way",
    "m * (1 + eps * std)": "another way",
}


def module(eps: str = "torch.randn_like(std)", z: str = "m + std * eps", decoded: str = "z", shown: str = "") -> str:
    return MODULE.format(eps=eps, z=z, decoded=decoded, shown=shown)


def undecided(folder: Path, text: str, code: str) -> bool:
    judgements = linted(folder, {"net.py": text}).judgements
    assert judgements
    return all(code in each.undecided for each in judgements)


@pytest.mark.parametrize("eps", NOT_NORMAL.values(), ids=NOT_NORMAL)
def test_a_function_of_a_draw_is_noise_of_another_law(eps: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": module(eps)})
    assert codes(report) == ["VAE202"]
    assert [finding.place and finding.place.line for finding in report.findings] == [19]


@pytest.mark.parametrize("eps", NORMAL.values(), ids=NORMAL)
def test_a_function_of_a_draw_may_be_normal_noise(eps: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": module(eps)})
    assert codes(report) == []
    assert all("VAE202" in each.clean for each in report.judgements)


@pytest.mark.parametrize("eps", OPEN.values(), ids=OPEN)
def test_noise_whose_law_is_a_choice_or_not_read_is_left_open(eps: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": module(eps)})) == []
    assert undecided(tmp_path, module(eps), "VAE202")


@pytest.mark.parametrize(("z", "said"), MISPLACED.items(), ids=MISPLACED)
def test_what_noise_is_added_to_in_the_place_of_the_mean(z: str, said: str, tmp_path: Path) -> None:
    found = linted(tmp_path, {"net.py": module(z=z)}).findings
    # One mistake is said once: a std that stands in the place of the mean confines no mean.
    assert [(each.code, said in each.message) for each in found] == [("VAE207", True)]
    assert found[0].place is not None
    assert found[0].place.line == 20


@pytest.mark.parametrize(
    "z", ["m + std * eps", "m + std * (eps + 0)", "m - std * eps", "(m / std + eps) * std", "eps", "eps * 2"]
)
def test_a_sample_is_no_misplaced_noise(z: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": module(z=z)})) == []


@pytest.mark.parametrize("z", ["m + std * m", "m - m * std", "std.mul(m).add(m)", "m + std * std", "m + std * s"])
def test_a_head_in_the_place_of_eps_is_named(z: str, tmp_path: Path) -> None:
    """The draw is left over: what is decoded follows from the heads alone."""
    found = linted(tmp_path, {"net.py": module(z=z)}).findings
    assert [(each.code, "no eps in it" in each.message) for each in found] == [("VAE207", True)]
    assert found[0].place is not None
    assert found[0].place.line == 20


@pytest.mark.parametrize("z", ["m + 0.5 * std ** 2", "m / std", "m * torch.sigmoid(s)", "torch.exp(m + 0.5 * s)"])
def test_other_functions_of_both_heads_are_left_open(z: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": module(z=z)})) == []
    assert undecided(tmp_path, module(z=z), "VAE207")


def test_a_head_in_the_place_of_eps_where_a_model_is_tested_is_left_open(tmp_path: Path) -> None:
    shown = "m + std * eps if self.training else m + std * m"
    assert codes(linted(tmp_path, {"net.py": module(z=shown)})) == []
    assert codes(linted(tmp_path, {"net.py": module(z="m + std * m", decoded="torch.cat((z, h), dim=1)")})) == [
        "VAE207"
    ]
    assert codes(linted(tmp_path, {"net.py": module(z="m + std * m", decoded="torch.cat((z, m), dim=1)")})) == []


def test_noise_beside_another_use_of_the_heads_is_left_open(tmp_path: Path) -> None:
    """What else the decoder is handed may be the posterior's sample."""
    text = module(z="m * std + eps", decoded="torch.cat((z, torch.tanh(m)), dim=1)")
    assert codes(linted(tmp_path, {"net.py": text})) == []
    assert undecided(tmp_path, text, "VAE207")


@pytest.mark.parametrize("shown", ["plot(z.detach().numpy())", "print(z.mean().item())", ""])
def test_the_mean_is_decoded_though_z_is_shown(shown: str, tmp_path: Path) -> None:
    """What is handed on without its gradient, to be looked at, trains no decoder."""
    assert codes(linted(tmp_path, {"net.py": module(decoded="m", shown=shown)})) == ["VAE207"]
    assert codes(linted(tmp_path, {"net.py": module(shown=shown)})) == []


def test_the_mean_beside_a_z_that_is_used_is_left_open(tmp_path: Path) -> None:
    text = module(decoded="m", shown="judge(z).backward()")
    assert codes(linted(tmp_path, {"net.py": text})) == []


@pytest.mark.parametrize(("training", "is_clean"), [("net(x)", True), ("net(x, False)", False)])
def test_noise_in_a_validation_alone_is_none_in_training(training: str, is_clean: bool, tmp_path: Path) -> None:
    text = module(z="m + std * eps if drawn else m").replace("forward(self, x)", "forward(self, x, drawn=True)")
    text = text.replace("= net(x)", f"= {training}") + "    for x, _ in loader:\n        print(net(x)[0].mean())\n"
    report = linted(tmp_path, {"net.py": text})
    trained = [each for each in report.judgements if not each.subject.endswith("Net")]
    assert trained
    assert any("VAE207" in each.clean for each in trained) is is_clean
