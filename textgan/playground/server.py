"""The page's server: this machine only, nothing fetched from elsewhere."""

import gradio as gr

from textgan.errors import UserError
from textgan.playground.look import looks
from textgan.playground.page import page
from textgan.playground.poets import Poets
from textgan.tracking import say

HOST = "127.0.0.1"
VISITORS = 200
"""Of so many the page's state is held, half a megabyte each."""


def start(port: int | None = None) -> gr.Blocks:
    """The page, being served in a thread.

    Raises:
        UserError: the port is taken.
    """
    blocks = page(Poets())
    try:
        _, address, _ = blocks.launch(
            server_name=HOST,
            server_port=port,
            share=False,
            quiet=True,
            inbrowser=False,
            prevent_thread_lock=True,
            show_error=True,
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            mcp_server=False,
            max_file_size=1,  # nobody uploads
            state_session_capacity=VISITORS,
            **looks(),
        )
    except OSError:
        raise UserError(f"--port: {port} is taken; name another, or leave it out") from None
    say(f"playground: {address} (Ctrl-C ends it)")
    return blocks
