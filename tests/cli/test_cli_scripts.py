"""Models in scripts that download, train or fail when they are imported: their definitions alone are loaded."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from vae_checked.cli import main

MODEL = """\
    import torch
    from torch import nn

    LATENTS = 5


    class VAE(nn.Module):
        def __init__(self, latents=LATENTS):
            super().__init__()
            self.encoder, self.decoder = nn.Linear(42, 2 * latents), nn.Linear(latents, 42)

        def forward(self, x):
            mu, logvar = self.encoder(x).chunk(2, 1)
            return self.decoder(mu + torch.exp(logvar) * torch.randn_like(mu)), mu, logvar


    def loss_function(x_hat, x, mu, logvar):
        kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)
        return ((x_hat - x).pow(2).sum(1) + kl).mean()


"""
SCRIPTS = {
    "trains": """\
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters())
    for step in range(10**9):
        loss = loss_function(model(torch.rand(8, 42))[0], torch.rand(8, 42), 0, 0)
        loss.backward()
        optimizer.step()
    """,
    "fails": """\
    data = open("/nowhere/mnist.npz").read()
    """,
    "ends": """\
    import sys
    sys.exit("usage: train.py DATA")
    """,
    "needs_a_package": """\
    import a_package_that_there_is_not
    data = a_package_that_there_is_not.load()
    """,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_class_of_a_script_is_audited_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = f"script_that_{name}"
    (tmp_path / f"{module}.py").write_text(textwrap.dedent(MODEL) + textwrap.dedent(SCRIPTS[name]), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    status = main(["audit", f"{module}:VAE", "--input", "B 42", "--loss", f"{module}:loss_function", "--verbose"])
    out = capsys.readouterr().out
    sys.modules.pop(module, None)
    assert status == 1
    assert "VAE201" in out
    assert "classes, functions and constants alone were loaded" in " ".join(out.split())


def test_a_module_that_imports_is_not_taken_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "whole_module.py").write_text(textwrap.dedent(MODEL), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert main(["audit", "whole_module:VAE", "--input", "B 42", "--verbose"]) in (0, 1)
    sys.modules.pop("whole_module", None)
    assert "alone were loaded" not in capsys.readouterr().out


def test_a_loss_without_what_an_import_lacks_says_which_import_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = textwrap.dedent(MODEL) + "\n\nfrom a_package_that_there_is_not import kl_of\n\n\n"
    text += "def elbo(x_hat, x, mu, s):\n    return ((x_hat - x) ** 2).sum() + kl_of(mu, s)\n"
    (tmp_path / "loss_that_lacks.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert main(["audit", "loss_that_lacks:VAE", "--input", "B 42", "--loss", "loss_that_lacks:elbo"]) == 2
    sys.modules.pop("loss_that_lacks", None)
    said = " ".join(capsys.readouterr().err.split())
    assert "name 'kl_of' is not defined" in said
    assert "importing loss_that_lacks needs 'a_package_that_there_is_not', which is not installed" in said


def test_a_factory_without_what_an_import_lacks_is_told_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "import a_package_that_there_is_not as H\n\n\ndef make():\n    return H.VAE()\n"
    (tmp_path / "factory_that_lacks.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    status = main(["audit", "factory_that_lacks:make", "--input", "B 42"])
    error = capsys.readouterr().err
    sys.modules.pop("factory_that_lacks", None)
    assert status == 2
    assert "name 'H' is not defined" in error
    assert "needs 'a_package_that_there_is_not', which is not installed" in error
    assert "give the arguments" not in error
