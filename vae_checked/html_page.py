"""A page for a browser that stands alone: colours for light and dark, a filter, print, and nothing from a server."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from vae_checked.markup import html_text

_COMMAND: ContextVar[str] = ContextVar("_COMMAND", default="")

# Nothing but what stands in the page itself is loaded or run.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --paper: #ffffff; --panel: #f4f6f9; --line: #d5dbe3;
  --error: #b3261e; --warning: #8a5a00; --info: #1558a8; --good: #1b6e3c; --mark: #ffe3a3; --word: #7b2d8e;
  --text: #1b6e3c; --remark: #6b7482; --minus: #fde3e1; --plus: #dff3e4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #a3adba; --paper: #14181e; --panel: #1e242c;
  --line: #39424e; --error: #ff8a80; --warning: #f2c14e; --info: #82b7ff; --good: #7fd49b; --mark: #5c4a12;
  --word: #d9a1e8; --text: #8fd6a5; --remark: #8e98a6; --minus: #4a2422; --plus: #1d3d28; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 68rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1.05rem; margin: 0 0 .4rem; } h4 { font-size: .95rem; margin: 1rem 0 .3rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); } a { color: var(--info); }
code, pre, .place { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .875rem; }
pre { margin: .4rem 0; padding: .6rem .8rem; overflow-x: auto; background: var(--panel); border: 1px solid var(--line);
  border-radius: .4rem; line-height: 1.45; }
pre .hit { display: inline-block; min-width: 100%; background: color-mix(in srgb, var(--mark) 45%, transparent); }
pre mark { background: var(--mark); color: inherit; border-radius: .15rem; } .number { color: var(--remark); }
.word { color: var(--word); } .text { color: var(--text); } .remark { color: var(--remark); }
.minus { display: block; background: var(--minus); } .plus { display: block; background: var(--plus); }
.counts { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1rem 0; padding: 0; list-style: none; }
.counts li { padding: .4rem .9rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--panel); }
.counts b { font-size: 1.25rem; } .error { color: var(--error); } .warning { color: var(--warning); }
.info { color: var(--info); } .good { color: var(--good); }
.severity { white-space: nowrap; font-weight: 700; text-transform: uppercase; font-size: .8rem; letter-spacing: .04em; }
article { margin: 1rem 0; padding: .9rem 1rem; border: 1px solid var(--line); border-radius: .5rem; }
article.is-error { border-left: .35rem solid var(--error); }
article.is-warning { border-left: .35rem solid var(--warning); }
article.is-info { border-left: .35rem solid var(--info); }
dl { margin: .6rem 0; } dt { font-weight: 600; } dd { margin: 0 0 .4rem 1rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: .8rem; }
form { display: none; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; margin: .8rem 0; }
.live form { display: flex; } input[type=search] { flex: 1 1 14rem; padding: .4rem .6rem; font: inherit; color: inherit;
  background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; }
table { width: 100%; border-collapse: collapse; font-size: .92rem; } th { text-align: left; white-space: nowrap; }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.place { min-width: 7.5rem; }
figure { margin: 1rem 0; } figcaption { color: var(--soft); font-size: .9rem; } .wide { overflow-x: auto; }
img { image-rendering: pixelated; max-width: 100%; height: auto; }
svg { max-width: 100%; height: auto; font: 13px system-ui, sans-serif; } svg.flow { min-width: 44rem; }
svg text { fill: var(--ink); } svg .small { font-size: 11px; fill: var(--soft); }
svg .box { fill: var(--panel); stroke: var(--line); } svg .bad { stroke: var(--error); stroke-width: 2.5; }
svg .doubt { stroke: var(--warning); stroke-width: 2.5; } svg .arrow { stroke: var(--soft); fill: none; }
svg .axis { stroke: var(--soft); fill: none; } svg .tip { fill: var(--soft); }
svg .one { stroke: var(--info); fill: none; stroke-width: 2.5; }
svg .two { stroke: var(--error); fill: none; stroke-width: 2.5; stroke-dasharray: 6 4; }
svg .bar { fill: color-mix(in srgb, var(--info) 55%, transparent); stroke: var(--info); }
svg .code { font-weight: 700; fill: var(--error); } svg .code.mild { fill: var(--warning); }
details { margin: .4rem 0; } summary { cursor: pointer; font-weight: 600; }
:focus-visible { outline: 3px solid var(--info); outline-offset: 2px; } [hidden] { display: none !important; }
@media print { form { display: none !important; } body { max-width: none; padding: 0; } details > * { display: block; }
  pre { white-space: pre-wrap; overflow: visible; } pre, dl, figure { break-inside: avoid; }
  h2, h3, h4 { break-after: avoid; } }
"""

# The page is whole without it: what it adds is to look for something.
SCRIPT = """
document.documentElement.classList.add("live");
const form = document.querySelector("form");
if (form) {
  const items = [...document.querySelectorAll("[data-severity]")];
  const shown = document.querySelector("output");
  const choose = () => {
    const words = form.search.value.toLowerCase().split(/\\s+/).filter(Boolean);
    const kinds = [...form.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.value);
    let number = 0;
    for (const item of items) {
      const text = item.textContent.toLowerCase();
      item.hidden = !(kinds.includes(item.dataset.severity) && words.every((word) => text.includes(word)));
      if (!item.hidden && item.tagName === "ARTICLE") number += 1;
    }
    shown.textContent = number + " shown";
  };
  form.addEventListener("input", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
}
"""


def html_page(title: str, header: Sequence[str], body: Sequence[str]) -> str:
    """A whole page; `header` and `body` are lines of HTML, escaped already, below the name of the tool."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>vae-checked: {html_text(title)}</title>",
        f"<style>{STYLE}</style></head><body>",
        f"<header><h1>vae-checked</h1>{_made()}",
        *header,
        "</header><main>",
        *body,
        f"</main><script>{SCRIPT}</script></body></html>",
    ]
    return "\n".join(parts) + "\n"


@contextmanager
def made_by(words: Sequence[str]) -> Iterator[None]:
    """The pages that are made within name the command of these words."""
    from shlex import join  # noqa: PLC0415  beside its one use

    token = _COMMAND.set(join(words))
    try:
        yield
    finally:
        _COMMAND.reset(token)


def _made() -> str:
    """The command that asked for the page, the versions that it ran with, and when."""
    from datetime import datetime  # noqa: PLC0415  beside its one use
    from platform import python_version  # noqa: PLC0415  likewise

    from vae_checked import __version__  # noqa: PLC0415  avoids a cycle: the package resolves its names lazily

    versions = [f"vae-checked {__version__}", f"Python {python_version()}"]
    # A command that reads source alone has imported none.
    if torch := sys.modules.get("torch"):
        versions.append(f"torch {torch.__version__}")
    command = f"<p><code>{html_text(_COMMAND.get())}</code></p>" if _COMMAND.get() else ""
    when = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    return f'{command}<p class="soft">{html_text(", ".join(versions))}; {when}</p>'


def html_fragment(lines: Sequence[str]) -> str:
    """A piece for a notebook's page: its style holds for nothing else there, light or dark as the notebook is.

    The rules of the page are nested in those of one class; a notebook that says which theme it has is heeded before
    the system's wish.
    """
    light, dark = _themes()
    rules = STYLE.replace(":root {", "& {").replace("\nbody {", "\n& {").replace("max-width: 68rem", "max-width: none")
    inner = rules.replace("padding: 1.5rem 1rem 4rem", "padding: .5rem")
    themes = (
        f'[data-jp-theme-light="true"] .vae-checked, .vscode-light .vae-checked {{ color-scheme: light; {light} }}\n'
        f'[data-jp-theme-light="false"] .vae-checked, .vscode-dark .vae-checked {{ color-scheme: dark; {dark} }}'
    )
    style = f"<style>.vae-checked {{ {inner} }}\n{themes}</style>"
    return "\n".join([f'<div class="vae-checked">{style}', *lines, "</div>"])


def _themes() -> tuple[str, str]:
    """The colours of the page for light and for dark."""
    light, dark = (part.partition("--ink")[2].partition("}")[0] for part in STYLE.split("prefers-color-scheme: dark"))
    return f"--ink{light.strip()}", f"--ink{dark.strip()}"


def html_section(title: str, lines: Sequence[str]) -> str:
    """A list below a title that closes it; empty without lines."""
    if not lines:
        return ""
    items = "".join(f"<li>{html_text(line)}</li>" for line in lines)
    return f"<details open><summary>{html_text(title)}</summary><ul>{items}</ul></details>"
