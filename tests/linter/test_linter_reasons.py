"""Why a question is open: the reason that is true, in what was read and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, LOOP, linted

from vae_checked.linter import LintReport, lint
from vae_checked.reports import render
from vae_checked.reports.standing import in_part

# A trainer that runs a step which it does not have, and a draw of the same model beside it.
STEPS = (
    HEAD
    + LAYERS.replace("nn.Module", "Trained").replace("\nclass Net", "\n{base}\n\nclass Net")
    + LAYERS_FORWARD
    + """
    def step(self, x):
        y, m, s = self(x)
        return ((y - x).pow(2).sum(1) - 0.5 * (1 + s - m.pow(2) - s.exp()).sum(1)).mean(), m

    def around(self, x, count):
        m, s = self.to_m(x), nn.Linear(84, 7)(x)
        z = m + torch.exp(0.5 * s) * torch.randn(count, 7)
        return self.back(z)
"""
)
BASE = """
class Trained(nn.Module):
    def fit(self, loader, optimizer):
        for x in loader:
            optimizer.zero_grad()
            loss, _ = self.step(x)
            loss.backward()
            optimizer.step()
"""


def _in_part(folder: Path, text: str) -> str:
    (line,) = in_part(linted(folder, {"net.py": text}))
    return line


def test_a_draw_beside_the_training_is_not_left_to_a_backward_pass(tmp_path: Path) -> None:
    line = _in_part(tmp_path, STEPS.replace("{base}", BASE))
    assert "no loss that was read is computed from the draw m + torch.exp(0.5 * s) * torch.randn(count, 7)" in line
    assert "what loss.backward() at " in line
    assert "loss.backward() is not resolved" not in line


TRAINED = (
    HEAD
    + LAYERS
    + LAYERS_FORWARD.replace("self.back(", "self.back(mixed(").replace("(0.5 * s)),", "(0.5 * s))),")
    + LOOP.format(loss="loss = (y - x).pow(2).sum(1).mean(){kl}", differentiated="loss.backward()")
)


@pytest.mark.parametrize(
    ("kl", "why"),
    [
        # A call on the way from z takes the heads by z alone, and one that has them may be the KL.
        ("", "no part of (y - x).pow(2).sum(1).mean() is read as a KL of these heads"),
        (" + divergence(m, s)", "divergence(m, s) is not resolved"),
        (" + divergence(torch.cat([m, s], 1))", "divergence(torch.cat([m, s], 1)) is not resolved"),
    ],
)
def test_a_call_hides_a_kl_where_it_takes_the_heads(kl: str, why: str, tmp_path: Path) -> None:
    line = _in_part(tmp_path, TRAINED.replace("{kl}", kl))
    assert f"the KL is not known (201 205 301 306): {why}, at " in line


def test_the_step_is_named_at_which_the_axes_are_lost(tmp_path: Path) -> None:
    kl = " + torch.logsumexp(-0.5 * (1 + s - m.pow(2) - s.exp()).sum(1), dim=0)"
    report = linted(tmp_path, {"net.py": TRAINED.replace("{kl}", kl).replace("mixed(", "(")})
    said = [facts.unobserved.get("kl.reduced", "") for facts in report.facts]
    assert any("torch.logsumexp(" in each and each.endswith("does to the axes is not known") for each in said), said


LATENTS = """\
import torch
import torch.nn.functional as F


class Training:
    def __init__(self, vae, model, args):
        self.vae, self.model, self.args = vae, model, args

    def step(self, scheduler, pictures, t):
        z = self.vae.encode(pictures).latent_dist.sample(){encoded}
        noise = torch.randn_like(z)
        return F.mse_loss(self.model(scheduler.add_noise(z, noise, t), t), noise)
"""
DECODED = """
    def draw(self, scheduler, z):
        for t in scheduler.timesteps:
            z = scheduler.step(self.model(z, t), t, z).prev_sample
        return self.vae.decode(z{decoded}).sample
"""
DECODED_ALONE = LATENTS[: LATENTS.index("    def step")] + DECODED[1:]
SCALE, WEIGHT = "self.args.latent_scale", "self.args.weight_scale"
ONE_NUMBER = "whether latent_scale and weight_scale are one number is not known"
READ = {
    "no decode": (
        LATENTS,
        f" * {SCALE}",
        "",
        "behind encode z -> z * latent_scale ({at}:10), and no decode of these latents was read",
    ),
    "no encode": (
        DECODED_ALONE,
        "",
        f" / {SCALE}",
        "before decode z -> z / latent_scale ({at}:12), and no encode of these latents was read",
    ),
    "two names": (
        LATENTS + DECODED,
        f" * {SCALE}",
        f" / {WEIGHT}",
        "behind encode z -> z * latent_scale ({at}:10), before decode z -> z / weight_scale ({at}:17): " + ONE_NUMBER,
    ),
    "not read": (
        DECODED_ALONE,
        "",
        " / self.args.k",
        "before decode something that is not read is done ({at}:12), and no encode of these latents was read",
    ),
}


@pytest.mark.parametrize(("text", "encoded", "decoded", "why"), READ.values(), ids=READ)
def test_what_was_read_of_the_ends_is_said(text: str, encoded: str, decoded: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(text.replace("{encoded}", encoded).replace("{decoded}", decoded), encoding="utf-8")
    report = lint([path])
    assert f"VAE701 702: {why.format(at=path)}\n" in render(report, verbose=True)


def test_a_file_that_only_decodes_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "draw.py"
    path.write_text(DECODED_ALONE.replace("{decoded}", ""), encoding="utf-8")
    assert lint([path]).summary.startswith("1 file read, 0 with VAE code, 1 that uses a VAE; ")


def test_every_open_code_of_latents_has_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(LATENTS.replace("{encoded}", " * 0.18215"), encoding="utf-8")
    report = lint([path])
    said = render(report, verbose=True).partition("not decided:\n")[2].partition("\n\n")[0]
    left = {code for judgement in report.judgements for code in judgement.undecided}
    assert len(left) > 5
    assert [code for code in sorted(left) if code.removeprefix("VAE") not in said] == []
    assert "VAE703: 0.18215 is the factor of Stable Diffusion 1 and 2; which VAE is used here is not known" in said


def _rendered(folder: Path, text: str) -> tuple[LintReport, str]:
    report = linted(folder, {"net.py": text})
    return report, render(report, verbose=True)


def test_what_is_no_vae_has_a_loss_and_no_decoder(tmp_path: Path) -> None:
    text = (
        HEAD
        + """

class Scores(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(84, 9)

    def forward(self, x):
        return self.trunk(x)


def fit(loader):
    net = Scores()
    optimizer = torch.optim.Adam(net.parameters())
    for x, goal in loader:
        loss = F.mse_loss(net(x + torch.randn_like(x)), goal)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
    )
    report, said = _rendered(tmp_path, text)
    assert report.subjects == 0
    assert ": loss: mse\n" in said
    assert "reconstruction: " not in said
    assert "decoder" not in said
    assert "(-inf, inf) and a target" not in said


def test_an_audit_is_named_by_what_is_known_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "net.py").write_text(HEAD + LAYERS + LAYERS_FORWARD, encoding="utf-8")
    (line,) = in_part(lint([tmp_path / "net.py"]))
    assert line.endswith("; vae-checked audit of Net measures it")
    monkeypatch.chdir(tmp_path)
    (line,) = in_part(lint([tmp_path / "net.py"]))
    assert line.endswith("; vae-checked audit net:Net measures it")
    drawn = "h = torch.load('h')\nm, s = h[:, :7], h[:, 7:]\nz = m + torch.randn_like(m) * torch.exp(0.5 * s)\n"
    (tmp_path / "net.py").write_text(f"{HEAD}\n{drawn}kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())\n")
    (line,) = in_part(lint([tmp_path / "net.py"]))
    assert line.endswith("; vae-checked audit of the model measures it")


def test_the_whole_loss_is_said_to_have_no_kl(tmp_path: Path) -> None:
    two = "        loss = (y - x).pow(2).sum(1).mean()\n        total = loss + 0.1 * y.abs().sum(1).mean()\n"
    text = TRAINED.replace("        loss = (y - x).pow(2).sum(1).mean(){kl}\n", two).replace(
        "loss.backward", "total.backward"
    )
    line = _in_part(tmp_path, text)
    assert "no part of loss + 0.1 * y.abs().sum(1).mean() is read as a KL of these heads, at " in line


def test_a_program_is_given_the_reasons_of_the_text(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": TRAINED.replace("{kl}", " + divergence(m, s)")})
    said = json.loads(render(report, "json"))["undecided"]
    (reason,) = {each["reason"] for each in said if each["code"] == "VAE301"}
    assert reason.startswith("divergence(m, s) is not resolved, at ")


def test_a_function_that_no_loss_is_seen_of_is_called_no_model(tmp_path: Path) -> None:
    text = (
        HEAD + "\n\ndef kl_of(mu, logvar):\n    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp(), dim=1)\n"
    )
    said = render(linted(tmp_path, {"net.py": text}), verbose=True)
    assert ": no loss was seen\n" in said
    assert "this model" not in said


def test_what_is_asked_of_a_term_is_open_as_the_term_is(tmp_path: Path) -> None:
    said = render(linted(tmp_path, {"net.py": TRAINED.replace("{kl}", " + divergence(m, s)")}), verbose=True)
    (line,) = (line for line in said.splitlines() if "the KL (201 205 301 306)" in line)
    assert "the factor of the KL (303)" in line
    assert "whether the KL reaches the loss (305)" in line
    assert ": divergence(m, s) is not resolved, at " in line
