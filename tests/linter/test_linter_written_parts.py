"""Tensors that code writes into in place: what they held lies there no more, by whatever name it is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, joined, linted

SCENE = (
    HEAD
    + """
from torchvision import transforms

{before}
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(84, 33), nn.ReLU())
        self.to_m = nn.Linear(33, 7)
        self.to_s = nn.Linear(33, 7)
        self.back = nn.Sequential(nn.Linear(7, 33), nn.ReLU(), nn.Linear(33, 84))

    def decode(self, z):
        out = self.back(z)
        {decode}
        return out

    def forward(self, x):
        h = self.trunk(x.flatten(1))
        m, s = self.to_m(h), self.to_s(h)
        return self.decode(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def train(folder):
    pictures = torchvision.datasets.FakeData(size=9, transform={transform})
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x, _ in DataLoader(pictures, batch_size=32):
        {data}
        y, m, s = model(x)
        loss = {loss}(y, x.flatten(1), reduction="sum") - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
BCE, LOGITS = "F.binary_cross_entropy", "F.binary_cross_entropy_with_logits"
SQUASH = "def squash(t):\n    {}\n\n\n"
TO_TENSOR = "transforms.ToTensor()"
WIDENED = "transforms.Normalize(-1, 2)"
CENTRED = "transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])"


def _scene(decode: str = "pass", loss: str = BCE, before: str = "", data: str = "pass", scaled: str = TO_TENSOR) -> str:
    return SCENE.format(
        decode=decode.replace("\n", "\n        "), loss=loss, before=before, data=data, transform=scaled
    )


@pytest.mark.parametrize(
    "decode",
    [
        "out[:, :3] = torch.sigmoid(out[:, :3])\nout[:, 3:] = torch.sigmoid(out[:, 3:])",
        "for i in range(len(out)):\n    out[i] = torch.sigmoid(out[i])",
        "for row in out:\n    row.sigmoid_()",
        "first, rest = out.split([3, 81], dim=1)\nfirst.sigmoid_()\nrest.sigmoid_()",
        "out[:, :84].sigmoid_()",
        "out[:] = torch.sigmoid(out)",
        "out[..., :] = torch.sigmoid(out)",
        "out.data = torch.sigmoid(out)",
        "torch.sigmoid_(out)",
        "torch.sigmoid(out, out=out)",
        "same = out\nsame -= same - torch.sigmoid(same)",
        "lessen(out)",
        "own.squash_(out)",
        "squash(out)",
        "def inner():\n    out.sigmoid_()\n\ninner()",
        "def inner():\n    same = out.view(-1)\n    same -= same - torch.sigmoid(same)\n\ninner()",
        "out.copy_(torch.sigmoid(out))",
        "kept = torch.empty_like(out)\nkept.copy_(torch.sigmoid(out))\nout = kept",
    ],
)
def test_an_output_that_is_written_into_is_no_logit(decode: str, tmp_path: Path) -> None:
    lessen = "def lessen(t):\n    t = t.view(-1)\n    t -= t - torch.sigmoid(t)\n\n\n"
    before = f"import own\n\n\n{lessen}{SQUASH.format('t[:, :] = torch.sigmoid(t)')}"
    report = linted(tmp_path, {"train.py": _scene(decode, before=before)})
    assert codes(report) == []
    assert joined(report), "the VAE is recognised all the same"


@pytest.mark.parametrize(
    ("decode", "loss", "expected"),
    [
        ("pass", BCE, ["VAE402"]),
        ("z[:, 0] = 0", BCE, ["VAE402"]),
        ("kept = out.clone()\nkept[:, 0] = 0", BCE, ["VAE402"]),
        ("kept = out.clone()\nkept += 1", BCE, ["VAE402"]),
        ("kept = out\nkept = kept + 1", BCE, ["VAE402"]),
        ("most = out.mean().item()\nmost += 1", BCE, ["VAE402"]),
        ("kept = out.repeat(1, 1)\nkept[:, 0] = 0", BCE, ["VAE402"]),
        ("squash(torch.zeros(3) + z[0, :3])", BCE, ["VAE402"]),
        ("out.requires_grad_()", BCE, ["VAE402"]),
        ("kept = torch.empty_like(out)\nkept.copy_(out)\nkept.sigmoid_()", BCE, ["VAE402"]),
        ("kept = self.back(z)\nkept[:, 0] = 0\nout = self.back(z)", BCE, ["VAE402"]),
        ("def inner():\n    out = torch.zeros(3)\n    out.sigmoid_()\n\ninner()", BCE, ["VAE402"]),
        ("torch.sigmoid_(out)", LOGITS, ["VAE401"]),
        ("kept = torch.empty_like(out)\nkept.copy_(torch.sigmoid(out))\nout = kept", LOGITS, ["VAE401"]),
        ("out[:] = torch.sigmoid(out)", LOGITS, ["VAE401"]),
        ("out = torch.sigmoid(out)\nout[:, 3:] = self.back(z)[:, 3:]", LOGITS, []),
    ],
)
def test_what_is_not_written_into_is_judged_as_it_is(
    decode: str, loss: str, expected: list[str], tmp_path: Path
) -> None:
    files = {"train.py": _scene(decode, loss, before=SQUASH.format("t.sigmoid_()"))}
    assert codes(linted(tmp_path, files)) == expected


@pytest.mark.parametrize("fresh", ["torch.zeros(84)", "torch.zeros_like(out)", "torch.empty_like(out).zero_()"])
def test_of_two_tensors_that_are_made_alike_one_is_written_into(fresh: str, tmp_path: Path) -> None:
    decode = f"kept = {fresh}; shift = {fresh}; kept[:3] = 1; out = torch.sigmoid(out) + {{}}"
    for name, clean in (("shift", True), ("kept", False)):
        report = linted(tmp_path, {"train.py": _scene(decode.format(name))})
        assert any("VAE403" in each.clean for each in report.vaes) is clean


@pytest.mark.parametrize(("std", "expected"), [("0.5 * s", []), ("s", ["VAE201"])])
@pytest.mark.parametrize("empty", ["torch.empty_like(m)", "torch.zeros_like(m)", "m.clone()"])
def test_a_draw_that_is_copied_over_a_tensor_is_the_draw(
    empty: str, std: str, expected: list[str], tmp_path: Path
) -> None:
    scene, drawn = _scene("out = torch.sigmoid(out)"), "m + torch.exp(0.5 * s) * torch.randn_like(s)"
    assert scene.count(f"return self.decode({drawn})") == 1
    copied = f"z = {empty}; z.copy_(m + torch.exp({std}) * torch.randn_like(s)); return self.decode(z)"
    report = linted(tmp_path, {"train.py": scene.replace(f"return self.decode({drawn})", copied)})
    assert codes(report) == expected
    assert joined(report)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("pass", ["VAE403"]),
        ("x[:] = x * 0.5 + 0.5", []),
        ("x[..., 2:] = x[..., 2:] * 0.5 + 0.5", []),
        ("torch.add(x * 0.5, 0.5, out=x)", []),
        ("squash(x)", []),
        ("widen(x)", []),
        ("same = x; same *= 0.5; same += 0.5", []),
        ("shown = x.clone(); shown[:] = x * 0.5 + 0.5", ["VAE403"]),
        ("x[:] = x * 0.25", ["VAE403"]),
    ],
)
def test_data_that_are_written_into_lie_where_that_says(data: str, expected: list[str], tmp_path: Path) -> None:
    widen = "def widen(t):\n    t *= 0.5\n    t += 0.5\n\n\n"
    before = widen + SQUASH.format("t.mul_(0.5).add_(0.5)")
    files = {"train.py": _scene("out = torch.sigmoid(out)", data=data, scaled=CENTRED, before=before)}
    assert codes(linted(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        (CENTRED, f"pictures.transform = {TO_TENSOR}", []),
        (TO_TENSOR, f"pictures.transform = {CENTRED}", ["VAE403"]),
        (CENTRED, "pictures.transform = own.steps()", []),
        (CENTRED, "pictures.target_transform = own.steps()", ["VAE403"]),
        (CENTRED, "pictures.transforms = own.steps()", []),
        (CENTRED, f'setattr(pictures, "transform", {TO_TENSOR})', []),
        (CENTRED, 'setattr(pictures, "target_transform", own.steps())', ["VAE403"]),
        (CENTRED, f"pictures.transform.transforms.append({WIDENED})", []),
        (CENTRED, f"pictures.transform.transforms.insert(2, {WIDENED})", []),
        (CENTRED, f"pictures.transform.transforms += [{WIDENED}]", []),
        (CENTRED, "print(pictures.transform.transforms)", ["VAE403"]),
        (CENTRED, f"batches.dataset.transform = {TO_TENSOR}", []),
        (CENTRED, f"kept = Kept(); kept.sets = pictures; kept.sets.transform = {TO_TENSOR}; pictures = kept.sets", []),
    ],
)
def test_a_transform_that_is_set_later_is_the_one_of_the_set(
    first: str, then: str, expected: list[str], tmp_path: Path
) -> None:
    scene = _scene("out = torch.sigmoid(out)", scaled=first, before="import own\n\n\nclass Kept:\n    pass\n\n\n")
    batches = "batches = DataLoader(pictures, batch_size=32)"
    scene = scene.replace("    model = Net()", f"    {batches}\n    {then}\n    model = Net()")
    used = "batches" if "batches.dataset" in then else "DataLoader(pictures, batch_size=32)"
    scene = scene.replace("for x, _ in DataLoader(pictures, batch_size=32)", f"for x, _ in {used}")
    assert codes(linted(tmp_path, {"train.py": scene})) == expected
