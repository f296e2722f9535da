"""Terms that a loop adds up: where it is not known how often, nobody knows how much the term weighs."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, codes, linted
from small_vaes.fragments import MODEL as MODEL_OF_ROWS

MODEL = (
    HEAD
    + """

class Levels(nn.Module):
    def __init__(self{count}):
        super().__init__()
        self.down = nn.ModuleList(nn.Linear(84 if i == 0 else 33, 33) for i in range(count))
        self.heads = nn.ModuleList(nn.Linear(33, 14) for _ in range(count))
        self.back = nn.Linear(7 * count, 84)

    def forward(self, x):
        h, drawn, terms, total = x, [], [], 0.0
        for down, head in zip(self.down, self.heads):
            h = F.relu(down(h))
            m, s = head(h).chunk(2, -1)
            drawn.append(m + torch.exp(0.5 * s) * torch.randn_like(m))
            terms.append(-0.5 * (1 + s - m.pow(2) - s.exp()).sum(-1))
            total = total + terms[-1]
        return self.back(torch.cat(drawn, -1)), terms, total


def fit(net, loader, optimizer):
    for x in loader:
        out, terms, total = net(x)
        error = F.mse_loss(out, x, reduction="none").sum(-1)
        loss = {loss}
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)
LOSSES = {
    "python's sum": "(error + sum(terms)).mean()",
    "a sum over three": "(error + sum(terms) / 3).mean()",
    "a stack": "(error + torch.stack(terms).sum(0)).mean()",
    "added up": "(error + total / 3).mean()",
    "a sum of means": "error.mean() + sum(term.mean() for term in terms)",
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_loop_of_unknown_length_gives_no_weight(loss: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": MODEL.format(count=", count", loss=loss)})
    joined = [facts for facts in report.facts if facts.sampler.std and facts.kl.form and facts.recon.kind]
    assert joined
    assert [facts.objective.effective_beta for facts in joined] == [None] * len(joined)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_loop_of_three_turns_gives_the_weight_of_each(loss: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": MODEL.format(count=", count=3", loss=loss)})
    betas = {
        facts.objective.effective_beta.value.value
        for facts in report.facts
        if facts.sampler.std and facts.objective.effective_beta
    }
    assert len(betas) == 1
    (beta,) = betas
    assert beta == pytest.approx(1 / 3 if "/ 3" in loss else 1.0, rel=1e-5)


STEPS = (
    HEAD
    + """

class Steps(nn.Module):
    def __init__(self, seen=84, latents=7):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(seen, latents), nn.Linear(seen, latents), nn.Linear(latents, seen)

    def forward(self, frames):
        kl, error = 0.0, 0.0
        for t in range(frames.size(0)):
            m, s = self.to_m(frames[t]), self.to_s(frames[t])
            y = self.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
            kl += -0.5 * (1 + s - m.pow(2) - s.exp()).sum(-1)
            error += F.mse_loss(y, frames[t], reduction="none").sum(-1)
        return (error + kl).mean()


def fit(net, loader, optimizer):
    for x in loader:
        loss = net(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
)


def test_terms_of_the_same_turns_weigh_alike(tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": STEPS})
    betas = [facts.objective.effective_beta for facts in report.facts if facts.sampler.std and facts.kl.form]
    assert {beta.value.value for beta in betas if beta is not None} == {1.0}


# ------------------------------------------------------------------------------------- a cross entropy of each turn

COLUMNS = (
    HEAD
    + MODEL_OF_ROWS.replace(", nn.Sigmoid()", "")
    + """

def fit(loader, spans):
    net = Net()
    for x, _ in loader:
        m, s = net.encode(x)
        out = net.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        recon, start = 0, 0
        for span in spans:
            end = start + span
            recon = recon + {error}
            start = end
        loss = recon + (-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)).mean()
        loss.backward()
"""
)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        # One class of each sample in every turn: the loop is the sum over the columns of a table.
        ("F.cross_entropy(out[:, start:end], x[:, start:end].argmax(dim=-1))", []),
        ("F.mse_loss(out[:, start:end], x[:, start:end])", ["VAE502"]),
        # One number of each sample: the mean is over the batch alone.
        ("F.mse_loss(torch.tanh(out[:, start]), x[:, start])", []),
        ("((x[:, start] - out[:, start]) ** 2 / 2).mean()", []),
    ],
)
def test_a_loop_over_columns_is_a_sum_over_them(error: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": COLUMNS.format(error=error)})) == expected


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ("for spans in ([12, 30], [42]):\n            for span in spans:", []),
        ("for spans in columns:\n            for span in (spans.first, spans.last):", []),
        ("for span in (84,):\n            if True:", []),
        ("if True:\n            if (span := 84):", ["VAE502"]),
    ],
)
def test_a_loop_whose_turns_are_known_is_a_sum_over_columns_too(loop: str, expected: list[str], tmp_path: Path) -> None:
    error = "F.cross_entropy(out[:, start:end], x[:, start:end].argmax(dim=-1))"
    text = COLUMNS.format(error=error).replace("        for span in spans:", f"        {loop}")
    for line in ("end =", "recon =", "start = end"):
        text = text.replace(f"            {line}", f"                {line}")
    text = text.replace("spans):", "spans, columns):", 1)
    assert codes(linted(tmp_path, {"net.py": text})) == expected


ROWS = (
    HEAD
    + MODEL_OF_ROWS
    + """

def fit(loader):
    net = Net()
    for x, _ in loader:
        m, s = net.encode(x)
        y = net.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        error = torch.sum(torch.pow(x - y, 2), 0) / x.size(0)
        kl = 0.5 * torch.sum(m.pow(2) + s.exp() - 1 - s, 1).mean()
        loss = error + kl
        {end}
"""
)


@pytest.mark.parametrize(("end", "expected"), [("loss.backward()", []), ("loss.mean().backward()", ["VAE502"])])
def test_what_is_differentiated_without_a_sum_has_one_entry(end: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": ROWS.format(end=end)})) == expected


PLACES = (
    HEAD
    + MODEL_OF_ROWS
    + """

def fit(loader, judge):
    net = Net()
    for x, _ in loader:
        m, s = net.encode(x)
        y = net.back(m + torch.exp(0.5 * s) * torch.randn_like(s))
        told = nn.MSELoss()(judge(x), {seen}.float())
        loss = told + 0.5 * torch.sum(m.pow(2) + s.exp() - 1 - s, 1).mean()
        loss.backward()
"""
)


@pytest.mark.parametrize(("seen", "expected"), [("y.argmax(1)", []), ("torch.argmax(y, 1)", []), ("y", ["VAE502"])])
def test_where_the_largest_entry_stands_is_no_reconstruction(seen: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": PLACES.format(seen=seen)})) == expected
