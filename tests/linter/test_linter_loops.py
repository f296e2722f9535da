"""Networks that a loop of unknown length builds: the last turn decides how they end."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, KL, MODEL, codes, linted

from vae_checked.finding import RemarkKind

BUILT = (
    HEAD
    + """

def build(widths, act, last=nn.Identity):
    parts = []
{loop}
    return nn.Sequential(*parts)


class Net(nn.Module):
    def __init__(self, down, up):
        super().__init__()
        self.enter = build(down, nn.Tanh)
        self.leave = build(up, nn.Sigmoid)

    def forward(self, x):
        m, s = self.enter(x).chunk(2, -1)
        return self.leave(m + torch.randn_like(m) * torch.exp(0.5 * s)), m, s


def cost(out, x, mu, logvar):
    error = F.binary_cross_entropy_with_logits(out, x, reduction="sum")
    return error - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
"""
)
ENUMERATED = """\
for i, (a, b) in enumerate(zip(widths[:-1], widths[1:])):
    parts.append(nn.Linear(a, b))
    if {test}:
        parts.append(act())"""
RANGED = """\
for i in range(len(widths) - 1):
    parts.append(nn.Linear(widths[i], widths[i + 1]))
    if {test}:
        parts.append(act())"""
EACH = """\
for i, layer in enumerate(widths):
    parts.append(layer)
    if {test}:
        parts.append(act())"""
COUNTED = """\
n = len(widths)
for i in range(1, n):
    parts += [nn.Linear(widths[i - 1], widths[i])]
    parts += [act() if {test} else last()]"""
OPEN = [
    (ENUMERATED, "i != len(widths[:-1]) - 1"),
    (ENUMERATED, "i < len(widths) - 2"),
    (ENUMERATED, "i + 1 < len(widths[1:])"),
    (ENUMERATED, "not i == len(widths) - 2"),
    (ENUMERATED, "len(widths) - 2 > i"),
    (RANGED, "i < len(widths) - 2"),
    (RANGED, "i + 2 != len(widths)"),
    (EACH, "i < len(widths) - 1"),
    (COUNTED, "i < n - 1"),
    (COUNTED, "i != len(widths) - 1"),
]
FIRST = """\
for i, (a, b) in enumerate(zip(widths[:-1], widths[1:])):
    if {test}:
        parts.append(act())
    parts.append(nn.Linear(a, b))"""
NAMED = """\
holder = nn.Sequential()
for i, (a, b) in enumerate(zip(widths[:-1], widths[1:])):
    holder.add_module(name=f"L{{i}}", module=nn.Linear(a, b))
    if {test}:
        holder.add_module(name=f"A{{i}}", module=act())
    else:
        holder.add_module(name="last", module=last())
parts.append(holder)"""
BEHIND_A_LIST = """\
for i, (a, b) in enumerate(zip([91] + widths[:-1], widths)):
    parts.append(nn.Linear(a, b))
    if {test}:
        parts.append(act())"""
OPEN += [
    (BEHIND_A_LIST, "i + 1 < len(widths)"),
    (BEHIND_A_LIST, "i != len(widths) - 1"),
    (NAMED, "i < last.depth"),
    (FIRST, "i > 0"),
    (FIRST, "i != 0"),
    (FIRST, "0 < i"),
    (ENUMERATED, "i < 1"),
    (ENUMERATED, "i == 0"),
    (NAMED, "i + 2 < len(widths)"),
    (NAMED, "i != len(widths) - 2"),
]
CLOSED = [
    (BEHIND_A_LIST, "i < len(widths)"),
    (ENUMERATED, "i != len(widths)"),
    (ENUMERATED, "i <= len(widths) - 2"),
    (RANGED, "i < len(widths) - 1"),
    (EACH, "i >= 0"),
    (EACH, "not 1 > i"),
    (ENUMERATED, "i + 1 > 1"),
    (COUNTED, "i < n"),
]


def built(folder: Path, loop: str, test: str) -> list[str]:
    indented = "\n".join("    " + line for line in loop.format(test=test).splitlines())
    return codes(linted(folder, {"net.py": BUILT.format(loop=indented)}))


@pytest.mark.parametrize(("loop", "test"), OPEN)
def test_an_activation_that_the_last_turn_leaves_out(loop: str, test: str, tmp_path: Path) -> None:
    assert built(tmp_path, loop, test) == []


@pytest.mark.parametrize(("loop", "test"), CLOSED)
def test_an_activation_that_the_last_turn_appends(loop: str, test: str, tmp_path: Path) -> None:
    assert built(tmp_path, loop, test) == ["VAE204", "VAE401"]


FILLED = (
    HEAD
    + """

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)

    def forward(self, x, steps, again):
        m, s = [self.to_m(x)] * steps, [None] * steps
        for i in range(steps):
            if again:
                m[i] = self.to_m(x)
            else:
                m[i{other}] = self.to_m(x)
            s[i] = self.to_s(x)
            z = m[i{other}] + torch.exp({exponent} * s[i]) * torch.randn_like(s[i])
            error = F.mse_loss(self.back(z), x, reduction="none").sum(1)
            kl = -0.5 * torch.sum(1 + s[i] - m[i] ** 2 - s[i].exp(), dim=1)
            (error + kl).mean().backward()
"""
)


@pytest.mark.parametrize("other", ["", " - 1"])
@pytest.mark.parametrize(("exponent", "named"), [("0.5", []), ("1.0", ["VAE201"])])
def test_places_that_two_branches_fill(other: str, exponent: str, named: list[str], tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": FILLED.format(other=other, exponent=exponent)})
    assert [code for code in codes(report) if code == "VAE201"] == named


LONG = (
    HEAD
    + MODEL.replace("h = self.trunk(x)", "h = deep(self.trunk(x))")
    + FORWARD
    + f"""

def loss(net, x):
    net = Net()
    y, m, s = net(x)
    kl = {KL}
    return (F.binary_cross_entropy(y, x, reduction="none").sum(1) + kl).mean()


def deep(h):
"""
)


def nested(depth: int, inner: str) -> str:
    lines = [f"{'    ' * (level + 1)}for a{level} in range(5):" for level in range(depth)]
    return "\n".join([*lines, f"{'    ' * (depth + 1)}{inner}", "    return h"])


def called(depth: int) -> str:
    """A function that calls another one three times, and so on."""
    chain = [
        f"def deep{level}(h):\n    return deep{level + 1}(deep{level + 1}(deep{level + 1}(h)))\n"
        for level in range(depth)
    ]
    return "\n\n".join(["    return deep0(h)\n", *chain, f"def deep{depth}(h):\n    return torch.tanh(h)"])


@pytest.mark.parametrize("depth", [2, 5, 8])
@pytest.mark.parametrize("inner", ["h = torch.tanh(h)", "h = h + torch.tanh(a0 * h)"])
def test_what_comes_after_loops_inside_of_one_another(depth: int, inner: str, tmp_path: Path) -> None:
    text = LONG + nested(depth, inner) + "\n"
    report = linted(tmp_path, {"net.py": text})
    assert codes(report) == []
    assert report.remarks == ()
    assert any({"VAE201", "VAE301", "VAE502"} <= set(each.clean) for each in report.judgements)
    assert codes(linted(tmp_path, {"net.py": text.replace("torch.exp(0.5 * s)", "torch.exp(s)")})) == ["VAE201"]


def test_what_takes_too_many_steps_is_told(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": LONG + called(11)})
    cut = {remark.message.partition(" ")[0] for remark in report.remarks if remark.kind is RemarkKind.UNEXAMINED}
    assert {"Net", "loss"} <= cut
    assert linted(tmp_path, {"net.py": LONG + called(4)}).remarks == ()
