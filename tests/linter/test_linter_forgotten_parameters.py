"""Parameters that no optimizer holds: of bare modules, of a step that trains one of several, tensors alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, LOOP, MODEL, codes, linted

TEXT = (
    HEAD
    + """import pytorch_lightning as pl


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList()
        for width in (84, 33):
            stage = nn.Module()
            stage.block = nn.Linear(width, 33)
            self.down.append(stage)

    def forward(self, x):
        for stage in self.down:
            x = F.relu(stage.block(x))
        return x


class Net(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.encoder, self.heads, self.back = Encoder(), nn.Linear(33, 14), nn.Linear(7, 84)
        self.critic = nn.Linear(84, 1)
        self.log_gamma = nn.Parameter(torch.zeros(1){made})

    def training_step(self, batch, place, optimizer_idx):
        m, s = self.heads(self.encoder(batch)).chunk(2, dim=1)
        y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        if optimizer_idx == 0:
            error = F.mse_loss(y, batch, reduction="none").sum(1) / self.log_gamma.exp() + 84 * self.log_gamma
            kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
            return (error + kl).mean()
        return self.critic(y.detach()).mean()

    def configure_optimizers(self):
        first = torch.optim.Adam([{given}], lr=1e-3)
        return [first, torch.optim.Adam(self.critic.parameters(), lr=1e-3)], []
"""
)
ENCODER, HEADS, BACK = "*self.encoder.parameters()", "*self.heads.parameters()", "*self.back.parameters()"
SCENES = {
    "all": ((ENCODER, HEADS, BACK, "self.log_gamma"), "", None),
    "no heads": ((ENCODER, BACK, "self.log_gamma"), "", "heads"),
    "no encoder": ((HEADS, BACK, "self.log_gamma"), "", "encoder"),
    "no variance": ((ENCODER, HEADS, BACK), "", "log_gamma"),
    "a fixed variance": ((ENCODER, HEADS, BACK), ", requires_grad=False", None),
}


@pytest.mark.parametrize("scene", SCENES)
def test_what_no_optimizer_holds_is_named(scene: str, tmp_path: Path) -> None:
    given, made, forgotten = SCENES[scene]
    report = linted(tmp_path, {"net.py": TEXT.format(given=", ".join(given), made=made)})
    expected = [] if forgotten is None else [("VAE602", f"no optimizer holds {forgotten}")]
    assert [(finding.code, finding.message) for finding in report.findings] == expected


LISTED = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.down = []
        for size in sizes.widths:
            self.down.append(nn.Linear(size, size))
        {kept}
        self.heads, self.back = nn.Linear(84, 14), nn.Linear(7, 84)

    def forward(self, x):
        for layer in self.down:
            x = F.relu(layer(x))
        m, s = self.heads(x).chunk(2, dim=1)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def fit(model, rows, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x in rows:
        out, m, s = model(x)
        loss = F.mse_loss(out, x, reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss.backward()
        optimizer.step()
"""
)


def test_layers_in_a_plain_list_are_given_to_nobody_by_their_model(tmp_path: Path) -> None:
    for kept, found in (("pass", ["VAE602"]), ("self.down = nn.ModuleList(self.down)", [])):
        report = linted(tmp_path, {"net.py": LISTED.format(kept=kept)})
        assert [finding.code for finding in report.findings] == found
        assert all("no optimizer holds down" in finding.message for finding in report.findings)


STAGES = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.back = nn.Linear(84, 33), nn.Linear(7, 84)
        self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7)

    def forward(self, x):
        h = F.relu(self.trunk(x))
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s

    def {stage}(self, loader):
        optimizer = torch.optim.Adam([*self.trunk.parameters(), *self.back.parameters()])
        for x, _ in loader:
            y, m, s = self(x)
            kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
            (F.mse_loss(y, x, reduction="none").sum(1) + kl).mean().backward()
            optimizer.step()
"""
)


@pytest.mark.parametrize(("stage", "expected"), [("pre_train", []), ("fit", ["VAE602"])])
def test_a_stage_of_the_training_moves_some_parts(stage: str, expected: list[str], tmp_path: Path) -> None:
    found = [finding.code for finding in linted(tmp_path, {"net.py": STAGES.format(stage=stage)}).findings]
    assert found == expected


ANEW = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.back = nn.Linear(84, 33), nn.Linear(7, 84)
        self.to_m, self.to_s = {kept}

    def forward(self, x):
        h = torch.tanh(self.trunk(x))
        {made}
        m, s = self.to_m(h), self.to_s(h)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


net = Net()
adam = torch.optim.Adam(net.parameters())


def fit(loader):
    for x in loader:
        y, m, s = net(x)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        loss = F.mse_loss(y, x, reduction="sum") + kl
        adam.zero_grad()
        loss.backward()
        adam.step()
"""
)
TWO = "nn.Linear(33, 7), nn.Linear(33, 7)"


def test_what_a_pass_builds_at_each_call_is_to_be_built_once(tmp_path: Path) -> None:
    text = ANEW.format(kept="None, None", made="self.to_m, self.to_s = nn.Linear(33, 7), nn.Linear(33, 7, bias=False)")
    (finding,) = linted(tmp_path, {"net.py": text}).findings
    assert finding.code == "VAE602"
    made = "nn.Linear(33, 7), nn.Linear(33, 7, bias=False)"
    assert finding.message == f"no optimizer holds {made}, built anew at each call"
    assert finding.fix == f"build {made} in __init__, and apply it here"


PASS = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 9, 4, stride=2, padding=1)
        self.last = nn.ConvTranspose2d(9, 3, 4, stride=2, padding=1)
        self.to_m, self.to_s, self.back = nn.Linear(9 * 80, 7), nn.Linear(9 * 80, 7), nn.Linear(7, 9 * 80)

    def forward(self, x):
        {before}
        h = torch.relu({encoder}(x)).flatten(1)
        m, s = self.to_m(h), self.to_s(h)
        h = torch.relu(self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))).view(-1, 9, 8, 10)
        return {decoder}(h), m, s
"""
    + LOOP.format(loss=f"loss = ((y - x) ** 2).sum((1, 2, 3)).mean() + ({KL}).mean()", differentiated="loss.backward()")
)
BUILT = {
    "a convolution": ("pass", "nn.Conv2d(3, 9, 4, stride=2, padding=1)", "self.last"),
    "one that is transposed": ("pass", "self.first", "nn.ConvTranspose2d(9, 3, 4, stride=2, padding=1)"),
    "by a name": ("last = nn.ConvTranspose2d(9, 3, 4, stride=2, padding=1)", "self.first", "last"),
}
# What is given its weights, or has none that begin at random.
GIVEN = {
    "weights that are given": (
        "blur = nn.Conv2d(3, 3, 3, padding=1); blur.weight.data.fill_(1 / 27)",
        "self.first",
        "blur(self.last",
    ),
    "a pool": ("even = nn.AvgPool2d(3, stride=1, padding=1)", "self.first", "even(self.last"),
}


@pytest.mark.parametrize(("before", "encoder", "decoder"), BUILT.values(), ids=BUILT)
def test_other_layers_with_weights_that_a_pass_builds_are_named(
    before: str, encoder: str, decoder: str, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": PASS.format(before=before, encoder=encoder, decoder=decoder)})
    assert codes(report) == ["VAE602"]
    assert "built anew at each call" in report.findings[0].message


@pytest.mark.parametrize(("before", "encoder", "decoder"), GIVEN.values(), ids=GIVEN)
def test_layers_that_a_pass_builds_to_stay_are_not_named(
    before: str, encoder: str, decoder: str, tmp_path: Path
) -> None:
    text = PASS.format(before=before, encoder=encoder, decoder=decoder).replace("(h), m, s", "(h)), m, s")
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert any("VAE602" in judgement.clean for judgement in report.judgements)


def test_what_init_builds_is_built_once(tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": ANEW.format(kept=TWO, made="")})) == []


def test_what_is_built_where_nothing_is_there_is_not_built_anew(tmp_path: Path) -> None:
    made = f"if self.to_m is None:\n            self.to_m, self.to_s = {TWO}"
    found = linted(tmp_path, {"net.py": ANEW.format(kept="None, None", made=made)}).findings
    assert not any("anew" in finding.message for finding in found)


ANOTHER = (
    HEAD
    + MODEL
    + FORWARD
    + f"""

def fit(loader):
    net, older = Net(), Net()
    optimizer = torch.optim.Adam({{given}}.parameters())
    for x, _ in loader:
        y, m, s = net(x)
        loss = F.binary_cross_entropy(y, x, reduction="none").sum(1) + {KL}
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
"""
)


@pytest.mark.parametrize(("given", "clean"), [("net", True), ("older", False)])
def test_an_optimizer_of_another_object_of_the_class_is_not_called_clean(
    given: str, clean: bool, tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": ANOTHER.replace("{given}", given)})
    assert codes(report) == []
    assert any("VAE602" in vae.clean for vae in report.vaes) is clean


def test_what_a_plain_list_keeps_is_to_be_registered(tmp_path: Path) -> None:
    text = ANEW.format(kept=TWO, made="h = self.more[0](h)").replace(
        "self.to_m, self.to_s = nn", "self.more = [nn.Linear(33, 33)]\n        self.to_m, self.to_s = nn"
    )
    (finding,) = linted(tmp_path, {"net.py": text}).findings
    assert finding.message == "no optimizer holds net.more"
    assert finding.fix == "keep net.more in an nn.ModuleList or nn.ModuleDict, so that parameters() has its layers"
