"""`@checked`: what it accepts, what it refuses, at the call and at the decoration."""

from __future__ import annotations

import copy
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import jaxtyping
import pytest
import torch
from preloaded import run_python
from small_vaes.contracted import Model, kl_divergence

from vae_checked.contracts import Float, Tensor, UInt8, checked, contracts_off
from vae_checked.contracts.decorator import contract_of
from vae_checked.errors import ContractError, UsageError

# ------------------------------------------------------------------------------------------------------ calls


def test_right_calls_give_what_the_function_gives():
    mu, logvar = torch.tensor([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 0.0], [1.0, -1.0, 0.0]])
    for _ in range(3):
        assert kl_divergence(mu, logvar).tolist() == pytest.approx([2.625, (2.718281828 + 0.367879441 - 2) / 2])
        assert kl_divergence(logvar=logvar, mu=mu).shape == (2,)


def test_wrong_calls_are_refused_before_and_after_a_right_one():
    good = torch.zeros(4, 3)
    for _ in range(2):
        with pytest.raises(ContractError, match=r"kl_divergence\(logvar\): axis 0 \(B\) is 5, mu has B = 4"):
            kl_divergence(good, torch.zeros(5, 3))
        with pytest.raises(ContractError, match=r"kl_divergence\(mu\): 1 axis"):
            kl_divergence(torch.zeros(4), good)
        with pytest.raises(ContractError, match=r"kl_divergence\(mu\): dtype is int64"):
            kl_divergence(good.long(), good)
        with pytest.raises(ContractError, match=r"kl_divergence\(logvar\): is None"):
            kl_divergence(good, None)
        kl_divergence(good, good)


def test_a_result_that_changes_is_refused_although_arguments_were_seen():
    results = [torch.zeros(4), torch.zeros(4), torch.zeros(5), torch.zeros(4, 1), torch.zeros(4).double(), None]

    @checked
    def stage(x: Float[Tensor, "B L"]) -> Float[Tensor, " B"]:
        return results.pop(0)

    x = torch.zeros(4, 3)
    for expected in (None, None, "axis 0", "2 axes", None, "is None"):
        if expected is None:
            assert stage(x).shape == (4,)
        else:
            with pytest.raises(ContractError, match=expected):
                stage(x)
    assert results == []


def test_the_full_check_runs_once_for_a_signature(monkeypatch):
    checks = []
    full = contract_of(kl_divergence)._in_full
    monkeypatch.setattr(contract_of(kl_divergence), "_in_full", lambda *a: checks.append(1) or full(*a))
    for batch in (11, 12, 11, 12, 11):
        kl_divergence(torch.zeros(batch, 6), torch.zeros(batch, 6))
    assert len(checks) == 2


def test_python_reports_a_call_that_does_not_fit_the_parameters():
    with pytest.raises(TypeError, match=r"kl_divergence\(\) missing 1 required positional argument: 'logvar'"):
        kl_divergence(torch.zeros(4, 3))
    with pytest.raises(TypeError, match="unexpected keyword argument 'sigma'"):
        kl_divergence(torch.zeros(4, 3), sigma=1)


def test_an_exception_of_the_body_passes_unchanged():
    @checked
    def stage(x: Float[Tensor, "B L"], inner: bool = False) -> Float[Tensor, " B"]:
        if inner:
            kl_divergence(x, x[:1])
        raise KeyError("mine")

    for _ in range(2):
        with pytest.raises(KeyError, match="mine"):
            stage(torch.zeros(2, 3))
        with pytest.raises(ContractError, match=r"kl_divergence\(logvar\)"):
            stage(torch.zeros(2, 3), inner=True)


def test_a_plain_jaxtyping_error_of_the_body_is_the_bodys():
    @jaxtyping.jaxtyped(typechecker=__import__("beartype").beartype)
    def inner(x: Float[Tensor, "7"]) -> None: ...

    @checked
    def stage(x: Float[Tensor, " L"]) -> None:
        inner(x)

    with pytest.raises(jaxtyping.TypeCheckError):
        stage(torch.zeros(2))


# ------------------------------------------------------------------------------------------ kinds of annotation


def test_optional_union_literal_and_plain_types():
    @checked
    def stage(
        x: Float[Tensor, "B L"] | UInt8[Tensor, "B C H W"],
        eps: Float[Tensor, "B L"] | None = None,
        reduction: Literal["sum", "none"] = "sum",
        beta: float = 1.0,
    ) -> Float[Tensor, ""]:
        return x.float().mean()

    assert contract_of(stage).why_not_remembered == ""
    x, image = torch.zeros(4, 3), torch.zeros(4, 2, 5, 6, dtype=torch.uint8)
    for _ in range(2):
        stage(x)
        stage(x, torch.zeros(4, 3), "none", 2.0)
        stage(image, reduction="none")
        for message, call in {
            r"eps\): axis 1 \(L\) is 2, x has L = 3": lambda: stage(x, torch.zeros(4, 2)),
            r"eps\): axis 0 \(B\) is 5, x has B = 4": lambda: stage(image, torch.zeros(5, 2)),
            r"reduction\): is the str 'mean'": lambda: stage(x, reduction="mean"),
            r"beta\): is the str '1'": lambda: stage(x, beta="1"),
            r"x\): dtype is int64": lambda: stage(x.long()),
            r"x\): 4 axes": lambda: stage(image.float()),
        }.items():
            with pytest.raises(ContractError, match=message):
                call()


def test_every_element_of_a_container_is_checked():
    @checked
    def stage(features: list[Float[Tensor, "B _"]], heads: dict[str, Float[Tensor, "B L"]]) -> tuple[Tensor, ...]:
        return tuple(features)

    right, wrong = torch.zeros(4, 3), torch.zeros(5, 3)
    heads = {"mu": right, "logvar": right}
    for _ in range(2):
        assert len(stage([right, torch.zeros(4, 9), right], heads)) == 3
        for position in range(1, 12):
            features = [right] * 12
            features[position] = wrong
            with pytest.raises(ContractError, match=rf"features\[{position}\]\): axis 0 \(B\) is 5"):
                stage(features, heads)
        with pytest.raises(ContractError, match=r"heads\['logvar'\]\): axis 1 \(L\) is 2"):
            stage([right], {"mu": right, "logvar": torch.zeros(4, 2)})


def test_every_tensor_of_a_long_list_and_of_varying_arguments_is_checked():
    @checked
    def stage(parts: list[Float[Tensor, " L"]], *more: Float[Tensor, " L"], **named: Float[Tensor, " L"]) -> None: ...

    parts = [torch.zeros(3)] * 100
    stage(parts, torch.zeros(3), extra=torch.zeros(3))
    with pytest.raises(ContractError, match=r"parts\[77\]"):
        stage([*parts[:77], torch.zeros(4), *parts[78:]])
    with pytest.raises(ContractError, match=r"more\[1\]\): axis 0 \(L\) is 4"):
        stage(parts, torch.zeros(3), torch.zeros(4))
    with pytest.raises(ContractError, match=r"named\['extra'\]\): axis 0 \(L\) is 4"):
        stage(parts, extra=torch.zeros(4))


def test_variadic_broadcast_anonymous_and_computed_axes():
    @checked
    def stage(
        x: Float[Tensor, "*batch H W"], scale: Float[Tensor, "#H"], other: Float[Tensor, "... C=3 _"]
    ) -> Float[Tensor, "*batch H//2 2*W"]:
        return torch.zeros(*x.shape[:-2], x.shape[-2] // 2, 2 * x.shape[-1])

    other = torch.zeros(9, 3, 8)
    for _ in range(2):
        assert stage(torch.zeros(2, 5, 6, 7), torch.zeros(1), other).shape == (2, 5, 3, 14)
        assert stage(torch.zeros(6, 7), torch.zeros(6), torch.zeros(3, 1)).shape == (3, 14)
        with pytest.raises(ContractError, match=r"scale\): axis 0 \(H\) is 2, x has H = 6"):
            stage(torch.zeros(6, 7), torch.zeros(2), other)
        with pytest.raises(ContractError, match=r"other\): axis 1 \(C\) is 4, the contract says 3"):
            stage(torch.zeros(6, 7), torch.zeros(6), torch.zeros(9, 4, 8))
        with pytest.raises(ContractError, match=r"1 axis \(6,\), the contract says at least 2"):
            stage(torch.zeros(6), torch.zeros(6), other)


def test_a_check_inside_the_body_shares_the_names_of_the_signature():
    def helper(h):
        return isinstance(h, Float[Tensor, "B {scale}"])

    @checked
    def stage(x: Float[Tensor, "B L"], h: object, scale: int = 6) -> Float[Tensor, " B"]:
        assert helper(h)
        return x.sum(1)

    for _ in range(3):
        assert stage(torch.zeros(4, 3), torch.zeros(4, 6)).shape == (4,)
        with pytest.raises(AssertionError):
            stage(torch.zeros(4, 3), torch.zeros(5, 6))
        with pytest.raises(AssertionError):
            stage(torch.zeros(4, 3), torch.zeros(4, 6), scale=7)


def test_an_axis_that_the_body_binds_holds_for_the_result():
    @checked
    def stage(x: Float[Tensor, " B"], hidden: int) -> Float[Tensor, "B H"]:
        assert isinstance(torch.zeros(x.shape[0], hidden), Float[Tensor, "B H"])
        return torch.zeros(x.shape[0], 7)

    for _ in range(2):
        assert stage(torch.zeros(2), 7).shape == (2, 7)
        with pytest.raises(ContractError, match=r"axis 1 \(H\) is 7, the body has H = 8"):
            stage(torch.zeros(2), 8)


# ---------------------------------------------------------------------------------------------- copies, threads


def test_deepcopy_and_pickle():
    model = Model()
    model(torch.zeros(2, 7))
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301  made here
        assert torch.equal(twin(torch.ones(2, 7)), model(torch.ones(2, 7)))
        with pytest.raises(ContractError, match="axis 1"):
            twin.decode(torch.zeros(2, 9))
    assert pickle.loads(pickle.dumps(kl_divergence)) is kl_divergence  # noqa: S301


def test_a_class_of_a_script_is_pickled_by_value():
    cloudpickle = pytest.importorskip("cloudpickle", reason="pickles classes of scripts by value; not installed")

    @checked
    class Local(torch.nn.Module):
        def forward(self, x: Float[Tensor, "B 3"]) -> Float[Tensor, "B 3"]:
            return x

    Local()(torch.zeros(2, 3))
    twin = pickle.loads(cloudpickle.dumps(Local()))  # noqa: S301
    assert twin(torch.zeros(2, 3)).shape == (2, 3)
    with pytest.raises(ContractError, match="axis 1 is 4"):
        twin(torch.zeros(2, 4))


def test_a_contract_travels_without_its_memory():
    contract = copy.deepcopy(contract_of(Model.decode))
    model = Model()
    assert contract.call((model, torch.zeros(2, 3)), {}).shape == (2, 7)
    with pytest.raises(ContractError, match="axis 1"):
        contract.call((model, torch.zeros(2, 4)), {})


def test_threads_get_the_verdict_of_their_own_call():
    barrier = threading.Barrier(8)

    def work(seed: int) -> list[bool]:
        generator = torch.Generator().manual_seed(seed)
        barrier.wait(timeout=30)
        verdicts = []
        for _ in range(60):
            one, two = (int(n) for n in torch.randint(2, 5, (2,), generator=generator))
            try:
                kl_divergence(torch.zeros(one, 3), torch.zeros(two, 3))
            except ContractError:
                verdicts.append(one != two)
            else:
                verdicts.append(one == two)
        return verdicts

    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(work, range(8)))
    assert [len(v) for v in verdicts] == [60] * 8
    assert all(all(v) for v in verdicts)


# --------------------------------------------------------------------------------------------------------- off


def test_contracts_off_is_a_block_a_decorator_and_of_this_thread_only():
    wrong = (torch.zeros(4, 3), torch.zeros(1, 3))
    with contracts_off():
        with contracts_off():
            assert kl_divergence(*wrong).shape == (4,)
        assert kl_divergence(*wrong).shape == (4,)
        with ThreadPoolExecutor(1) as pool, pytest.raises(ContractError):
            pool.submit(kl_divergence, *wrong).result()
    with pytest.raises(ContractError):
        kl_divergence(*wrong)
    assert contracts_off()(kl_divergence)(*wrong).shape == (4,)
    with pytest.raises(ContractError):
        kl_divergence(*wrong)


def test_jaxtypings_own_switch_leaves_nothing_behind():
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        assert kl_divergence(torch.zeros(21, 3), torch.zeros(1, 3)).shape == (21,)
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)
    with pytest.raises(ContractError):
        kl_divergence(torch.zeros(21, 3), torch.zeros(1, 3))


@pytest.mark.parametrize(("word", "off"), [("off", True), ("0", True), ("Off", True), ("on", False), ("", False)])
def test_the_environment_switches_off(monkeypatch, word, off):
    def stage(x: Float[Tensor, "3"]) -> Tensor:
        return x

    monkeypatch.setenv("VAE_CHECKED", word)
    assert (checked(stage) is stage) == off


def test_an_unknown_word_in_the_environment_is_refused(monkeypatch):
    monkeypatch.setenv("VAE_CHECKED", "offf")
    with pytest.raises(UsageError, match="VAE_CHECKED=offf: no such switch; say VAE_CHECKED=on or VAE_CHECKED=off"):
        checked(kl_divergence)


def test_without_jaxtypings_storage_every_call_is_checked_in_full():
    script = """
import jaxtyping._storage as storage
del storage.push_shape_memo
import torch
from vae_checked.contracts import Float, Tensor, checked
from vae_checked.contracts.decorator import contract_of
@checked
def stage(x: Float[Tensor, "B L"], y: Float[Tensor, "B L"]) -> Float[Tensor, " B"]: return x.sum(1)
for _ in range(2): stage(torch.zeros(2, 3), torch.zeros(2, 3))
try: stage(torch.zeros(2, 3), torch.zeros(2, 4))
except TypeError as error: print(str(error).splitlines()[0])
print(len(contract_of(stage).seen), contract_of(stage).why_not_remembered)
"""
    run = run_python("-c", script)
    assert run.returncode == 0, run.stderr
    first, second = run.stdout.splitlines()
    assert first.startswith("stage(y): axis 1 (L) is 4, x has L = 3")
    assert second == "0 this version of jaxtyping does not let its scope be entered again"
