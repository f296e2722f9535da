"""How the linter reads the reductions of both terms of a loss, and the weight of the KL that they make."""

from __future__ import annotations

from pathlib import Path

import pytest
from linter_losses import KL, LOOP, MODEL, RECON, codes, looped, one, read

from vae_checked.facts import Reduction
from vae_checked.mathematics.effective_beta import rendered

LATE = "criterion.size_average = False\nrecon = criterion(out, x)"

ROWWISE = 'recon = F.mse_loss(out, x, reduction="none").sum(1).mean()'
LEFT = 'recon = F.mse_loss(out, x, reduction="none").sum(1)\nwhile len(recon.shape) > 1:'
MEAN_KL = "kl = (-0.5 * (1 + logvar - mu ** 2 - logvar.exp())).sum(1).mean()"
ROWS = "rows = -0.5 * (1 + logvar - mu ** 2 - logvar.exp())"
REDUCTIONS = {
    "sum and sum": (f"{RECON}\n{KL}\nloss = recon + kl", []),
    "both over the batch size": (f"{RECON}\n{KL}\nloss = recon / x.size(0) + kl / x.size(0)", []),
    "the whole over the batch": (f"{RECON}\n{KL}\nloss = (recon + kl) / len(x)", []),
    "over the batch first, then over the latents": (
        f"{ROWWISE}\n{ROWS}\nloss = recon + rows.mean(0).sum()",
        [],
    ),
    "batch sum, latent mean": (
        f"{ROWWISE}\n{ROWS}\nloss = recon + rows.sum(0).mean()",
        ["VAE304"],
    ),
    "a sum over the batch only": (
        f"{ROWWISE}\n{ROWS}\nkl = torch.sum(rows, dim=0)\nloss = recon + kl.mean()",
        ["VAE304"],
    ),
    "the total of the batch for every sample": (
        f"recon = F.mse_loss(out, x, reduction='none').sum(1)\n{KL}\nloss = (recon + kl).sum()",
        ["VAE304"],
    ),
    "one KL for every sample": (
        f"recon = F.mse_loss(out, x, reduction='none').sum(1)\n{ROWS}\nloss = (recon + rows.sum(1)).sum()",
        [],
    ),
    "an error summed over the batch only": (
        f"recon = F.mse_loss(out, x, reduction='none').sum(0)\n{ROWS}\nloss = recon.mean() + rows.sum(1).mean()",
        ["VAE501"],
    ),
    "an axis that is kept and picked from": (
        f"recon = F.mse_loss(out, x, reduction='sum')\n{ROWS}\nloss = recon + rows.sum(1).mean(0, True)[0]",
        ["VAE504"],
    ),
    "an axis that is kept and picked from, behind others": (
        f"{ROWWISE}\n{ROWS}\nloss = recon + rows.mean(1, keepdim=True)[:, 0].mean()",
        ["VAE503"],
    ),
    "the last of an axis that is kept": (
        f"{ROWWISE}\n{ROWS}\nloss = recon + rows.sum(0, keepdim=True)[-1].mean()",
        ["VAE304"],
    ),
    "mean beside sum": (f"recon = F.mse_loss(out, x)\n{ROWS}\nloss = recon + rows.sum(1).mean()", ["VAE502"]),
    "a module's mean beside sum": (
        f"recon = nn.BCELoss()(out, x)\n{ROWS}\nloss = recon + torch.mean(torch.sum(rows, dim=-1))",
        ["VAE502"],
    ),
    "mean beside sum, weighed by name": (
        f"recon = F.mse_loss(out, x)\n{ROWS}\nloss = recon + BETA * rows.sum(1).mean()",
        [],
    ),
    "mean beside sum, the count given back": (
        f"recon = 91 * F.mse_loss(out, x)\n{ROWS}\nloss = recon + rows.sum(1).mean()",
        [],
    ),
    "mean beside sum over the same count": (f"recon = F.mse_loss(out, x)\n{KL}\nloss = recon + kl / (len(x) * 91)", []),
    "sum beside a mean over latents": (
        f"{ROWWISE}\n{ROWS}\nloss = recon + rows.mean(1).mean()",
        ["VAE503"],
    ),
    "around a capacity": (f"{ROWWISE}\n{ROWS}\nloss = recon + model.gamma * (rows.sum(1).mean() - 4.0).abs()", []),
    "over wrong axes around a capacity": (
        f"{ROWWISE}\n{ROWS}\nloss = recon + torch.abs(rows.sum(0).mean() - 4.0)",
        ["VAE304"],
    ),
    "a batch sum above a capacity": (f"{ROWWISE}\n{ROWS}\nloss = recon + F.relu(rows.sum() - 4.0)", ["VAE504"]),
    "mean beside mean": (f"recon = F.mse_loss(out, x)\n{ROWS}\nloss = recon + rows.mean()", []),
    "batch sum beside batch mean": (f"{RECON}\n{ROWS}\nloss = recon + rows.sum(1).mean()", ["VAE504"]),
    "a named number makes up for no batch": (
        f"{RECON}\n{ROWS}\nloss = recon + BETA * rows.sum(1).mean()",
        ["VAE504"],
    ),
    "a number of its own makes up for no batch": (
        f"{RECON}\n{ROWS}\nloss = recon + 0.03 * rows.sum(1).mean()",
        ["VAE504"],
    ),
    "a sum divided by a named number may be a mean": (
        f"{RECON} / WIDTH\n{ROWS}\nloss = recon + rows.sum(1).mean()",
        [],
    ),
    "a sum divided by a number may be a mean": (f"{RECON} / 48\n{ROWS}\nloss = recon + rows.sum(1).mean()", []),
    "a weight that nobody knows may make up for the batch": (
        f"{RECON}\n{ROWS}\nloss = recon + model.weight * rows.sum(1).mean()",
        [],
    ),
    "a weight of the KL that is not known makes up for no batch": (
        f"{RECON} / len(x)\n{ROWS}\nloss = recon + model.beta * rows.sum()",
        ["VAE504"],
    ),
    "a weight of the KL that is computed makes up for no batch": (
        f"{RECON}\n{ROWS}\nkl_weight = min(1.0, step / 20)\nloss = 500 * recon + rows.sum(1).mean() * kl_weight",
        ["VAE504"],
    ),
    "a weight of the KL may make up for the elements as well": (
        f"recon = F.mse_loss(out, x)\n{ROWS}\nloss = recon + model.beta * rows.sum()",
        [],
    ),
    "a weight of the KL with the batch in it": (
        f"{RECON} / len(x)\n{ROWS}\nbeta = 1 / len(x)\nloss = recon + beta * rows.sum()",
        [],
    ),
    "a weight of both, beside one of the KL": (
        f"{RECON} / len(x)\n{ROWS}\nloss = model.scale * recon + model.beta * rows.sum()",
        [],
    ),
    "a mean of the error divided once more": (
        f"recon = F.mse_loss(out, x) / x.size(0)\n{ROWS}\nloss = 500 * recon + rows.sum(1).mean() * model.kl_weight",
        ["VAE504"],
    ),
    "a mean of the KL divided once more": (
        f"recon = F.mse_loss(out, x)\n{ROWS}\nloss = recon + model.kl_weight * rows.mean() / len(x)",
        ["VAE504"],
    ),
    "means of both divided once more": (
        f"recon = F.mse_loss(out, x) / len(x)\n{ROWS}\nloss = recon + model.kl_weight * rows.mean() / len(x)",
        [],
    ),
    "summed while there are other axes than the batch": (
        f"{ROWS}\n{LEFT}\n    recon = recon.sum(1)\nloss = (recon + rows.sum(1)).mean()",
        [],
    ),
    "a scalar sum beside rows, then a mean": (f"{RECON}\n{ROWS}\nloss = (recon + rows.sum(1)).mean()", ["VAE504"]),
    "a mean made a sum again by the batch size": (f"{RECON}\n{MEAN_KL} * len(x)\nloss = recon + kl", []),
    "both made sums again, then a mean": (f"{RECON}\n{MEAN_KL} * x.size(0)\nloss = (recon + kl) / x.size(0)", []),
    "a mean made a sum again beside a mean": (f"{ROWWISE}\n{MEAN_KL} * len(x)\nloss = recon + kl", ["VAE504"]),
    "a mean made a sum again by the size of a sample": (
        f"recon = F.mse_loss(out, x) * x[0].numel()\n{ROWS}\nloss = recon + rows.sum(1).mean()",
        [],
    ),
    "a mean times all the batch holds": (
        f"recon = F.mse_loss(out, x) * x.numel()\n{ROWS}\nloss = recon + rows.sum(1).mean()",
        ["VAE504"],
    ),
    "a mean times the width of a sample": (
        f"recon = F.mse_loss(out, x) * x[0].size(0)\n{ROWS}\nloss = recon + rows.sum(1).mean()",
        [],
    ),
    "a mean of a scalar is nothing": (f"{RECON}\n{KL}\nloss = torch.mean(recon + kl)", []),
    "size_average=False is a sum": (
        f"recon = F.binary_cross_entropy(out, x, size_average=False)\n{KL}\nloss = recon + kl",
        [],
    ),
    "size_average set too late for either of two": (
        f"criterion = nn.BCELoss() if LR > 1 else nn.BCELoss().cuda()\n{LATE}\n{KL}\nloss = recon + kl",
        ["VAE506"],
    ),
    "size_average set too late": (
        f"criterion = nn.BCELoss()\n{LATE}\n{KL}\nloss = recon + kl",
        ["VAE506"],
    ),
    "the old flag given a text": (
        f"recon = nn.BCELoss(reduce='sum')(out, x)\n{KL} / len(x)\nloss = recon + kl * BETA",
        ["VAE506"],
    ),
    "a text as the first option": (f"recon = nn.MSELoss('sum')(out, x)\n{KL}\nloss = recon + kl", ["VAE506"]),
    "a text as the first option of the function": (
        f"recon = F.mse_loss(out, x, 'sum')\n{KL}\nloss = recon + kl",
        ["VAE506"],
    ),
    "the other old flag given a text": (
        f"recon = F.l1_loss(out, x, size_average='sum')\n{KL}\nloss = recon + kl",
        ["VAE506"],
    ),
    "a text as the first option where it is the reduction": (
        f"recon = nn.HuberLoss('sum')(out, x)\n{KL}\nloss = recon + kl",
        [],
    ),
    "the old flag given the text that it means": (
        f"recon = nn.BCELoss(reduce='mean')(out, x)\n{ROWS}\nloss = recon + rows.mean()",
        [],
    ),
    "False as the first option is a sum": (f"recon = nn.MSELoss(False)(out, x)\n{KL}\nloss = recon + kl", []),
    "False as the second option reduces nothing": (
        f"recon = nn.MSELoss(None, False)(out, x).sum()\n{KL}\nloss = recon + kl",
        [],
    ),
    "0 for the old flag is a sum": (f"recon = nn.BCELoss(size_average=0)(out, x)\n{KL}\nloss = recon + kl", []),
    "True for the old flag is a mean": (
        f"recon = F.mse_loss(out, x, size_average=True)\n{KL} / len(x)\nloss = recon + kl",
        ["VAE502"],
    ),
    "python's sum over the rows": (
        f"{ROWWISE}\n{ROWS}\nloss = recon + sum(rows.sum(1))",
        ["VAE504"],
    ),
}


@pytest.mark.parametrize(("body", "expected"), REDUCTIONS.values(), ids=REDUCTIONS)
def test_reduction(body: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(tmp_path, body) == expected


BATCHES = (
    *("x.shape[0]", "x.size(0)", "x.size()[0]", "len(x)", "mu.shape[0]", "logvar.size(0)", "len(mu)", "out.shape[0]"),
    *("batch_size", "args.batch_size", "loader.batch_size", "float(x.size(0))", "x.shape[0] * 1.0"),
)
MEANS = "kl = -0.5 * torch.mean(1 + logvar - mu ** 2 - logvar.exp())"
OVER_BATCH = {
    "the KL, in the loss": (f"{RECON}\n{KL}\nloss = recon + kl / {{}}", ["VAE504"]),
    "the KL, in its own line": (f"{RECON}\n{KL} / {{}}\nloss = recon + kl", ["VAE504"]),
    "the KL, in place": (f"{RECON}\n{KL}\nkl /= {{}}\nloss = recon + kl", ["VAE504"]),
    "the KL, by its inverse": (f"{RECON}\n{KL}\nloss = recon + kl * (1 / ({{}}))", ["VAE504"]),
    "the KL, in a named constant weight": (f"{RECON}\n{KL}\nloss = recon + BETA / ({{}}) * kl", ["VAE504"]),
    "the KL, beside a named constant weight": (f"{RECON}\n{KL}\nloss = recon + BETA * kl / ({{}})", ["VAE504"]),
    "the KL, element by element": (
        f"{RECON}\n{ROWS}\nloss = recon + (rows / ({{}})).sum()",
        ["VAE504"],
    ),
    "the KL, and a mean besides": (
        f"{ROWWISE}\n{ROWS}\nloss = recon + (rows.sum(1) / ({{}})).mean()",
        ["VAE504"],
    ),
    "the error": (f"{RECON} / ({{}})\n{KL}\nloss = recon + kl", ["VAE504"]),
    "the error beside a mean": (f"{RECON} / ({{}})\n{MEANS}\nloss = recon + kl", ["VAE503"]),
    "the KL beside a mean": (f"recon = F.mse_loss(out, x)\n{KL} / ({{}})\nloss = recon + kl", ["VAE502"]),
    "a mean, times the batch": (f"recon = F.mse_loss(out, x) * ({{}})\n{KL}\nloss = recon + kl", ["VAE502"]),
    "both": (f"{RECON} / ({{}})\n{KL} / len(out)\nloss = recon + kl", []),
    "both together": (f"{RECON}\n{KL}\nloss = (recon + kl) / ({{}})", []),
    "the KL beside the mean of its rows": (f"{ROWWISE}\n{KL} / ({{}})\nloss = recon + kl", []),
}


@pytest.mark.parametrize("size", BATCHES)
@pytest.mark.parametrize(("body", "expected"), OVER_BATCH.values(), ids=OVER_BATCH)
def test_a_division_by_the_batch_is_a_mean(body: str, expected: list[str], size: str, tmp_path: Path) -> None:
    model = f"from settings import args, batch_size\n{MODEL}"
    assert codes(tmp_path, body.format(size), model) == expected


BETAS = {
    "mean beside sum": ("F.mse_loss(out, x)", "rows.sum(1).mean()", "91 (elements of a sample 91)"),
    "sum beside sum": ("F.mse_loss(out, x, reduction='sum')", "rows.sum()", "1"),
    "mean beside mean": ("F.mse_loss(out, x)", "rows.mean()", "13 (latents 7, elements of a sample 91)"),
    "batch sum beside mean": (
        "F.mse_loss(out, x)",
        "rows.sum()",
        "91 * B (elements of a sample 91, B the batch size; at batch 128: 11648)",
    ),
    "a named number": ("F.mse_loss(out, x)", "BETA * rows.sum(1).mean()", "182 (BETA 2, elements of a sample 91)"),
    "a number of its own": ("F.mse_loss(out, x)", "0.25 * rows.sum(1).mean()", "22.75 (elements of a sample 91)"),
    "a name without a value": (
        "F.mse_loss(out, x)",
        "model.weight * rows.sum(1).mean()",
        "91 * model.weight (elements of a sample 91)",
    ),
    "a divisor without a value": (
        "F.mse_loss(out, x)",
        "rows.sum(1).mean() / model.weight",
        "91 / model.weight (elements of a sample 91)",
    ),
    "one over what has no value": (
        "F.mse_loss(out, x)",
        "(1 / model.weight) * rows.sum(1).mean()",
        "91 / model.weight (elements of a sample 91)",
    ),
    "a divisor with a name": (
        "F.mse_loss(out, x)",
        "rows.sum(1).mean() / BETA",
        "45.5 (BETA 2, elements of a sample 91)",
    ),
    "a weight of the error": ("10 * F.mse_loss(out, x, reduction='sum')", "rows.sum()", "0.1"),
    "twice over the batch": (
        "F.mse_loss(out, x, reduction='sum') / len(x)",
        "(rows.sum(1) / len(x)).mean()",
        "1 / B (B the batch size; at batch 128: 0.007812)",
    ),
    "within the KL's own sum": (
        "F.mse_loss(out, x, reduction='sum')",
        "torch.sum(-0.5 * (1 + logvar - mu ** 2 - logvar.exp())) * BETA",
        "2 (BETA 2)",
    ),
}


@pytest.mark.parametrize(("recon", "kl", "text"), BETAS.values(), ids=BETAS)
def test_the_effective_beta_is_an_expression(recon: str, kl: str, text: str, tmp_path: Path) -> None:
    body = f"            recon = {recon}\n            {ROWS}\n            loss = recon + {kl}"
    found = [facts.objective.effective_beta for facts in read(tmp_path, MODEL + LOOP.format(body=body)).facts]
    assert [rendered(fact.value) for fact in found if fact is not None] == [text]


def test_sizes_that_the_source_does_not_tell_are_symbols(tmp_path: Path) -> None:
    model = MODEL.replace("nn.Linear(33, 91), nn.Sigmoid()", "nn.Linear(33, N_OUT), nn.Sigmoid()")
    body = (
        f"            recon = F.mse_loss(out, data)\n            {ROWS}\n            loss = recon + rows.sum(1).mean()"
    )
    loop = LOOP.replace("x = x.view(-1, 91)", "data = x").format(body=body)
    found = [
        facts.objective.effective_beta for facts in read(tmp_path, f"from sizes import N_OUT\n{model}{loop}").facts
    ]
    texts = [rendered(fact.value) for fact in found if fact is not None]
    assert texts
    assert all(text in ("D (D the elements of a sample)", "C*H*W (C*H*W the elements of a sample)") for text in texts)


def test_reductions_are_read_axis_by_axis(tmp_path: Path) -> None:
    body = f"            {ROWWISE}\n            {ROWS}\n"
    facts = one(read(tmp_path, MODEL + LOOP.format(body=f"{body}            loss = recon + rows.mean(1).sum()")))
    assert facts.kl.reduced is not None
    assert facts.recon.reduced is not None
    assert (facts.kl.reduced.value.batch, facts.kl.reduced.value.event) == (Reduction.SUM, Reduction.MEAN)
    assert (facts.recon.reduced.value.batch, facts.recon.reduced.value.event) == (Reduction.MEAN, Reduction.SUM)


def test_what_lies_around_a_capacity_is_read(tmp_path: Path) -> None:
    report = read(tmp_path, MODEL + LOOP.format(body=looped(REDUCTIONS["around a capacity"][0])))
    assert any("VAE304" in each.clean and "VAE504" in each.weighted for each in report.judgements)


def test_a_number_under_a_local_name_is_none(tmp_path: Path) -> None:
    body = f"recon = F.mse_loss(out, x)\n{ROWS}\nalpha = 1.0\nloss = recon + alpha * rows.sum(1).mean()"
    assert codes(tmp_path, body) == ["VAE502"]


def test_alike_steps_of_two_terms_are_not_one(tmp_path: Path) -> None:
    """Each term has a mean of its own; only what stands above both is shared."""
    body = f"            {ROWWISE.replace('.mean()', '')}\n            {ROWS}\n            kl = rows.sum(0)\n"
    facts = one(read(tmp_path, MODEL + LOOP.format(body=f"{body}            loss = recon.mean() + kl.mean()")))
    assert facts.kl.reduced is not None
    assert (facts.kl.reduced.value.batch, facts.kl.reduced.value.event) == (Reduction.SUM, Reduction.MEAN)


@pytest.mark.parametrize("axes", ["1", "-1"])
def test_an_error_of_unknown_rank_is_not_called_summed(axes: str, tmp_path: Path) -> None:
    text = f"""
def vae_loss(out, x, mu, logvar):
    recon = F.mse_loss(out, x, reduction="none").sum({axes}).mean()
    kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp(), dim=1).mean()
    return recon + kl
"""
    found = [
        facts.recon.reduced for facts in read(tmp_path, "import torch\nimport torch.nn.functional as F\n" + text).facts
    ]
    known = [fact.value for fact in found if fact is not None]
    assert known
    assert {each.event for each in known} == {None}
    assert {each.batch for each in known} == {Reduction.MEAN}


POINTS = """
import torch
from torch import nn
import torch.nn.functional as F


class Process(nn.Module):
    def __init__(self):
        super().__init__()
        self.points, self.back = nn.Sequential(nn.Linear(5, 33), nn.ReLU(), nn.Linear(33, 19)), nn.Linear(10, 2)
        self.to_mu, self.to_logvar = nn.Linear(19, 7), nn.Linear(19, 7)

    def forward(self, x, y, wanted):
        features = self.points(torch.cat([x, y], dim=1)){gathered}
        mu, logvar = self.to_mu(features), self.to_logvar(features)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return self.back(torch.cat([wanted, z.expand(len(wanted), 7)], dim=1)), mu, logvar


def fit(net, optimizer, sets):
    for x, y in sets:
        out, mu, logvar = net(x, y, x)
        recon = F.mse_loss(out, y, reduction="none").sum(dim=0).mean()
        kl = -0.5 * torch.sum(1 + logvar - mu ** 2 - logvar.exp())
        optimizer.zero_grad()
        (recon + kl).backward()
        optimizer.step()


fit(Process(), torch.optim.Adam(Process().parameters()), make_sets())
"""


@pytest.mark.parametrize(("gathered", "found"), [(".mean(dim=0)", False), (".sum(0)", False), ("", True)])
def test_points_that_one_latent_is_gathered_from_are_no_batch(gathered: str, found: bool, tmp_path: Path) -> None:
    report = read(tmp_path, POINTS.replace("{gathered}", gathered))
    assert ("VAE501" in {finding.code for finding in report.findings}) is found


HANDED_ON = """
import torch
import torch.nn as nn


class Net(nn.Module):
    def __init__(self, wide):
        super().__init__()
        self.to_m, self.to_s, self.back = nn.Linear(wide, 7), nn.Linear(wide, 7), nn.Linear(7, wide)

    def terms(self, x):
        m, s = self.to_m(x), self.to_s(x)
        out = self.back(m + torch.exp(0.5 * s) * torch.randn_like(m))
        recon = torch.sum((out - x) ** 2, 0){reduced}
        kl = -0.5 * torch.sum(1 + s - m ** 2 - s.exp(), dim=1).mean()
        return recon + kl
"""


@pytest.mark.parametrize(("reduced", "found"), [(" / x.size(0)", False), ("", False), (".mean()", True)])
def test_axes_that_are_left_to_the_caller_are_not_reduced_wrongly(reduced: str, found: bool, tmp_path: Path) -> None:
    report = read(tmp_path, HANDED_ON.replace("{reduced}", reduced))
    assert ("VAE501" in {finding.code for finding in report.findings}) is found
    assert all("VAE501" not in vae.clean for vae in report.vaes)
