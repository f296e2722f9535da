"""Layers whose output a model hands out and that no loss uses keep the weights that they are made with."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, TRUNK, codes, linted

from vae_checked.linter.interpreter import project as projects

NET = (
    HEAD
    + TRUNK
    + """\
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU())
        self.mean = nn.Linear(33, 84)
        self.spread = nn.Sequential(nn.Linear(33, 21), nn.ReLU(), nn.Linear(21, 84))

    def forward(self, x):
        h = self.trunk(x)
        m, s = self.to_m(h), self.to_s(h)
        h = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        return {"y": self.mean(h), "wide": self.spread(h), "m": m, "s": s}
"""
)
TRAIN = (
    HEAD
    + """from net import Net

net = Net()
{before}
optimizer = torch.optim.Adam(net.parameters())
for x, labels in DataLoader(Dataset()):
    out = net(x)
    kl = -0.5 * torch.sum(1 + out["s"] - out["m"].pow(2) - out["s"].exp())
    loss = {loss} + kl
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    {after}
"""
)
ERROR = 'F.mse_loss(out["y"], x, reduction="sum")'
LATER = (
    HEAD
    + """from net import Net

net = Net()
optimizer = torch.optim.Adam(net.spread.parameters())
for x, labels in DataLoader(Dataset()):
    loss = {loss}
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)


def test_a_layer_whose_output_no_loss_uses_is_named(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET, "train.py": TRAIN.format(before="pass", loss=ERROR, after="pass")})
    assert codes(report) == ["VAE601"]
    (finding,) = report.findings
    assert finding.place is not None
    assert 'self.spread(h), "m"' in finding.place.text


USED = {
    "in the loss": ("pass", f'{ERROR} + F.l1_loss(out["wide"], x)', "pass"),
    "frozen": ("net.spread.requires_grad_(False)", ERROR, "pass"),
    "in what is not read": ("pass", ERROR, 'torch.compare(out["wide"], x)'),
    "in a loss that is not read": ("pass", f'{ERROR} + torch.compare(out["wide"], x)', "pass"),
    "handed on without a gradient": ("pass", ERROR, 'wide = out["wide"].detach()'),
    "in what is handed on": ("pass", ERROR, 'other.run(lambda: F.l1_loss(net(x)["wide"], x).backward())'),
    "in a second step": ("pass", ERROR, 'F.l1_loss(out["wide"], x).backward()'),
}


@pytest.mark.parametrize(("before", "loss", "after"), USED.values(), ids=USED)
def test_a_layer_whose_output_may_be_used_is_left(before: str, loss: str, after: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": NET, "train.py": TRAIN.format(before=before, loss=loss, after=after)})
    assert codes(report) == []


@pytest.mark.parametrize(
    "loss", ['F.mse_loss(net(x)["wide"], x)', 'torch.compare(net(x)["wide"], x)'], ids=["read", "not read"]
)
def test_a_layer_that_another_file_trains_is_left(loss: str, tmp_path: Path) -> None:
    train = TRAIN.format(before="pass", loss=ERROR, after="pass")
    files = {"net.py": NET, "train.py": train, "later.py": LATER.format(loss=loss)}
    assert "VAE601" not in codes(linted(tmp_path, files))


PICKED = {
    "by a label": ("[int(labels)]", []),
    "by a draw": ("[torch.randint(2, ()).item()]", []),
    "the first": ("[0]", ["VAE601"]),
    "the last": ("[-1]", ["VAE601"]),
}


@pytest.mark.parametrize(("picked", "named"), PICKED.values(), ids=PICKED)
def test_of_several_outputs_each_turn_may_pick_another(picked: str, named: list[str], tmp_path: Path) -> None:
    net = NET.replace('"y": self.mean(h), "wide": self.spread(h),', '"ends": [self.mean(h), self.spread(h)],')
    error = f'F.mse_loss(out["ends"]{picked}, x, reduction="sum")'
    report = linted(tmp_path, {"net.py": net, "train.py": TRAIN.format(before="pass", loss=error, after="pass")})
    assert codes(report) == named


ANY_MODEL = {
    "a function": """
def later(net, batches):
    for x in batches:
        F.mse_loss(net(x)["wide"], x).backward()
""",
    "a class": """
class Later:
    def __init__(self, net):
        self.net = net

    def step(self, x):
        loss = F.mse_loss(self.net(x)["wide"], x)
        loss.backward()
""",
}


@pytest.mark.parametrize("model", ANY_MODEL.values(), ids=ANY_MODEL)
def test_a_training_of_any_model_may_train_a_layer(model: str, tmp_path: Path) -> None:
    train = TRAIN.format(before="pass", loss=ERROR, after="pass")
    assert codes(linted(tmp_path, {"net.py": NET, "train.py": train, "later.py": HEAD + model})) == []
    own = model.replace('net(x)["wide"]', "other(x)").replace("\nclass", "\nother = nn.Linear(84, 84)\n\nclass", 1)
    own = own.replace("\ndef", "\nother = nn.Linear(84, 84)\n\ndef", 1).replace("self.other", "other")
    assert codes(linted(tmp_path, {"net.py": NET, "train.py": train, "later.py": HEAD + own})) == ["VAE601"]


BY_LIBRARIES = {
    "a step": """
class Later(lightning.LightningModule):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def training_step(self, x, number):
        return F.mse_loss(self.net(x)["wide"], x)
""",
    "a loss": """
class Later(transformers.Trainer):
    def compute_loss(self, model, inputs):
        return F.mse_loss(model(**inputs)["wide"], inputs["x"])
""",
}


@pytest.mark.parametrize("model", BY_LIBRARIES.values(), ids=BY_LIBRARIES)
def test_what_a_library_differentiates_may_train_a_layer(model: str, tmp_path: Path) -> None:
    train = TRAIN.format(before="pass", loss=ERROR, after="pass")
    head = f"import lightning\nimport transformers\n{HEAD}"
    assert codes(linted(tmp_path, {"net.py": NET, "train.py": train, "later.py": head + model})) == []


FILLED = {
    "stored": "net.spread.load_state_dict(torch.load('weights.pt'))",
    "copied": "for own, other in zip(net.spread.parameters(), Net().spread.parameters()): own.data.copy_(other.data)",
    "by another optimizer": "settle(net.spread.parameters())",
}


@pytest.mark.parametrize("filled", FILLED.values(), ids=FILLED)
def test_a_layer_that_gets_its_weights_from_elsewhere_is_left(filled: str, tmp_path: Path) -> None:
    for before, expected in (
        (filled, []),
        (filled.replace(".spread", ""), ["VAE601"]),
        ("own = torch.optim.Adam(net.spread.parameters())", ["VAE601"]),
    ):
        train = TRAIN.format(before=before, loss=ERROR, after="pass")
        assert codes(linted(tmp_path, {"net.py": NET, "train.py": train})) == expected


SPREAD = "self.spread = nn.Sequential(nn.Linear(33, 21), nn.ReLU(), nn.Linear(21, 84))"
SET_LATER = {
    "a weight of another layer": ("self.spread.weight = self.mean.weight", []),
    "its weight to another layer": ("self.mean.weight = self.spread.weight", []),
    "a weight of its own": ("self.spread.weight = nn.Parameter(torch.zeros(84, 33))", ["VAE601"]),
}


@pytest.mark.parametrize(("line", "expected"), SET_LATER.values(), ids=SET_LATER)
def test_a_layer_that_shares_its_weight_with_a_trained_one(line: str, expected: list[str], tmp_path: Path) -> None:
    assert NET.count(SPREAD) == 1
    net = NET.replace(SPREAD, f"self.spread = nn.Linear(33, 84)\n        {line}")
    train = TRAIN.format(before="pass", loss=ERROR, after="pass")
    assert codes(linted(tmp_path, {"net.py": net, "train.py": train})) == expected


WRITTEN = {
    "over a part": "y[:, 3:] = wide[:, 3:]",
    "where it is asked": "y[x > 0] = wide[x > 0]",
    "row by row": "for row, other in zip(y, wide): row.copy_(other)",
    "by its columns": "y.index_copy_(1, torch.arange(84), wide)",
    "as what is filled": "torch.maximum(y, wide, out=y)",
    "over what another name has": "same = y[:, 3:]; same.copy_(wide[:, 3:])",
    "into something unknown": 'kept["wide"] = wide; y = y + kept["wide"]',
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_layer_whose_output_is_written_into_another_is_left(written: str, tmp_path: Path) -> None:
    train = TRAIN.format(before="pass", loss='F.mse_loss(y, x, reduction="sum")', after="pass")
    for step, expected in ((written, []), ("kept = wide.clone(); kept[:, 3:] = 0", ["VAE601"])):
        lines = f'y, wide = out["y"].clone(), out["wide"]\n    {step}\n'
        text = train.replace("    kl = ", f"    {lines}    kl = ")
        assert codes(linted(tmp_path, {"net.py": NET, "train.py": text})) == expected


def test_a_layer_that_a_gradient_is_asked_for_elsewhere_is_left(tmp_path: Path) -> None:
    train = TRAIN.format(before="pass", loss=ERROR, after="pass")
    later = LATER.format(loss='F.mse_loss(net(x)["wide"], x)')
    asked = later.replace("loss.backward()", "grads = torch.autograd.grad(loss, list(net.spread.parameters()))")
    assert codes(linted(tmp_path, {"net.py": NET, "train.py": train, "later.py": asked})) == []


def test_what_comes_too_late_to_be_read_may_train_a_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = TRAIN.format(before="pass", loss=ERROR, after="pass")
    own = LATER.format(loss='F.mse_loss(net(x)["wide"], x)')
    files = {"net.py": NET, "train.py": train, "unread.py": own}
    for most in range(0, 700, 35):
        monkeypatch.setattr(projects, "MAX_STEPS_OF_ALL", most)
        assert "VAE601" not in codes(linted(tmp_path, files))


def _unread(before: str, loss: str = ERROR, after: str = "pass") -> dict[str, str]:
    """A model that gives what it makes of the latents a name, in the place of handing it out."""
    net = NET.replace('"wide": self.spread(h), ', "").replace("        return", f"        {before}\n        return")
    return {"net.py": net, "train.py": TRAIN.format(before="pass", loss=loss, after=after)}


UNREAD = {
    "alone": "wide = self.spread(h)",
    "bent": "wide = F.softplus(self.spread(h)) + 1e-3",
    "in a loop": "for _ in range(3):\n            wide = torch.exp(self.spread(h))",
}


@pytest.mark.parametrize("before", UNREAD.values(), ids=UNREAD)
def test_a_layer_whose_output_has_a_name_that_nothing_reads_is_named(before: str, tmp_path: Path) -> None:
    report = linted(tmp_path, _unread(before))
    assert codes(report) == ["VAE601"]
    (finding,) = report.findings
    assert finding.place is not None
    assert "self.spread(h)" in finding.place.text


READ = {
    "kept": ("self.wide = self.spread(h)", ERROR, "pass"),
    "read in another branch": ("wide = self.spread(h)\n        if self.seen:\n            h = h * wide", ERROR, "pass"),
    "run elsewhere": (UNREAD["alone"], ERROR, "F.l1_loss(net.spread(out['m']), x).backward()"),
    "of weights in the loss": (UNREAD["alone"], f"{ERROR} + net.spread.weight.pow(2).sum()", "pass"),
    "made of the mean as well": ("wide = self.mean(h) + 1", ERROR, "pass"),
}


@pytest.mark.parametrize(("before", "loss", "after"), READ.values(), ids=READ)
def test_a_layer_whose_output_has_a_name_may_be_trained(before: str, loss: str, after: str, tmp_path: Path) -> None:
    files = _unread(before, loss, after)
    if ".weight" in loss:
        one = "nn.Sequential(nn.Linear(33, 21), nn.ReLU(), nn.Linear(21, 84))"
        files["net.py"] = files["net.py"].replace(one, "nn.Linear(33, 84)")
    assert codes(linted(tmp_path, files)) == []
