"""The page's looks: the system's fonts, light or dark as the system is, as narrow as a phone."""

from typing import Any

import gradio as gr

FONTS = ["system-ui", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", "sans-serif"]
MONO = ["ui-monospace", "DejaVu Sans Mono", "monospace"]
CSS = """
:root { --real: 30 120 200; --fake: 225 110 0; --bad: #b3261e; }
.dark { --real: 70 150 240; --fake: 230 130 30; --bad: #ff8a80; }
.sheets { display: flex; flex-wrap: wrap; gap: 1rem 2rem; }
.sheets section { flex: 1 1 16rem; min-width: 0; }
.sheets ol { list-style: none; padding: 0; margin: .5rem 0; }
.sheets h3, .sheets p { margin: 0; overflow-wrap: anywhere; }
.sheets p, .busy { color: var(--body-text-color-subdued); font-size: .9rem; }
.poem { white-space: pre-wrap; word-break: keep-all; overflow-wrap: anywhere;
  font-family: Georgia, "Noto Serif CJK SC", "Songti SC", serif;
  font-size: 1.15rem; line-height: 1.7; padding: .6rem 0 .6rem 1em; text-indent: -1em;
  border-bottom: 1px solid var(--border-color-primary); }
.exports a { margin-right: 1em; text-decoration: underline; }
#report li { overflow-wrap: anywhere; }
#language { min-width: 13rem !important; flex-grow: 0; }
h1 { font-size: 1.4rem; }
.token { border-radius: .2em; padding: .1em 0; }
p.wrong, .block.wrong [class*=info], .block.wrong .md, .block.wrong .md * {
  color: var(--bad) !important; }
.block.wrong { outline: 2px solid var(--bad); }
"""


def theme() -> gr.themes.Base:
    """Gradio's default with fonts that needn't be fetched."""
    base = gr.themes.Default(primary_hue="blue", font=FONTS, font_mono=MONO)
    # Gradio's grey is hard to read on a phone in daylight.
    return base.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
    )


def looks() -> dict[str, Any]:
    """What ``Blocks.launch`` takes of it."""
    return {"theme": theme(), "css": CSS, "footer_links": []}
