"""What other libraries than torch hand a VAE: diffusers' noise, the limits of float types, records of outputs."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, KL, MODEL, codes, linted

NOISE = {
    "by place": "randn_tensor(m.shape, generator=generator, device=m.device, dtype=m.dtype)",
    "by name": "randn_tensor(shape=s.size(), dtype=s.dtype)",
}
DRAWN = (
    HEAD
    + "from diffusers.utils.torch_utils import randn_tensor\n"
    + MODEL
    + """
    def forward(self, x, generator=None):
        m, s = self.encode(x)
        z = m + torch.exp({half}s) * {noise}
        error = F.mse_loss(self.back(z), x, reduction="none").sum(1)
        return (error + """
    + KL
    + ").mean()\n"
)


@pytest.mark.parametrize(("half", "expected"), [("0.5 * ", []), ("", ["VAE201"])])
@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_noise_of_diffusers_is_standard_normal(noise: str, half: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": DRAWN.format(half=half, noise=noise)})
    assert codes(report) == expected
    assert any(facts.sampler.noise and facts.kl.form and facts.recon.kind for facts in report.facts)


def test_noise_of_diffusers_that_is_shared_is_named(tmp_path: Path) -> None:
    shared = DRAWN.format(half="0.5 * ", noise="randn_tensor((1, 7), device=m.device)")
    assert codes(linted(tmp_path, {"net.py": shared})) == ["VAE203"]


LIMITS = {
    "torch": "torch.finfo(torch.float).eps",
    "torch's half": "torch.finfo(torch.bfloat16).tiny",
    "of a tensor's type": "torch.finfo(m.dtype).eps",
    "numpy": "np.finfo(np.float32).eps",
    "python": "sys.float_info.epsilon",
}
GUARDED = (
    HEAD.replace("import numpy", "import sys\nimport numpy")
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        eps = {limit}
        std = F.softplus(s)
        y = self.back(m + std * torch.randn_like(std))
        error = -(x * torch.log(y + eps) + (1 - x) * torch.log(1 - y - eps)).sum(1)
        kl = {sign}0.5 * (std.pow(2) + m.pow(2) - 1 - 2 * torch.log(std + eps)).sum(1)
        return (error + kl).mean()
"""
)


@pytest.mark.parametrize(("sign", "expected"), [("", []), ("-", ["VAE302"])])
@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
def test_a_limit_of_a_float_type_is_a_small_number(limit: str, sign: str, expected: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": GUARDED.format(limit=limit, sign=sign)})
    assert codes(report) == expected
    (kind,) = {facts.recon.kind.value.value for facts in report.facts if facts.kl.form and facts.recon.kind}
    assert kind == "bce"


RECORDS = {
    "by keywords": "return ModelOutput(there=made, out=self.back(made.z))",
    "filled afterwards": "out = ModelOutput()\n        out.there = made\n        out.out = self.back(made.z)\n"
    "        return out",
    "a namespace": "out = SimpleNamespace(there=None)\n        out.there = made\n        out.out = self.back(made.z)\n"
    "        return out",
}
RETURNED = (
    HEAD
    + "from types import SimpleNamespace\nfrom transformers.utils import ModelOutput\n"
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        made = ModelOutput(z=m + torch.exp({half}s) * torch.randn_like(s), m=m, s=s)
        {record}


net = Net()


def step(x, adam):
    made = net(x)
    m, s = made.there.m, made["there"]["s"]
    loss = (F.mse_loss(made.out, x, reduction="none").sum(1) + """
    + KL
    + """).mean()
    loss.backward()
"""
)


@pytest.mark.parametrize(("half", "expected"), [("0.5 * ", []), ("", ["VAE201"])])
@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_record_of_another_library_hands_on_its_parts(
    record: str, half: str, expected: list[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": RETURNED.format(half=half, record=record)})
    assert codes(report) == expected
    assert any(facts.sampler.std and facts.kl.form and facts.recon.kind for facts in report.facts)


OTHER = (
    HEAD.replace("import torch\n", "import torch\nimport {library} as tl\n")
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        q = {made}.Normal(m, torch.exp({half}s))
        y = self.back(q.sample())
        return F.mse_loss(y, x, reduction="none").sum(1) + """
    + KL
    + "\n"
)


@pytest.mark.parametrize(
    ("library", "made", "expected"),
    [
        ("torch.distributions", "tl", ["VAE206"]),
        # Theirs hand on a gradient through `sample`.
        ("tensorflow", "tl.distributions", []),
        ("tensorflow_probability", "tl.distributions", []),
    ],
)
def test_a_sample_of_another_framework_is_not_detached(
    library: str, made: str, expected: list[str], tmp_path: Path
) -> None:
    assert codes(linted(tmp_path, {"net.py": OTHER.format(library=library, made=made, half="0.5 * ")})) == expected
