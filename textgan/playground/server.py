"""The page's server: this machine only, nothing fetched from elsewhere."""

import ctypes
import os
import sys

import gradio as gr

from textgan.errors import UserError
from textgan.playground.look import looks
from textgan.playground.page import page
from textgan.playground.poets import Poets
from textgan.tracking import say

HOST = "127.0.0.1"
VISITORS = 200
"""Of so many the page's state is held, half a megabyte each."""
M_ARENA_MAX = -8
"""Of glibc's malloc.h."""


def start(port: int | None = None, poets: Poets | None = None) -> gr.Blocks:
    """The page, being served in a thread.

    Raises:
        UserError: the port is taken.
    """
    _keep_memory_flat()
    blocks = page(poets or Poets())
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


def _keep_memory_flat() -> None:
    """Every request has a thread of its own, and gradio makes a table of all requests behind each:
    glibc would give each thread an arena, and keep what the tables leave in it (27 megabytes a
    hundred requests). No such tables, and two arenas.
    """
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = str(10**9)
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(M_ARENA_MAX, 2)
