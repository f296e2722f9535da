"""What several evaluations say of one VAE is said once."""

from __future__ import annotations

from pathlib import Path

from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, linted

LOSS = f"""

def vae_loss(recon, x, m, s):
    error = F.binary_cross_entropy(recon, x, reduction="none").sum(1)
    kl = {KL}
    return (error + kl).mean()


def train(loader):
    model = Net()
    optimizer = torch.optim.Adam(model.parameters())
    for x, _ in loader:
        recon, m, s = model(x)
        loss = vae_loss(recon, x, m, s)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""


def test_a_loss_that_is_also_run_alone_leaves_the_core_of_its_vae_checked(tmp_path: Path) -> None:
    report = linted(tmp_path, {"vae.py": HEAD + MODEL + FORWARD + LOSS})
    assert report.findings == ()
    # Run alone, the loss does not tell how many axes an error has; run by the model, it does.
    assert "vae_loss" not in [facts.subject.rpartition(":")[2] for facts in report.facts]
    assert "1 VAE examined: sampler, KL and loss checked in 1" in report.summary
