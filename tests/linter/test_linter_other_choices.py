"""A setting's default is no proof that the branches of its other values are dead: formulas in these are read too."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

from vae_checked.facts import Facts
from vae_checked.linter.evaluations.evaluation import Evaluation
from vae_checked.linter.evaluations.plan import Plan
from vae_checked.linter.files import source
from vae_checked.linter.interpreter.project import Project
from vae_checked.linter.roles import assemble, reader
from vae_checked.linter.roles.across import Across

LOG_STD = "0.5 * torch.sum(m.pow(2) + torch.exp(2 * s) - 1 - 2 * s, dim=1)"
NONE = "0.5 * torch.sum(m.pow(2) + torch.exp(s) - 1 - 2 * s, dim=1)"
STEP = (
    HEAD
    + """
from net import Net
import settings

KIND = "plain"
net = Net()


def fit(loader, kind="plain"):
    for x, _ in loader:
        out, m, s = net(x)
        loss = F.mse_loss(out, x, reduction="none").sum(1)
        {branch}
        loss.mean().backward()
"""
)
BRANCHES = {
    "of a settings file": 'if settings.kind == "other":\n            loss = loss + {kl}',
    "of a global": 'if KIND == "other":\n            loss = loss + {kl}',
    "of a default": 'if kind == "other":\n            loss = loss + {kl}',
    "of an elif": (
        'if settings.kind == "plain":\n            loss = loss + 0\n        elif settings.kind == "other":\n'
        "            loss = loss + {kl}"
    ),
    "of an else": (
        'if settings.kind == "plain":\n            loss = loss + 0\n        else:\n            loss = loss + {kl}'
    ),
    "of what is not today's": 'if settings.kind != "plain":\n            loss = loss + {kl}',
}


def files(branch: str, kl: str) -> dict[str, str]:
    return {
        "settings.py": 'kind = "plain"\n',
        "net.py": HEAD + MODEL + FORWARD,
        "train.py": STEP.format(branch=branch.replace("{kl}", kl)),
    }


@pytest.mark.parametrize("branch", BRANCHES.values(), ids=BRANCHES)
def test_a_formula_that_a_setting_leaves_out_is_judged(branch: str, tmp_path: Path) -> None:
    made = files(branch, NONE)
    (finding,) = linted(tmp_path, made).findings
    assert finding.code == "VAE301"
    assert finding.place is not None
    assert NONE in made["train.py"].splitlines()[finding.place.line - 1]


@pytest.mark.parametrize("branch", BRANCHES.values(), ids=BRANCHES)
def test_a_right_formula_is_none(branch: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, files(branch, KL))) == []


# Two ways to read the head for std, each with its own KL, chosen by one setting in both places.
MODES = (
    HEAD
    + MODEL
    + f"""
    def forward(self, x):
        m, s = self.encode(x)
        if self.settings.kind == "wide":
            z = m + torch.exp(s) * torch.randn_like(s)
        else:
            z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        return self.back(z), m, s


def cost(settings, y, x, m, s):
    if settings.kind == "wide":
        kl = {LOG_STD}
    else:
        kl = {KL}
    return (F.mse_loss(y, x, reduction="none").sum(1) + kl).mean()
"""
)
USED = """\
import settings
import torch
from net import Net, cost

net = Net(settings)
optimizer = torch.optim.Adam(net.parameters())


def fit(loader):
    for x, _ in loader:
        y, m, s = net(x)
        cost(settings, y, x, m, s).backward()
"""
SWAPPED = MODES.replace(LOG_STD, "KL").replace(KL, LOG_STD).replace("= KL", f"= {KL}")


@pytest.mark.parametrize("kind", ["wide", "plain"])
def test_modes_are_not_judged_by_one_another(kind: str, tmp_path: Path) -> None:
    made = {"settings.py": f'kind = "{kind}"\n', "net.py": MODES, "fit.py": USED}
    assert codes(linted(tmp_path, made)) == []


@pytest.mark.parametrize("kind", ["wide", "plain"])
def test_a_sampler_and_a_kl_that_one_choice_joins_are_compared(kind: str, tmp_path: Path) -> None:
    made = {"settings.py": f'kind = "{kind}"\n', "net.py": SWAPPED, "fit.py": USED}
    assert codes(linted(tmp_path, made)) == ["VAE201"]


MADE = {
    "a weight that is drawn": ("self.more = nn.Parameter(torch.randn(5, 3))", False),
    "numbers of arrays": ("self.more = np.log(np.exp(1.5) + 2.0)", False),
    "a formula": ("self.more = torch.exp(torch.ones(3))", True),
    "a draw beside a weight": ("self.more = nn.Parameter(torch.ones(3)) * torch.randn(5, 3)", True),
}


@pytest.mark.parametrize(("made", "supposed"), MADE.values(), ids=MADE)
def test_a_choice_without_a_formula_is_not_run_by_itself(made: str, supposed: bool, tmp_path: Path) -> None:
    model = MODEL.replace("super().__init__()", f"super().__init__()\n        if KIND == 'other':\n            {made}")
    text = f"{HEAD}import numpy as np\n\nKIND = 'plain'\n{model}{FORWARD}"
    project = Project()
    plan = Plan(project, reader)
    evaluations = plan.evaluations([project.add(source.parse(str(tmp_path / "net.py"), text.encode()))])
    assert any(True for evaluation in evaluations for _ in plan.supposed(evaluation)) is supposed


@pytest.mark.parametrize(("kl", "read"), [(KL, False), (NONE, True), (LOG_STD, True)])
def test_only_a_kl_that_departs_is_told_of_in_another_choice(
    kl: str, read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    facts_of = assemble.facts_of

    def counted(evaluation: Evaluation, across: Across) -> list[Facts]:
        asked.append(evaluation.subject)
        return facts_of(evaluation, across)

    monkeypatch.setattr(assemble, "facts_of", counted)
    linted(tmp_path, files(BRANCHES["of a default"], kl))
    assert (sum(subject.endswith(":fit") for subject in asked) > 1) is read


MODELS = (
    HEAD
    + """

class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.there, self.back = nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x):
        return self.back(self.there(x))


class Drawn(Plain):
    def __init__(self):
        super().__init__()
        self.wide = nn.Linear(84, 7)

    def forward(self, x):
        self.m, self.s = self.there(x), self.wide(x)
        return self.back(self.m + torch.exp({half}self.s) * torch.randn_like(self.m))
"""
)
SCRIPT = (
    HEAD
    + """
import models
import settings

model = getattr(models, settings.kind)()
adam = torch.optim.Adam(model.parameters())
for x, _ in DataLoader(settings.data):
    out = model(x)
    loss = F.mse_loss(out, x, reduction="none").sum(1).mean()
    if settings.kind == "Drawn":
        kl = 0.5 * (1 + model.s - model.m.pow(2) - model.s.exp()).sum(1).mean()
        loss {sign}= kl
    adam.zero_grad()
    loss.backward()
    adam.step()
"""
)


@pytest.mark.parametrize(
    ("half", "sign", "expected"), [("0.5 * ", "-", []), ("", "-", ["VAE201"]), ("0.5 * ", "+", ["VAE302"])]
)
def test_a_script_is_read_with_the_model_that_a_setting_leaves_out_today(
    half: str, sign: str, expected: list[str], tmp_path: Path
) -> None:
    made = {
        "settings.py": 'kind = "Plain"\ndata = None\n',
        "models.py": MODELS.format(half=half),
        "train.py": SCRIPT.format(sign=sign),
    }
    report = linted(tmp_path, made)
    assert codes(report) == expected
    assert [facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind]


def test_what_another_setting_settles_is_not_asked_of_such_a_script(tmp_path: Path) -> None:
    # Its output is in (0, 1), as another loss than that of today wants it, or another range of the data.
    squashed = MODELS.format(half="0.5 * ").replace("return self.back(self.m", "return torch.sigmoid(self.back)(self.m")
    made = {
        "settings.py": 'kind = "Plain"\ndata = None\n',
        "models.py": squashed.replace("torch.sigmoid(self.back)(", "self.last(").replace(
            "self.wide = ", "self.last = nn.Sequential(self.back, nn.Sigmoid())\n        self.wide = "
        ),
        "train.py": SCRIPT.format(sign="-").replace("F.mse_loss", "F.binary_cross_entropy_with_logits"),
    }
    assert codes(linted(tmp_path, made)) == []
