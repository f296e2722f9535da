"""The page for a browser: whole, safe, and with pictures that say what the facts say."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_samples import CLEAN, FACTS, FOUND, LINE, PLACE, AuditLike, LintLike

from vae_checked.catalogue import CATALOGUE, find
from vae_checked.cli import main
from vae_checked.facts import (
    KL,
    UNIT,
    Data,
    EffectiveBeta,
    Fact,
    Interval,
    KLForm,
    Likelihood,
    Objective,
    Output,
    Parametrisation,
    Quantity,
    Recon,
)
from vae_checked.finding import Finding, Place, Severity
from vae_checked.html_page import SCRIPT
from vae_checked.linter import lint
from vae_checked.reports import render
from vae_checked.reports.pictures import _stage_of, pictures

VOID = {"meta", "input", "line", "path", "rect", "circle", "polyline"}


class Page(HTMLParser):
    """The tags, attributes and words of a page; refuses tags that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        # A browser writes `<path></path>` for what came as `<path/>`.
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of this kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        """All that is between the tags."""
        return "".join(self.words)


# ------------------------------------------------------------------------------------------- what is on it


@pytest.mark.parametrize("report", [LintLike(), AuditLike(), CLEAN], ids=["lint", "audit", "clean"])
def test_a_page_is_well_formed_and_asks_no_server_for_anything(report: AuditLike) -> None:
    text = render(report, "html")
    page = Page(text)
    assert not {"img", "iframe", "link", "object", "embed"} & {name for name, _ in page.tags}
    assert not any(key in ("src", "srcset", "action", "style") for _, each in page.tags for key in each)
    assert all((each["href"] or "").startswith("#") for each in page.of("a"))
    assert not re.search(r"url\((?!#)|@import|https?:", text.split("<body>")[0])
    (policy,) = [each["content"] for each in page.of("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")


def test_every_link_leads_to_an_element_of_the_page() -> None:
    twin = replace(FOUND, place=replace(PLACE, line=50))
    page = Page(render(LintLike(findings=(FOUND, twin)), "html"))
    there = {each.get("id") for _, each in page.tags}
    assert {each["href"].removeprefix("#") for each in page.of("a")} <= there
    assert sum(each.get("id") == "why-VAE201" for _, each in page.tags) == 1


HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style></pre></code>", "' onmouseover='x"]


@pytest.mark.parametrize("words", HOSTILE)
def test_names_and_source_are_text_on_the_page(words: str) -> None:
    odd = replace(
        FOUND,
        message=f"a {words} b",
        evidence=words,
        fix=words,
        fixed_line=f"x = {words}",
        subject=f"{words}.py:VAE",
        also=(words,),
        place=replace(PLACE, path=f"{words}.py", text=f"{words} = {LINE}"),
    )
    facts = replace(FACTS, subject=odd.subject, names={"mu": words})
    judgement = replace(LintLike.judgements[0], subject=odd.subject)
    text = render(LintLike(findings=(odd,), facts=(facts,), judgements=(judgement,), recognised=(words,)), "html")
    page = Page(text)
    assert [name for name, _ in page.tags if name in ("script", "img")] == ["script"]
    assert text.count("<script>") == 1
    assert not any(key.startswith("on") for _, each in page.tags for key in each)
    assert f"a {words} b" in page.text
    assert f"+ x = {words}" in page.text


def test_a_finding_shows_its_severity_evidence_fix_and_why() -> None:
    page = Page(render(LintLike(findings=(replace(FOUND, fixed_line="std = torch.exp(0.5 * logvar)"),)), "html"))
    mistake = find("VAE201")
    for words in (FOUND.message, FOUND.evidence, mistake.why, "- std = torch.exp(logvar)", f"+ {FOUND.fix}", "error"):
        assert words in page.text
    (article,) = page.of("article")
    assert (article["class"], article["data-severity"]) == ("is-error", "error")
    assert "notes, 50%.py: not Python: line 1" in page.text


def test_the_marked_source_stands_among_the_lines_around_it(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(find("VAE201").bad, encoding="utf-8")
    text = render(lint([path]), "html")
    assert "<mark>torch.exp(logvar)</mark>" in text
    assert '<span class="word">def</span> reparameterize(self, mu, logvar):' in text
    # A file that has changed since is not shown beside a line that it no longer holds.
    report = lint([path])
    path.write_text("import torch\n" + find("VAE201").bad, encoding="utf-8")
    changed = render(report, "html")
    assert "<mark>torch.exp(logvar)</mark>" in changed
    assert "def</span> reparameterize" not in changed.split("Why it matters")[0]


def test_of_many_findings_each_code_is_explained_once() -> None:
    findings = tuple(
        replace(FOUND, code=each.code, name=each.name, place=replace(PLACE, line=10 * line + number))
        for line in range(3)
        for number, each in enumerate(CATALOGUE)
    )
    text = render(LintLike(findings=findings), "html")
    assert text.count("<article ") == len(findings) > 100
    assert text.count("<details id=") == len(CATALOGUE)
    assert len(text) < 2_000_000


# ------------------------------------------------------------------------------------------------- pictures

PICTURED = replace(
    FACTS,
    sampler=replace(FACTS.sampler, noise=None),
    kl=KL(form=Fact(KLForm(Parametrisation.LOGVAR))),
    output=Output(interval=Fact(UNIT), activations=Fact(("sigmoid",))),
    recon=Recon(kind=Fact(Likelihood.BCE)),
    data=Data(interval=Fact(Interval(-1.0, 1.0))),
    objective=Objective(
        effective_beta=Fact(
            EffectiveBeta(2.0, (Quantity("C*H*W", 1, 96.0, "elements of a sample"), Quantity("B", -1, None, "batch")))
        )
    ),
)


def drawn(findings: tuple[Finding, ...] = (FOUND,), **changes: object) -> dict[str, str]:
    """The pictures by the first word of their labels."""
    made = [svg for _, svg in pictures((replace(PICTURED, **changes),), findings)]
    return {re.search(r'aria-label="(\w+)', svg)[1]: svg for svg in made}


def test_the_flow_marks_a_mistake_where_it_happens() -> None:
    flow = drawn()["Flow"]
    assert "VAE201 at the sampler" in flow
    assert flow.count('class="box bad"') == 1
    assert ">std = exp(s)</text>" in flow
    assert 'class="box bad"' not in drawn(findings=())["Flow"]
    assert 'class="box doubt"' in drawn(findings=(replace(FOUND, severity=Severity.WARNING),))["Flow"]


def test_the_flow_shows_the_shapes_that_were_inferred() -> None:
    shapes = {"input": "B 3 H W", "latent": "B 6 H//4 W//4", "reconstruction": "B 3 4*(H//4) 4*(W//4)"}
    flow = drawn(shapes=shapes)["Flow"]
    for name, axes in shapes.items():
        assert f">{axes}</text>" in flow
        assert f"; {name} {axes}" in flow
    assert "//" not in drawn()["Flow"]


@pytest.mark.parametrize("code", [each.code for each in CATALOGUE])
def test_every_mistake_has_a_stage(code: str) -> None:
    stages = {"1": {"input", "encoder", "decoder"}, "2": {"sampler", "heads"}, "3": {"kl"}, "4": {"recon", "decoder"}}
    assert _stage_of(code) in stages.get(code[3], {"recon", "loss", "decoder"})


def test_the_std_has_the_curve_of_the_sampler_and_that_of_the_kl() -> None:
    picture = drawn()["std"]
    assert "the sampler has exp(s), the KL assumes exp(0.5 * s)" in picture
    lines = re.findall(r'<polyline class="(\w+)" points="([^"]+)"', picture)
    assert [kind for kind, _ in lines] == ["two", "one"]
    ends = [[float(number) for number in points.split()[0].split(",")] for _, points in lines]
    # At s = -3 the KL assumes exp(-1.5) = 0.223, the sampler has exp(-3) = 0.0498; 45 units of height are one of std.
    assert ends[0] == pytest.approx([50.0, 210.0 - 45.0 * 0.2231], abs=0.1)
    assert ends[1] == pytest.approx([50.0, 210.0 - 45.0 * 0.0498], abs=0.1)
    assert "std" not in drawn(kl=KL())


def test_the_ranges_stand_on_one_axis() -> None:
    picture = drawn()["decoder"]
    bars = [
        (float(x), float(width))
        for x, width in re.findall(r'class="bar" x="([\d.]+)" y="\d+" width="([\d.]+)"', picture)
    ]
    # The axis is as long as the union of what is finite, [-1, 1], and half as much again: 320 units for 3.
    unit = 320 / 3
    assert [width for _, width in bars] == pytest.approx([unit, unit, 2 * unit], abs=0.2)
    assert bars[0][0] - bars[2][0] == pytest.approx(unit, abs=0.2)
    assert "decoder" not in drawn(recon=Recon(), data=Data())


def test_the_effective_beta_is_a_product() -> None:
    picture = drawn()["effective"]
    for words in (">2</text>", ">C*H*W = 96</text>", ">B^-1</text>", ">elements of a sample</text>"):
        assert words in picture
    assert picture.count(">×</text>") == 2
    assert "depends on the batch size" in picture


def test_a_place_in_a_notebook_is_shown_by_its_line_alone() -> None:
    cell = replace(FOUND, place=Place("walk.ipynb", 2, 5, 2, 8, cell=3, text="s = f(x)"))
    assert "s = <mark>f(x</mark>)" in render(AuditLike(findings=(cell,)), "html")


def test_a_page_names_the_command_and_the_versions_that_made_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plain.py").write_text("side = 3\n", encoding="utf-8")
    asked = ["lint", str(tmp_path), "--exclude", "a <b> & c", "--no-cache", "--format", "html"]
    assert main(asked) == 0
    page = capsys.readouterr().out
    command = f"vae-checked lint {tmp_path} --exclude &#x27;a &lt;b&gt; &amp; c&#x27; --no-cache --format html"
    assert f"<p><code>{command}</code></p>" in page
    version = ".".join(map(str, sys.version_info[:3]))
    assert re.search(rf'<p class="soft">vae-checked [\d.]+, Python {re.escape(version)}(, torch \S+)?; 20', page)
    # What was made before and comes after has another.
    assert "<p><code>vae-checked" not in render(CLEAN, "html")


# ---------------------------------------------------------------------------------------------- in a browser


@pytest.mark.skipif(shutil.which("chromium") is None, reason="the browser chromium is not installed")
def test_a_browser_runs_the_page_without_a_complaint(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    twin = replace(FOUND, place=replace(PLACE, line=50), severity=Severity.WARNING)
    # What a person does: search for a line.
    driven = "form.search.value = 'model.py:50'; form.dispatchEvent(new Event('input'));"
    text = render(LintLike(findings=(FOUND, twin)), "html")
    assert SCRIPT in text
    page.write_text(text.replace("</script>", f"{driven}</script>"), encoding="utf-8")
    words = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom", page.as_uri()]
    done = subprocess.run(["chromium", *words], capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    shown = Page(done.stdout)
    assert "1 shown" in shown.text
    articles = shown.of("article")
    assert [("hidden" in each, each["data-severity"]) for each in articles] == [(True, "error"), (False, "warning")]


@pytest.mark.parametrize(
    ("fix", "shown"),
    [
        ("take nn.ReLU away from mu", "take nn.ReLU away from mu"),
        ("mu + eps * std", "<code>mu + eps * std</code>"),
        ("f(x, y), or a weight of the KL", "<code>f(x, y)</code>, or a weight of the KL"),
        ("clip it <here>, or x", "clip it &lt;here&gt;, or x"),
    ],
)
def test_what_can_be_pasted_is_code_and_the_rest_is_words(fix: str, shown: str) -> None:
    assert f"<h4>Fix</h4><p>{shown}</p>" in render(AuditLike(findings=(replace(FOUND, fix=fix),)), "html").replace(
        "\n", ""
    )
