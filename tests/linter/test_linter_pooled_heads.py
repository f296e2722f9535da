"""Heads that several are made into one of: experts that are averaged, and a set that is described as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import ENCODED, ENCODER, HEAD, LOOP, codes, linted

EXPERTS = (
    HEAD
    + ENCODER
    + """

class Experts(nn.Module):
    def __init__(self, count=5):
        super().__init__()
        self.count = count
        self.experts = nn.ModuleList([Encoder() for _ in range(count)])
        self.back = nn.Linear(7, 84)

    def forward(self, views):
        own, ms, ss, total = [], [], [], 0
        for expert, x in zip(self.experts, views):
            m, s = expert(x)
            own.append((m, s))
            ms.append(m)
            ss.append(s)
            total = total + s
        joint_m = torch.stack(ms).sum(dim=0) / self.count
        joint_s = {joint}
        return self.back(joint_m + torch.exp({std}) * torch.randn_like(joint_s)), own


def fit(views, x):
    net = Experts()
    optimizer = torch.optim.Adam(net.parameters())
    out, own = net(views)
    m, s = own[0]
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
    loss = (((out - x) ** 2).sum(dim=1) + kl).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
)
JOINED = (
    "torch.stack(ss).sum(dim=0) / self.count",
    "torch.stack(ss).mean(dim=0)",
    "sum(ss) / self.count",
    "total / self.count",
)


@pytest.mark.parametrize("joint", JOINED)
def test_the_mean_of_experts_is_no_head_of_one(joint: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": EXPERTS.format(joint=joint, std="0.5 * joint_s")})
    assert "VAE201" not in codes(report)
    assert [facts.sampler.std for facts in report.facts if facts.sampler.noise and facts.kl.form] == [None]


def test_an_expert_that_is_drawn_from_by_itself_is_judged(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": EXPERTS.format(joint="s", std="joint_s")})
    assert "VAE201" in codes(report)


SET = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.steps = nn.Linear(84, 33), nn.GRU(33, 33, batch_first=True)
        self.to_m, self.to_s, self.back = nn.Linear(33, 7), nn.Linear(33, 7), nn.Linear(7, 84)

    def forward(self, x):
        h = torch.relu(self.body(x))
        r = {pooled}
        m, s = self.to_m(r), self.to_s(r)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def fit(loader):
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    for x in loader:
        out, m, s = net(x)
        loss = torch.abs(out - x).mean() - 0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)


@pytest.mark.parametrize("pooled", ["h.mean(dim=0)", "torch.max(h, 0)[0]", "h.amax(dim=0)"])
def test_latents_of_a_whole_set_have_no_batch_axis(pooled: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": SET.format(pooled=pooled)})
    assert [facts.kl.reduced for facts in report.facts if facts.kl.form] == [None]
    assert not {"VAE502", "VAE504"} & set(codes(report))


@pytest.mark.parametrize("kept", ["h", "h.max(dim=1, keepdim=True)[0]", "self.steps(h)[1].sum(0)"])
def test_what_keeps_its_samples_has_a_batch_axis(kept: str, tmp_path: Path) -> None:
    assert {"VAE502", "VAE504"} <= set(codes(linted(tmp_path, {"net.py": SET.format(pooled=kept)})))


PRODUCT = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.back = nn.Linear(84, 14), nn.Linear(5, 14), nn.Linear(7, 84)

    def experts(self, m, s):
        t = 1 / (torch.exp(s) + 1e-8)
        return torch.sum(m * t, dim=0) / torch.sum(t, dim=0), torch.log(1 / torch.sum(t, dim=0))

    def loss(self, x, y):
        m1, s1 = self.one(x).chunk(2, dim=1)
        m2, s2 = self.{other}.chunk(2, dim=1)
        m, s = self.experts({means}, {scales})
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        return F.mse_loss(self.back(z), x, reduction="sum") + kl.mean()
"""
)
PLACED = {
    "stacked": ("torch.stack((m1, m2))", "torch.stack([s1, s2], dim=0)"),
    "joined": (
        "torch.cat((m1.unsqueeze(0), m2.unsqueeze(0)), dim=0)",
        "torch.cat([s1.unsqueeze(0), s2.unsqueeze(0)], dim=0)",
    ),
}


@pytest.mark.parametrize(("means", "scales"), PLACED.values(), ids=PLACED)
def test_a_product_of_experts_keeps_its_samples(means: str, scales: str, tmp_path: Path) -> None:
    text = PRODUCT.format(other="two(y)", means=means, scales=scales)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE504"]
    assert codes(linted(tmp_path, {"net.py": text.replace("kl.mean()", "kl.sum()")})) == []


@pytest.mark.parametrize(
    ("other", "means", "scales"),
    [("one(y)", *PLACED["stacked"]), ("two(y)", "torch.cat((m1, m2), dim=0)", "torch.cat((s1, s2), dim=0)")],
    ids=["rows of one layer", "rows of both"],
)
def test_a_sum_over_rows_keeps_none_of_them(other: str, means: str, scales: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": PRODUCT.format(other=other, means=means, scales=scales)})
    assert codes(report) == []
    assert all(facts.kl.reduced is None for facts in report.facts)


# Rows that are weighed and summed by a product of matrices are those of one sample, as the stocks of one day are.
WEIGHED = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.weigh, self.to_m, self.to_s = nn.Linear(33, 5), nn.Linear(5, 7), nn.Linear(5, 7)
        self.back = nn.Linear(40, 1)

    def forward(self, x, y):
        w = torch.softmax(self.weigh(x), dim=0)
        h = {weighed}
        m, s = self.to_m(h), self.to_s(h)
        z = m + torch.exp(0.5 * s) * torch.randn_like(s)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        return F.mse_loss(self.back(torch.cat([x, z.expand(len(x), 7)], dim=1)), y) + kl


def fit(loader):
    net = Net()
    for x, y in loader:
        net(x, y).backward()
"""
)


@pytest.mark.parametrize(
    ("weighed", "expected"),
    [
        ("torch.mm(w.transpose(1, 0), y).squeeze(1)", []),
        ("(w.t() @ y).squeeze(1)", []),
        ("w.T.mm(y).squeeze(1)", []),
        ("(w * y).sum(0)", []),
        ("w * y", ["VAE502", "VAE504"]),
    ],
)
def test_a_product_over_all_rows_leaves_no_batch(weighed: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": WEIGHED.format(weighed=weighed)})) == expected


NODES = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, nodes):
        m = {mean}
        s = self.to_s(nodes).mean(dim=1, keepdim=True)
        return self.back(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s


def fit(loader):
    net = Net()
    for nodes in loader:
        y, m, s = net(nodes)
        kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
        (F.mse_loss(y, nodes, reduction="sum") + kl).backward()
"""
)


@pytest.mark.parametrize(
    ("mean", "by"),
    [
        ("torch.mean(torch.tanh(self.to_m(nodes)), dim=1).unsqueeze(dim=1)", "torch.tanh"),
        ("torch.relu(self.to_m(nodes)).mean(dim=1, keepdim=True)", "torch.relu"),
        ("torch.tanh(self.to_m(nodes).mean(dim=1, keepdim=True))", "torch.tanh"),
    ],
)
def test_what_confines_a_mean_over_nodes_is_the_activation(mean: str, by: str, tmp_path: Path) -> None:
    found = linted(tmp_path, {"net.py": NODES.format(mean=mean)}).findings
    assert [(finding.code, finding.fix) for finding in found] == [("VAE204", f"take {by} away from m")]


GRAPHS = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.to_m, self.to_s = nn.Linear(33, 33), nn.Linear(66, 7), nn.Linear(66, 7)
        self.back = nn.Linear(7, 33)

    def forward(self, nodes):
        h = torch.tanh(self.up(nodes))
        hidden = {hidden}
        m, s = self.to_m(hidden), self.to_s(hidden)
        return self.back(m + torch.exp(s) * torch.randn_like(m)), m, s


def fit(loader):
    net = Net()
    for nodes in loader:
        y, m, s = net(nodes)
        kl = (-0.5 * (1 + 2 * s - m.pow(2) - torch.exp(2 * s))).sum(1).mean()
        (F.mse_loss(y, nodes) + kl).backward()
"""
)


def test_heads_of_nodes_are_not_summed_over_the_latents_alone(tmp_path: Path) -> None:
    # (B, nodes, latents): a sum over the second axis leaves the latents.
    found = codes(linted(tmp_path, {"net.py": GRAPHS.format(hidden="torch.cat([h, nodes], dim=2)")}))
    assert found == []


def test_rows_that_are_put_together_are_rows(tmp_path: Path) -> None:
    found = codes(linted(tmp_path, {"net.py": GRAPHS.format(hidden="torch.cat([h, nodes], dim=1)")}))
    assert found == ["VAE502"]


@pytest.mark.parametrize("noise", ["torch.randn(1, 7)", "torch.randn_like(m[0])", "torch.randn_like(m[:1])"])
@pytest.mark.parametrize(
    ("mean", "expected"),
    [("m.mean(dim=0).unsqueeze(0)", []), ("m.mean(0, keepdim=True)", []), ("m", ["VAE203"])],
)
def test_one_row_of_noise_for_what_was_pooled_to_one_row(
    mean: str, expected: list[str], noise: str, tmp_path: Path
) -> None:
    text = GRAPHS.format(hidden="nodes").replace(
        "return self.back(m + torch.exp(s) * torch.randn_like(m)), m, s",
        (
            f"m, s = {mean}, {mean.replace('m.', 's.') if '.' in mean else 's'}\n"
            f"        return self.back(m + torch.exp(s) * {noise}), m, s"
        ),
    )
    assert [code for code in codes(linted(tmp_path, {"net.py": text})) if code == "VAE203"] == expected


AVERAGED = (
    HEAD + ENCODER + ENCODED + LOOP.format(loss="loss = ((y - x) ** 2).sum() + {kl}", differentiated="loss.backward()")
)


@pytest.mark.parametrize(
    ("kl", "is_one"),
    [
        ("-0.5 * torch.sum(1 + s - m.pow(2) - s.exp())", True),
        ("-0.5 * torch.sum(1 + s.mean(1) - m.mean(1).pow(2) - s.mean(1).exp())", False),
        ("-0.5 * torch.sum(1 + s.mean(0) - m.mean(0).pow(2) - s.mean(0).exp())", False),
        ("-0.5 * torch.sum(1 + s.sum(1) - m.sum(1) ** 2 - torch.exp(s.sum(1)))", False),
    ],
)
def test_a_formula_of_averages_is_the_kl_of_no_posterior(kl: str, is_one: bool, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": AVERAGED.format(kl=kl)})
    assert codes(report) == []
    assert any("VAE301" in judgement.clean for judgement in report.judgements) is is_one
