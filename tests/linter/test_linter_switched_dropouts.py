"""Dropout that something else than the mode of a model switches: it is on for whom nothing switches it off."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, linted

SCENE = (
    HEAD
    + """
DROP = nn.Dropout(0.3)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.to_m, self.to_s = nn.Linear(84, 33), nn.Linear(33, 7), nn.Linear(33, 7)
        self.back = nn.Linear(7, 84)
        self.rate, self.noisy = 0.3, True
        {init}

    def encode(self, x{argument}):
        h = torch.relu(self.trunk(x))
        {drop}
        return self.to_m(h), self.to_s(h)

    def forward(self, x):
        m, s = self.encode(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def train(batches):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in batches:
        y, m, s = net(x)
        loss = F.mse_loss(y, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def embedded(net, x):
    net.eval()
    {embedded}
    with torch.no_grad():
        return net.encode({given})[0]
"""
)
DROPS = "h = F.dropout(h, {})"
IF = "if {}:\n    h = F.dropout(h, 0.3)"


def _standing(
    tmp_path: Path,
    drop: str,
    argument: str = "",
    embedded: str = "pass",
    given: str = "x",
    init: str = "pass",
    scene: str = SCENE,
) -> str:
    """What is said of VAE603: found, clean or open."""
    indented = {"drop": drop.replace("\n", "\n        "), "init": init.replace("\n", "\n        ")}
    report = linted(tmp_path, {"net.py": scene.format(argument=argument, embedded=embedded, given=given, **indented)})
    if any(finding.code == "VAE603" for finding in report.findings):
        return "found"
    joined = [each for each in report.judgements if "VAE201" in each.clean]
    assert joined
    return "clean" if all("VAE603" in each.clean for each in joined) else "open"


@pytest.mark.parametrize(
    ("drop", "argument", "embedded", "given"),
    [
        (IF.format("drop"), ", drop=True", "pass", "x, drop=False"),
        (IF.format("drop"), ", drop=True", "pass", "x, False"),
        (IF.format("drop"), ", *, drop=True", "pass", "x, drop=False"),
        ("h = F.dropout(h, 0.3) if drop else h", ", drop=True", "pass", "x, drop=False"),
        (
            "if not drop:\n    return self.to_m(h), self.to_s(h)\n" + DROPS.format(0.3),
            ", drop=True",
            "pass",
            "x, False",
        ),
        (DROPS.format("p"), ", p=0.3", "pass", "x, p=0.0"),
        (DROPS.format("self.rate"), "", "net.rate = 0.0", "x"),
        (IF.format("self.noisy"), "", "net.noisy = False", "x"),
        (IF.format("torch.is_grad_enabled()"), "", "pass", "x"),
        ("if drop:\n    h = nn.Dropout(0.3)(h)", ", drop=True", "pass", "x, drop=False"),
    ],
)
def test_what_code_switches_off_is_not_accused(
    drop: str, argument: str, embedded: str, given: str, tmp_path: Path
) -> None:
    assert _standing(tmp_path, drop, argument, embedded, given) == "open"


@pytest.mark.parametrize(
    ("drop", "argument", "embedded"),
    [
        (DROPS.format(0.3), "", "pass"),
        (DROPS.format("p"), ", p=0.3", "pass"),
        (DROPS.format("self.rate"), "", "pass"),
        (DROPS.format("self.rate"), "", "net.scale = 0.0"),
        (IF.format("drop"), ", drop=True", "pass"),
        (IF.format("self.noisy"), "", "pass"),
        (IF.format("isinstance(h, torch.Tensor)"), "", "pass"),
        ("if drop:\n    h = nn.Dropout(0.3)(h)", ", drop=True", "pass"),
    ],
)
def test_what_nothing_switches_off_is_always_on(drop: str, argument: str, embedded: str, tmp_path: Path) -> None:
    assert _standing(tmp_path, drop, argument, embedded) == "found"


@pytest.mark.parametrize(
    "rate",
    [
        "0.3 * self.training",
        "0.3 * float(self.training)",
        "int(self.training) * 0.3",
        "0.3 if self.training else 0.0",
        "0.0 if not self.training else 0.3",
        "0.0, training=self.noisy",
    ],
)
def test_a_rate_of_training_alone_is_off_in_evaluation(rate: str, tmp_path: Path) -> None:
    assert _standing(tmp_path, DROPS.format(rate)) == "clean"


@pytest.mark.parametrize("rate", ["0.3 if not self.training else 0.0", "0.0 if self.training else 0.3"])
def test_a_rate_of_evaluation_alone_is_not_called_clean(rate: str, tmp_path: Path) -> None:
    assert _standing(tmp_path, DROPS.format(rate)) != "clean"


@pytest.mark.parametrize(("name", "expected"), [("train", "open"), ("shown", "found")])
def test_a_train_of_its_own_may_set_the_rate(name: str, expected: str, tmp_path: Path) -> None:
    own = f"    def {name}(self, mode=True):\n        return super().train(mode)\n\n    def encode(self"
    scene = SCENE.replace("    def encode(self", own)
    assert _standing(tmp_path, "h = nn.Dropout(self.rate)(h)", scene=scene) == expected


@pytest.mark.parametrize(
    ("init", "drop", "expected"),
    [
        ("self.drop = nn.Dropout(0.3)", "h = self.drop(h)", "clean"),
        ("self.drops = nn.ModuleList([nn.Dropout(0.3)])", "h = self.drops[0](h)", "clean"),
        ("drop = nn.Dropout(0.3)\nself.add_module('d', drop)\nself.drops = [drop]", "h = self.drops[0](h)", "clean"),
        ("self.drops = [nn.Dropout(0.3)]\nself.kept = nn.Sequential(*self.drops)", "h = self.drops[0](h)", "clean"),
        ("self.drops = [nn.Dropout(0.3)]", "h = self.drops[0](h)", "open"),
        ("self.drops = {'a': nn.Dropout(0.3)}", "h = self.drops['a'](h)", "open"),
        ("pass", "h = DROP(h)", "open"),
    ],
)
def test_eval_reaches_what_a_model_holds(init: str, drop: str, expected: str, tmp_path: Path) -> None:
    assert _standing(tmp_path, drop, init=init) == expected


def test_a_condition_behind_a_dropout_switches_nothing(tmp_path: Path) -> None:
    drop = f"{DROPS.format(0.3)}\nif not drop:\n    return self.to_m(h), self.to_s(h)"
    assert _standing(tmp_path, drop, ", drop=True", "pass", "x, False") == "found"


@pytest.mark.parametrize(("run", "expected"), [("net(x)", "found"), ("net(x, y)", "found"), ("net(x, False)", "open")])
def test_a_truth_value_alone_is_meant_for_the_argument_of_a_model(run: str, expected: str, tmp_path: Path) -> None:
    scene = SCENE.replace("def forward(self, x)", "def forward(self, x, drop=True)").replace("{argument}", "")
    scene = scene.replace("self.encode(x)\n", "self.encode(F.dropout(x, 0.3) if drop else x)\n")
    assert _standing(tmp_path, "pass", embedded=f"y = x; {run}", scene=scene) == expected
