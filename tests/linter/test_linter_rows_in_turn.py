"""Loops over the samples of a batch: what each turn draws is its row's own, what it sums is a sample's."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_vaes.fragments import HEAD, LAYERS, LAYERS_FORWARD, LOOP, codes, linted

DRAW = "m + torch.randn_like(m) * torch.exp(0.5 * s)"
EACH = "torch.exp(0.5 * v) * "
ERROR = 'F.mse_loss(y, x, reduction="none").sum(1)'
KL = "-0.5 * (1 + s - m.pow(2) - s.exp()).sum(1)"
OF_ROW = 'F.mse_loss(a, b, reduction="sum")'
KL_OF_ROW = "-0.5 * torch.sum(1 + v - k ** 2 - v.exp())"
FORWARD = LAYERS_FORWARD.replace("return self.back(" + DRAW + "), m, s", "{made}\n        return self.back(z), m, s")
ONE = """
    def one(self, k, v):
        return k + torch.exp(0.5 * v) * torch.randn(7)

    def moved(self, k, v, eps):
        return k + torch.exp(0.5 * v) * eps
"""


def net(made: str = f"z = {DRAW}", loss: str = f"({ERROR} + {KL}).mean()") -> str:
    trained = LOOP.format(loss=f"loss = {loss}", differentiated="loss.backward()")
    return HEAD + LAYERS + ONE + FORWARD.format(made=made) + trained


DRAWN = {
    "comprehension": f"z = torch.stack([k + {EACH}torch.randn(7) for k, v in zip(m, s)])",
    "numbered": "z = torch.stack([m[i] + torch.exp(0.5 * s[i]) * torch.randn(7) for i in range(len(m))])",
    "filled": f"z = torch.zeros_like(m)\n        for i, (k, v) in enumerate(zip(m, s)):\n"
    f"            z[i] = k + {EACH}torch.randn(7)",
    "kept in a list": f"rows = []\n        for k, v in zip(m, s):\n            eps = torch.randn(7)\n"
    f"            rows.append(k + {EACH}eps)\n        z = torch.stack(rows)",
    "counted": "i, rows = 0, []\n        while i < len(m):\n"
    "            rows.append(m[i] + torch.exp(0.5 * s[i]) * torch.randn(7))\n            i += 1\n"
    "        z = torch.stack(rows)",
    "unbound": f"z = torch.stack([k + {EACH}torch.randn(7) for k, v in zip(m.unbind(0), s.unbind(0))])",
    "split": f"z = torch.cat([k + {EACH}torch.randn(1, 7) for k, v in zip(m.split(1), s.split(1))])",
    "mapped": "z = torch.stack(list(map(lambda p: p[0] + torch.exp(0.5 * p[1]) * torch.randn(7), zip(m, s))))",
    "in a method": "z = torch.stack([self.one(k, v) for k, v in zip(m, s)])",
    "in a method by number": "z = torch.stack([self.one(m[i], s[i]) for i in range(len(x))])",
    "handed to a method": "z = torch.stack([self.moved(k, v, torch.randn(7)) for k, v in zip(m, s)])",
}
SHARED = {
    "before the comprehension": f"eps = torch.randn(7)\n        z = torch.stack([k + {EACH}eps for k, v in zip(m, s)])",
    "before the loop": f"eps, rows = torch.randn(7), []\n        for k, v in zip(m, s):\n"
    f"            rows.append(k + {EACH}eps)\n        z = torch.stack(rows)",
    "before the numbered loop": "eps = torch.randn(7)\n"
    "        z = torch.stack([m[i] + torch.exp(0.5 * s[i]) * eps for i in range(len(m))])",
    "before a method": "eps = torch.randn(7)\n        z = torch.stack([self.moved(k, v, eps) for k, v in zip(m, s)])",
    "for all rows at once": "z = m + torch.exp(0.5 * s) * torch.randn(7)",
}


@pytest.mark.parametrize("made", DRAWN.values(), ids=DRAWN)
def test_what_each_turn_draws_is_its_rows_own(made: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": net(made)})) == []


@pytest.mark.parametrize("made", SHARED.values(), ids=SHARED)
def test_a_draw_in_front_of_the_loop_is_shared(made: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": net(made)})) == ["VAE203"]


def test_the_loop_of_a_training_is_none_over_rows(tmp_path: Path) -> None:
    drawn = "eps = torch.randn(7)\n        z = torch.stack([k + torch.exp(0.5 * v) * eps for k, v in zip(m, s)])"
    step = f"m, s = net.to_m(x), net.to_s(x)\n        {drawn}\n        y = net.back(z)"
    text = net().replace("y, m, s = net(x)", step)
    assert codes(linted(tmp_path, {"net.py": text})) == ["VAE203"]


TERM = "F.mse_loss({}, {}, reduction='none')"
ROWS = "for a, b in zip(y, x)"
OF_A_SAMPLE = {
    "stacked": f"(torch.stack([{OF_ROW} {ROWS}]) + {KL}).mean()",
    "stacked, averaged": f"torch.stack([{OF_ROW} {ROWS}]).mean() + ({KL}).mean()",
    "stacked, averaged over axis 0": f"torch.stack([{OF_ROW} {ROWS}]).mean(0) + ({KL}).mean()",
    "numbered": '(torch.stack([F.mse_loss(y[i], x[i], reduction="sum") for i in range(len(x))]) + ' + KL + ").mean()",
    "squared": f"(torch.stack([((a - b) ** 2).sum() {ROWS}]) + {KL}).mean()",
    "mapped": '(torch.stack(list(map(lambda p: F.mse_loss(*p, reduction="sum"), zip(y, x)))) + ' + KL + ").mean()",
    "summed, divided": f"sum({OF_ROW} {ROWS}) / len(x) + ({KL}).mean()",
    "the KL, summed, divided": f"({ERROR}).mean() + sum({KL_OF_ROW} for k, v in zip(m, s)) / len(m)",
    "both": f"torch.stack([{OF_ROW} + {KL_OF_ROW} for a, b, k, v in zip(y, x, m, s)]).mean()",
    "the KL": f"({ERROR} + torch.stack([{KL_OF_ROW} for k, v in zip(m, s)])).mean()",
    "the KL, averaged": f"({ERROR}).mean() + torch.stack([{KL_OF_ROW} for k, v in zip(m, s)]).mean()",
}
OTHERWISE = {
    "summed": (f"sum({OF_ROW} {ROWS}) + ({KL}).mean()", "VAE504"),
    "stacked, summed": (f"torch.stack([{OF_ROW} {ROWS}]).sum() + ({KL}).mean()", "VAE504"),
    "averaged over a row": (f"torch.stack([F.mse_loss(a, b) {ROWS}]).mean() + ({KL}).mean()", "VAE502"),
    "the KL summed": (f"({ERROR}).mean() + torch.stack([{KL_OF_ROW} for k, v in zip(m, s)]).sum()", "VAE504"),
    "the KL averaged over a row": (
        f"({ERROR}).mean() + torch.stack([{KL_OF_ROW.replace('sum', 'mean')} for k, v in zip(m, s)]).mean()",
        "VAE503",
    ),
    "by a list": (f"sum([{OF_ROW} {ROWS}]) + ({KL}).mean()", "VAE504"),
}


@pytest.mark.parametrize("loss", OF_A_SAMPLE.values(), ids=OF_A_SAMPLE)
def test_what_is_summed_of_a_row_is_a_samples(loss: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": net(loss=loss)})
    assert codes(report) == []
    assert any({"VAE501", "VAE502", "VAE503", "VAE504"} <= set(each.clean) for each in report.judgements)


@pytest.mark.parametrize(("loss", "code"), OTHERWISE.values(), ids=OTHERWISE)
def test_rows_reduced_in_two_ways_are_named(loss: str, code: str, tmp_path: Path) -> None:
    assert codes(linted(tmp_path, {"net.py": net(loss=loss)})) == [code]


def test_errors_of_rows_that_are_put_one_behind_another_are_open(tmp_path: Path) -> None:
    loss = f"(torch.cat([{OF_ROW}.view(1) {ROWS}]) + {KL}).mean()"
    assert codes(linted(tmp_path, {"net.py": net(loss=loss)})) == []


def test_the_remedy_for_the_error_of_a_row_sums_that_row(tmp_path: Path) -> None:
    loss = f"torch.stack([F.mse_loss(a, b) {ROWS}]).mean() + ({KL}).mean()"
    (found,) = linted(tmp_path, {"net.py": net(loss=loss)}).findings
    assert (found.fix or "").startswith('F.mse_loss(a, b, reduction="sum"), or')


def test_the_remedy_for_the_error_of_a_batch_divides_it(tmp_path: Path) -> None:
    (found,) = linted(tmp_path, {"net.py": net(loss=f"F.mse_loss(y, x) + ({KL}).mean()")}).findings
    assert (found.fix or "").startswith('F.mse_loss(y, x, reduction="sum") / len(x), or')


@pytest.mark.parametrize("form", ["{0} = [{1}]\n        loss = sum({0}) / len({0})", "{0} = []\n{2}"])
def test_a_list_of_errors_is_averaged_by_its_length(form: str, tmp_path: Path) -> None:
    loop = f"        for a, b in zip(y, x):\n            kept.append({OF_ROW})\n        loss = sum(kept) / len(kept)"
    written = form.format("kept", f"{OF_ROW} {ROWS}", loop) + f" + ({KL}).mean()"
    assert codes(linted(tmp_path, {"net.py": net(loss="{}").replace("loss = {}", written)})) == []


TURNED = {
    "the error": f"({TERM.format('y.T', 'x.T')}.sum(0) + {KL}).mean()",
    "the error by two axes": f"({TERM.format('y.transpose(0, 1)', 'x.transpose(0, 1)')}.sum(0) + {KL}).mean()",
    "the error by an order": f"({TERM.format('y.permute(1, 0)', 'x.permute(1, 0)')}.sum(dim=0) + {KL}).mean()",
    "the difference": f"(((y.t() - x.t()) ** 2).sum(-2) + {KL}).mean()",
    "the KL": f"({ERROR} - 0.5 * (1 + s.T - m.T ** 2 - s.T.exp()).sum(0)).mean()",
    "columns": f"(torch.stack([(a - b) ** 2 for a, b in zip(y.t(), x.t())]).sum(0) + {KL}).mean()",
}


@pytest.mark.parametrize("loss", TURNED.values(), ids=TURNED)
def test_a_sum_over_the_first_axis_of_columns_is_a_samples(loss: str, tmp_path: Path) -> None:
    report = linted(tmp_path, {"net.py": net(loss=loss)})
    assert codes(report) == []
    assert not any({"VAE501", "VAE304"} <= set(each.clean) for each in report.judgements)


def test_a_sum_over_the_first_axis_of_rows_is_named(tmp_path: Path) -> None:
    loss = f"F.mse_loss(y, x, reduction='none').sum(0).mean() + ({KL}).mean()"
    assert codes(linted(tmp_path, {"net.py": net(loss=loss)})) == ["VAE501"]
