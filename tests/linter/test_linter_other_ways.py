"""The KLs of one posterior: on another way through a condition, of heads with fewer axes, in a validation."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, linted

NET = (
    HEAD
    + LAYERS
    + """
    def forward(self, x):
        m, s = self.to_m(x), self.to_s(x)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s

"""
)
WAYS = (
    NET
    + """
def divergence(m, s, wide=True):
    if {first}:
        return 0.5 * torch.sum(s.exp() - 1.0 - s + m.pow(2), dim=1)
    elif {second}:
        return {other}
    raise ValueError


def fit(loader, wide):
    net = Net()
    steps = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, m, s = net(x)
        loss = torch.sum((y - x).pow(2), dim=1).mean() + divergence(m, s, wide).mean()
        steps.zero_grad()
        loss.backward()
        steps.step()
"""
)
OF_ONE_NUMBER = "0.5 * (m.shape[1] * (s.exp() - 1.0 - s) + torch.sum(m.pow(2), dim=1))"
OF_THE_SAME = "0.5 * (torch.sum(s.exp() - 1.0 - s, dim=1) + m.pow(2).sum(1))"
OF_A_LOG_STD = "0.5 * torch.sum((2 * s).exp() - 1.0 - 2 * s + m.pow(2), dim=1)"
AXES = {
    "ndim": ("s.ndim == 2", "s.ndim == 1"),
    "dim()": ("s.dim() == 2", "2 > s.dim()"),
    "a shape's length": ("len(s.shape) == 2", "len(s.shape) < 2"),
}


@pytest.mark.parametrize(("first", "second"), AXES.values(), ids=AXES)
def test_what_a_layer_makes_has_more_than_one_axis(first: str, second: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": WAYS.format(first=first, second=second, other=OF_ONE_NUMBER)})
    (whole,) = [vae for vae in report.vaes if vae.core_checked]
    assert whole.subject.endswith("fit")
    assert {"VAE201", "VAE301", "VAE304"} <= {*whole.clean}


def test_three_axes_of_a_layer_are_left_open(tmp_path: Path) -> None:
    text = WAYS.format(first="s.ndim == 3", second="s.ndim == 2", other=OF_A_LOG_STD)
    report = linted(tmp_path, {"net.py": text})
    assert not report.findings
    assert not any("VAE201" in vae.clean for vae in report.vaes)


@pytest.mark.parametrize(("other", "clean"), [(OF_THE_SAME, True), (OF_A_LOG_STD, False)], ids=["same", "log std"])
def test_a_setting_chooses_between_two_kls_of_the_heads(other: str, clean: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": WAYS.format(first="wide", second="not wide", other=other)})
    joined = [facts for facts in report.facts if facts.kl.form and facts.recon.kind]
    assert not report.findings
    assert len({facts.kl.form.origin.place for facts in joined if facts.kl.form}) == 2
    assert all(facts.sampler.noise for facts in joined)
    assert any(vae.core_checked for vae in report.vaes) is clean


VALIDATED = (
    NET
    + """
def fit(loader, validation, beta):
    net = Net()
    steps = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, m, s = net(x)
        error = torch.sum((y - x).pow(2), dim=1).mean()
        kl = 0.5 * torch.mean(torch.sum(s.exp() - 1.0 - s + m.pow(2), dim=1))
        loss = error + beta * kl
        steps.zero_grad()
        loss.backward()
        steps.step()
    with torch.no_grad():
        for x, _ in validation:
            y, m, s = net(x)
            error = torch.sum((y - x).pow(2), dim=1).mean()
            kl = {kl}
            loss = error + beta * kl
            print(loss.item())
"""
)


def test_a_validation_that_repeats_the_kl_is_no_other_vae(tmp_path: Path) -> None:
    same = "0.5 * torch.mean(torch.sum(s.exp() - 1.0 - s + m.pow(2), dim=1))"
    report = linted(tmp_path, {"net.py": VALIDATED.format(kl=same)})
    assert not report.findings
    assert len({facts.kl.form.origin.place for facts in report.facts if facts.kl.form}) == 1
    assert [vae.core_checked for vae in report.vaes] == [True]


def test_a_validation_with_a_kl_of_its_own_is_judged(tmp_path: Path) -> None:
    own = "0.5 * torch.mean(torch.sum((2 * s).exp() - 1.0 - 2 * s + m.pow(2), dim=1))"
    report = linted(tmp_path, {"net.py": VALIDATED.format(kl=own)})
    assert [finding.code for finding in report.findings] == ["VAE201"]


MEASURED = (
    NET
    + """
def divergence(m, s):
    return 0.5 * (s.exp() - 1.0 - s + m.pow(2))


def in_use(net, validation):
    found = []
    for x, _ in validation:
        found.append(torch.cat([net.to_m(x), net.to_s(x)], dim=1){cut})
    found = torch.cat(found)
    m, s = found[:, :7], found[:, 7:]
    return (({formula}).mean(0) > 0.01).sum()


def fit(loader, validation):
    net = Net()
    steps = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, m, s = net(x)
        loss = torch.sum((y - x).pow(2), dim=1).mean() + divergence(m, s).sum(1).mean()
        steps.zero_grad()
        loss.backward()
        steps.step()
        print(in_use(net, validation))
"""
)
FORMULAS = {
    "the same": (".detach()", "divergence(m, s)", True, set()),
    "written again": (".detach()", "0.5 * (s.exp() - 1.0 - s + m.pow(2))", True, set()),
    "with a gradient": ("", "0.5 * (s.exp() - 1.0 - s + m.pow(2))", False, set()),
    "another": (".detach()", "0.5 * (2 * s.exp() - 1.0 - s + m.pow(2))", False, {"VAE301"}),
}


@pytest.mark.parametrize(("cut", "formula", "checked", "found"), FORMULAS.values(), ids=FORMULAS)
def test_a_kl_that_measures_latents_is_no_other_vae(
    cut: str, formula: str, checked: bool, found: set[str], tmp_path: Path
) -> None:
    report = linted(tmp_path, {"net.py": MEASURED.format(cut=cut, formula=formula)})
    assert {finding.code for finding in report.findings} == found
    assert all(vae.core_checked for vae in report.vaes) is checked


PICTURED = (
    NET.replace(
        "    def forward(self",
        """    def drawn(self, m, s, eps=None):
        {width}
        if eps is None:
            eps = torch.randn_like(s)
        return m + width * eps

    def forward(self""",
    )
    + """
def fit(loader, validation):
    net = Net()
    steps = torch.optim.Adam(net.parameters())
    for x, _ in loader:
        y, m, s = net(x)
        loss = torch.sum((y - x).pow(2), dim=1).mean() + 0.5 * torch.sum(s.exp() - 1.0 - s + m.pow(2), dim=1).mean()
        steps.zero_grad()
        loss.backward()
        steps.step()
    with torch.no_grad():
        for x, _ in validation:
            m, s = net.to_m(x).repeat(9, 1), net.to_s(x).repeat(9, 1)
            eps = torch.randn_like(m).to("cuda")
            print(net.back(net.drawn(m, s, eps)))
"""
)
WIDTHS = {
    "as in training": ("width = torch.exp(0.5 * s)", True),
    "written otherwise": ("width = s.exp().sqrt()", True),
    "a std": ("width = F.softplus(s)", False),
}


@pytest.mark.parametrize(("width", "alike"), WIDTHS.values(), ids=WIDTHS)
def test_a_draw_for_a_picture_has_a_method_of_its_own(width: str, alike: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": PICTURED.replace("{width}", width)})
    assert [vae.core_checked for vae in report.vaes] == [alike]
    assert {finding.code for finding in report.findings} <= {"VAE201"}
    assert not (alike and report.findings)
