"""Remedies that speak of what the author wrote: a factor too many, a gradient that is cut, a forgotten part."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import FORWARD, HEAD, MODEL, codes, linted

from vae_checked.linter.roles import naming

STEP = (
    HEAD
    + MODEL
    + FORWARD.replace("torch.randn_like(s)", "torch.randn_like(s){scaled}")
    + """

net = Net()


def step(image, adam):
    out, m, s = net(image)
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
    loss = (F.mse_loss(out, image, reduction="none").sum(1) + {kl}).mean()
    loss.backward()
"""
)

HALF = (
    HEAD
    + MODEL
    + """
    def forward(self, x):
        m, s = self.encode(x)
        eps = {eps}
        z = m + {drawn}
        return self.back(z), m, s


net = Net()


def step(image):
    out, m, s = net(image)
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
    (F.binary_cross_entropy(out, image, reduction="none").sum(1) + kl).mean().backward()
"""
)


def remedy(tmp_path: Path, code: str, text: str) -> str | None:
    (finding,) = (finding for finding in linted(tmp_path, {"net.py": text}).findings if finding.code == code)
    return finding.fix


def test_a_factor_beside_std_is_to_be_left_out(tmp_path: Path) -> None:
    fix = remedy(tmp_path, "VAE201", STEP.format(scaled=" * 0.25", kl="kl"))
    assert fix == "draw with torch.exp(0.5 * s), without the factor 0.25"


@pytest.mark.parametrize(
    ("drawn", "width", "redrawn"),
    [
        ("eps * 0.5 * s.exp()", "0.5 * s.exp()", "z = m + eps * torch.exp(0.5 * s)"),
        ("eps * s.exp() * 0.5", "s.exp() * 0.5", "z = m + eps * torch.exp(0.5 * s)"),
        ("0.5 * s.exp() * eps", "0.5 * s.exp()", "std = torch.exp(0.5 * s)"),
        ("eps * 0.5 * s", "0.5 * s", "z = m + eps * torch.exp(0.5 * s)"),
    ],
)
def test_a_half_that_left_the_exponent_is_said_once(drawn: str, width: str, redrawn: str, tmp_path: Path) -> None:
    text = HALF.format(drawn=drawn, eps="torch.randn_like(s)")
    (finding,) = linted(tmp_path, {"net.py": text}).findings
    assert (finding.code, finding.fix) == ("VAE201", redrawn)
    assert f"uses {width} as std" in finding.message


@pytest.mark.parametrize(
    ("drawn", "eps"),
    [
        # The noise is made narrower, as somebody chose, before or beside a right width.
        ("eps * 0.5 * torch.exp(0.5 * s)", "torch.randn_like(s)"),
        ("eps * torch.exp(0.5 * s)", "0.5 * torch.randn_like(s)"),
    ],
)
def test_a_half_of_the_noise_stays_one_of_the_noise(drawn: str, eps: str, tmp_path: Path) -> None:
    found = linted(tmp_path, {"net.py": HALF.format(drawn=drawn, eps=eps)}).findings
    assert [finding.code for finding in found] == ["VAE202"]


def test_a_head_that_is_called_std_is_not_to_be_made_of_itself(tmp_path: Path) -> None:
    text = (
        HEAD
        + """from torch.distributions import Normal, kl_divergence

to_m, to_s, back = nn.Linear(84, 7), nn.Linear(84, 7), nn.Linear(7, 84)


def drawn(m, s):
    return m + torch.exp(0.5 * s) * torch.randn_like(m)


def step(x):
    m, std = to_m(x), to_s(x).exp()
    apart = kl_divergence(Normal(m, std), Normal(torch.zeros_like(m), torch.ones_like(m))).sum(1)
    (F.mse_loss(back(drawn(m, std.log())), x, reduction="none").sum(1) + apart).mean().backward()
"""
    )
    assert remedy(tmp_path, "VAE201", text) == "draw with the std that the KL assumes, not with torch.exp(0.5 * s)"


@pytest.mark.parametrize("cut", ["kl.detach()", "kl.data"])
def test_a_kl_without_its_gradient_is_to_keep_it(cut: str, tmp_path: Path) -> None:
    fix = remedy(tmp_path, "VAE305", STEP.format(scaled="", kl=cut))
    assert fix == f"leave the gradient to kl: {cut} has none"


def test_a_kl_that_is_not_added_is_to_be_added(tmp_path: Path) -> None:
    unused = STEP.format(scaled="", kl="0")
    assert remedy(tmp_path, "VAE305", unused) == "loss = (loss + beta * kl).mean()"


WEIGHED = (
    HEAD
    + MODEL
    + FORWARD
    + """
    def loss(self, out, image, weight=1, parts=False):
        y, mu, logvar = out
        error = F.mse_loss(y, image, reduction="sum")
        apart = {term}
        total = {total}
        return (total, error, apart) if parts else total


def fit(loader, measures=(Net().loss,)):
    net, seen = Net(), np.zeros(1)
    for x, _ in loader:
        net.loss(net(x), x).backward()
        for i, measure in enumerate(measures):
            seen[i] += measure(net(x), x, parts=True)[2].item() * len(x)
"""
)
WRONG = "-0.5 * torch.sum(1 + 2 * logvar - mu.pow(2) - (2 * logvar).exp())"


@pytest.mark.parametrize(
    ("term", "total", "start"),
    [
        (WRONG, "error + weight * apart", "apart = "),
        ("0", f"error + weight * ({WRONG})", ""),
    ],
    ids=["in a line of its own", "among the terms of the loss"],
)
def test_the_formula_of_a_kl_is_shown_once_below_its_weight(term: str, total: str, start: str, tmp_path: Path) -> None:
    text = WEIGHED.format(term=term, total=total)
    (finding,) = (each for each in linted(tmp_path, {"net.py": text}).findings if each.code == "VAE201")
    assert finding.place is not None
    assert finding.place.text.strip().startswith("apart = -" if start else "total = error")
    assert finding.place.text[finding.place.column - 1 :].startswith(WRONG)
    assert finding.fix == f"{start}-0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())"


NUMBERS = (
    HEAD
    + MODEL
    + FORWARD
    + """

def cost(out, x):
    y, m, s = out
    error = F.mse_loss(y, x)
    apart = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp())
    return 0.1 * error + 0.25 * apart, apart


net = Net()
for x in DataLoader(records, 32):
    cost(net(x), x)[0].backward()
with torch.no_grad():
    for x in DataLoader(others, 48):
        total, apart = cost(net(x), x)
"""
)


def test_a_kl_is_shown_once_below_a_number_that_weighs_it(tmp_path: Path) -> None:
    (finding,) = (each for each in linted(tmp_path, {"net.py": NUMBERS}).findings if each.code == "VAE504")
    assert finding.place is not None
    assert finding.place.text.strip().startswith("apart = -0.5")


STEPS = (
    HEAD
    + """
class Net(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, x):
        m, s = self.encoder(x)
        return self.decoder(m + torch.exp(0.5 * s) * torch.randn_like(s)), m, s

    def error(self, y, x):
        return F.mse_loss(y, x, reduction="sum")

    def apart(self, m, s):
        each = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1)
        return each.mean()

    def fit(self, x):
        y, m, s = self(x)
        (self.error(y, x) + self.apart(m, s)).backward()

    def check(self, x):
        with torch.no_grad():
            y, m, s = self(x)
            error, apart = self.error(y, x), self.apart(m, s)
            total = error + apart
        return total.item(), error.item(), apart.item()
"""
)


def test_a_kl_is_shown_once_below_a_mean_in_a_line_of_its_own(tmp_path: Path) -> None:
    (finding,) = (each for each in linted(tmp_path, {"net.py": STEPS}).findings if each.code == "VAE504")
    assert finding.place is not None
    assert finding.place.text.strip().startswith("return F.mse_loss")
    (beside,) = finding.related
    assert beside.place.text.strip().startswith("each = -0.5")


ALIKE = (
    HEAD
    + """
def error(out, x):
    loss = F.mse_loss(out, x, reduction="sum")
    return loss


def divergence(m, s):
    loss = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp()) / m.size(0)
    return loss
"""
    + MODEL
    + FORWARD
    + """

net = Net()


def step(image):
    out, m, s = net(image)
    (error(out, image) + divergence(m, s)).backward()
"""
)


def test_terms_that_are_both_called_loss_are_told_apart(tmp_path: Path) -> None:
    fix = 'divide the sum by the batch size as well: F.mse_loss(out, x, reduction="sum") / len(x)'
    assert remedy(tmp_path, "VAE504", ALIKE) == fix


BOTH = (
    HEAD
    + MODEL
    + FORWARD
    + """

net = Net()


def step(image):
    out, m, s = net(image)
    error = {error}
    apart = {apart}
    (error + apart).backward()
"""
)
SUMMED_KL = "-0.5 * torch.sum(1 + s - m.pow(2) - s.exp())"


@pytest.mark.parametrize("error", ["F.mse_loss(out, image)", "((image - out) ** 2).mean()"])
def test_two_remedies_of_one_balance_agree(error: str, tmp_path: Path) -> None:
    text = BOTH.format(error=error, apart=SUMMED_KL)
    said = remedy(tmp_path, "VAE502", text)
    assert said == 'F.mse_loss(out, image, reduction="sum"), or a weight of the KL that has a name'
    summed = remedy(tmp_path, "VAE504", text)
    assert summed == 'F.mse_loss(out, image, reduction="sum")'
    report = linted(tmp_path, {"net.py": BOTH.format(error=summed, apart=SUMMED_KL)})
    assert codes(report) == []
    assert any({"VAE502", "VAE504"} <= set(each.clean) for each in report.judgements)


def test_a_sum_beside_a_mean_of_sums_is_to_be_divided_by_the_batch_size(tmp_path: Path) -> None:
    error = "((image - out) ** 2).sum(1).mean()"
    fix = remedy(tmp_path, "VAE504", BOTH.format(error=error, apart=SUMMED_KL))
    assert fix == "divide the sum by the batch size as well: apart / len(image)"
    report = linted(tmp_path, {"net.py": BOTH.format(error=error, apart=f"{SUMMED_KL} / len(image)")})
    assert codes(report) == []
    assert any("VAE504" in each.clean for each in report.judgements)


def test_the_sum_stands_as_well_where_the_samples_are_averaged_later(tmp_path: Path) -> None:
    text = BOTH.replace("(error + apart)", "(error + apart).mean()")
    apart = SUMMED_KL.replace("s.exp())", "s.exp(), dim=1)")
    fix = remedy(tmp_path, "VAE502", text.format(error="((image - out) ** 2).mean(dim=1)", apart=apart))
    assert fix is not None
    report = linted(tmp_path, {"net.py": text.format(error=fix.partition(", or ")[0], apart=apart)})
    assert codes(report) == []
    assert any({"VAE502", "VAE504"} <= set(each.clean) for each in report.judgements)


def test_what_is_divided_by_the_batch_twice_is_to_be_divided_once(tmp_path: Path) -> None:
    text = BOTH.format(
        error="((image - out) ** 2).sum(1).mean()",
        apart="-0.5 * torch.sum(1 + s - m.pow(2) - s.exp(), dim=1).mean() / image.shape[0]",
    )
    assert remedy(tmp_path, "VAE504", text) == "divide apart by the batch size once, not twice"


OF_STD = (
    HEAD
    + """

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_m, self.to_s = nn.Linear(84, 7), nn.Linear(84, 7)
        self.kl = 0

    def forward(self, x):
        m, sigma = self.to_m(x), torch.exp(self.to_s(x))
        self.kl = (sigma ** 2 + m ** 2 - torch.log(sigma) - 1 / 2).sum()
        return m + sigma * torch.randn_like(m)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.back = Encoder(), nn.Linear(7, 84)

    def forward(self, x):
        return self.back(self.encoder(x))


def fit(loader, adam):
    net = Net()
    for x in loader:
        loss = F.mse_loss(net(x), x, reduction="sum") + net.encoder.kl
        adam.zero_grad()
        loss.backward()
        adam.step()
"""
)


def test_a_formula_that_is_written_of_the_std_is_mended_as_such(tmp_path: Path) -> None:
    right = "self.kl = 0.5 * torch.sum(m.pow(2) + sigma.pow(2) - 1 - 2 * sigma.log())"
    assert remedy(tmp_path, "VAE301", OF_STD) == right


KEPT_KL = OF_STD.replace("- torch.log(sigma) - 1 / 2).sum()", "- 2 * torch.log(sigma) - 1).sum() / 2")
ADDED = 'F.mse_loss(net(x), x, reduction="sum") + net.encoder.kl'


def test_a_kl_that_is_added_from_where_it_was_kept_is_not_called_unused(tmp_path: Path) -> None:
    assert KEPT_KL.count(ADDED) == 1
    before = KEPT_KL.replace(ADDED, 'net.encoder.kl + F.mse_loss(net(x), x, reduction="sum")')
    assert codes(linted(tmp_path, {"net.py": before})) == []
    never = KEPT_KL.replace(ADDED, 'F.mse_loss(net(x), x, reduction="sum")\n        print(net.encoder.kl)')
    assert codes(linted(tmp_path, {"net.py": never})) == ["VAE305"]


OWN_ERROR = (
    HEAD
    + MODEL
    + FORWARD
    + """

error_of = nn.MSELoss()


def step(picture, net=Net()):
    x, m, s = net(picture)
    kl = -0.5 * torch.sum(1 + s - m.pow(2) - s.exp(){axes}
    ({error} + kl).backward()
"""
)


@pytest.mark.parametrize(
    ("error", "axes", "fix"),
    [
        (
            "F.mse_loss(x.view(-1, 84), picture.view(-1, 84), reduction='mean')",
            ", dim=1).mean()",
            'F.mse_loss(x.view(-1, 84), picture.view(-1, 84), reduction="sum") / len(picture.view(-1, 84))',
        ),
        ("F.mse_loss(target=picture, input=x)", ")", 'F.mse_loss(target=picture, input=x, reduction="sum")'),
        (
            "nn.functional.l1_loss(x, picture, size_average=True)",
            ", dim=1).mean()",
            'nn.functional.l1_loss(x, picture, reduction="sum") / len(picture)',
        ),
        ("error_of(x, picture)", ")", 'F.mse_loss(x, picture, reduction="sum")'),
        # What is no call of a loss is written anew, of the names that its values have.
        ("(x - picture).pow(2).mean()", ")", 'F.mse_loss(x, picture, reduction="sum")'),
    ],
)
def test_a_mean_error_is_summed_as_it_is_called(error: str, axes: str, fix: str, tmp_path: Path) -> None:
    given = remedy(tmp_path, "VAE502", OWN_ERROR.format(error=error, axes=axes))
    assert given == f"{fix}, or a weight of the KL that has a name"


def test_a_kl_of_a_std_alone_is_written_of_a_std(tmp_path: Path) -> None:
    terms = """
def loss(out, x, m, d):
    q = torch.distributions.Normal(m, d)
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum()
    return F.mse_loss(out, x, reduction="sum") - kl
"""
    assert "0.5 * torch.sum(m.pow(2) + d.pow(2) - 1 - 2 * d.log())" in remedy(tmp_path, "VAE302", HEAD + terms)


HANDED = (
    HEAD
    + MODEL
    + """

def drawn(latents, m, logvar):
    std = torch.exp(logvar / 2)
    return m + torch.randn(len(m), latents) * std


def divergence(z_mean, z_stddev):
    stddev_sq = z_stddev * z_stddev
    return 0.5 * torch.sum(z_mean * z_mean + stddev_sq - torch.log(stddev_sq) - 1, dim=1)


def step(x, net=Net()):
    heads = net.encode(x)
    y = net.back(drawn(7, *heads))
    (F.mse_loss(y, x, reduction="none").sum(1) + divergence(*heads)).mean().backward()
"""
)


def test_a_head_goes_by_no_name_of_its_square(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As where what was run on the way to a loss is not known by name.
    monkeypatch.setattr(naming, "_called", lambda *_, **__: None)
    (finding,) = linted(tmp_path, {"net.py": HANDED}).findings
    assert finding.code == "VAE201"
    assert "the KL reads logvar as standard deviation" in finding.message
    assert "stddev_sq" not in f"{finding.message} {finding.fix}"


def test_a_head_without_a_name_is_spoken_of_by_the_std_it_makes(tmp_path: Path) -> None:
    text = (
        HEAD
        + MODEL
        + """
    def forward(self, x):
        h = self.trunk(x)
        m, sigma = self.to_m(h), torch.exp(self.to_s(h))
        self.kl = (sigma**2 + m**2 - torch.log(sigma) - 1 / 2).sum(1)
        return self.back(m + sigma * torch.randn_like(m))


net = Net()


def step(image):
    (F.binary_cross_entropy(net(image), image, reduction="none").sum(1) + net.kl).mean().backward()
"""
    )
    fix = remedy(tmp_path, "VAE301", text)
    assert fix == "self.kl = 0.5 * torch.sum(m.pow(2) + sigma.pow(2) - 1 - 2 * sigma.log(), dim=1)"
