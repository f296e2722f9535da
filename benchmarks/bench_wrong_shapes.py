"""Wrong shapes by one edit of an annotated VAE: who notices, of `@checked`, `shapes check` and `lint`.

The VAE is annotated by `shapes annotate` and decorated with `@checked`; each mutant runs once (torch refusing it counts
too), is compared with the lock of the original, and is linted.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

import torch

from vae_checked import lint
from vae_checked.errors import ContractError
from vae_checked.shapes import annotate, compare, infer, locked

SOURCE = """import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 14, 3, 2, 1), nn.ReLU())
        self.to_mu = nn.Conv2d(14, 6, 1)
        self.to_logvar = nn.Conv2d(14, 6, 1)
        self.decoder = nn.Sequential(nn.ConvTranspose2d(6, 10, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(10, 3, 4, 2, 1))

    def encode(self, x):
        h = self.encoder(x)
        return self.to_mu(h), self.to_logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def kl(self, mu, logvar):
        return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(dim=(1, 2, 3))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        x_hat = self.decode(z)
        return x_hat, mu, logvar, self.kl(mu, logvar)
"""
MUTANTS = {
    "KL over dim 0": (".sum(dim=(1, 2, 3))", ".sum(dim=(0, 2, 3))"),
    "decoder given x": ("self.decode(z)\n", "self.decode(x)\n"),
    "view for permute": (
        "return torch.sigmoid(self.decoder(z))",
        "y = self.decoder(z)\n        return torch.sigmoid(y.view(y.shape[0], y.shape[2], y.shape[3], y.shape[1]))",
    ),
    "wrong permute": ("torch.sigmoid(self.decoder(z))", "torch.sigmoid(self.decoder(z)).permute(0, 1, 3, 2)"),
    "missing dim": ("return self.to_mu(h), self.to_logvar(h)", "return self.to_mu(h)[0], self.to_logvar(h)[0]"),
    "keepdim": (".sum(dim=(1, 2, 3))", ".sum(dim=(1, 2, 3), keepdim=True)"),
    "broadcast": ("self.to_logvar(h)", "self.to_logvar(h).mean(1, keepdim=True)"),
    "returning z": ("return x_hat, mu", "return z, mu"),
}


def loaded(folder: Path, name: str, text: str) -> type[torch.nn.Module]:
    """The VAE of a module with this text."""
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    importlib.invalidate_caches()
    kind: type[torch.nn.Module] = importlib.import_module(name).VAE
    return kind


def refused(kind: type[torch.nn.Module]) -> bool:
    """Whether a contract stops one forward, or the model itself does."""
    try:
        kind()(torch.rand(2, 3, 24, 36))
    except (ContractError, RuntimeError, IndexError, ValueError):
        return True
    return False


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sys.path.insert(0, name)
        plain = loaded(folder, "plain", SOURCE)
        shapes = infer(plain(), "B 3 H W")
        annotated = next(iter(annotate(plain(), shapes, checked=True).files.values()))
        lock = {"vae": locked(shapes)}
        assert not refused(loaded(folder, "annotated", annotated))
        print(f"{'mutant':18} {'@checked':>9} {'shapes check':>13} {'lint':>5}")
        seen = 0
        for number, (mutant, (old, new)) in enumerate(MUTANTS.items()):
            text = annotated.replace(old, new)
            assert text != annotated
            by_contract = refused(loaded(folder, f"mutant_{number}", text))
            bare = loaded(folder, f"bare_{number}", SOURCE.replace(old, new))
            try:
                by_lock = bool(compare(lock, {"vae": locked(infer(bare(), "B 3 H W"))}))
            except Exception:  # a mutant that runs at no size cannot be locked, which check says with status 2
                by_lock = True
            by_lint = bool(lint([folder / f"bare_{number}.py"]).findings)
            seen += by_contract or by_lock or by_lint
            print(f"{mutant:18} {by_contract!s:>9} {by_lock!s:>13} {by_lint!s:>5}")
        print(f"{seen} of {len(MUTANTS)} are noticed")


if __name__ == "__main__":
    main()
