"""A page to play with: poems in form, what both players think of them, and people's judgement."""

from threading import Event

from textgan.errors import UserError


def serve(port: int | None = None) -> None:
    """Show the page on this machine until Ctrl-C.

    Args:
        port: of the address; default: the first free one from 7860.

    Raises:
        KeyboardInterrupt: that; the port is free by then.
        UserError: gradio isn't installed, or the port is taken.
    """
    try:
        import gradio  # noqa: F401
    except ImportError:
        raise UserError(
            "playground: gradio is not installed; pip install 'textgan[playground]'"
        ) from None
    from textgan.playground.poets import Poets
    from textgan.playground.server import start

    poets = Poets()
    blocks = start(port, poets)
    try:
        Event().wait()
    finally:  # Ctrl-C, which ends the command with 130 as it does others
        blocks.close(verbose=False)
        poets.busy.acquire()  # Python aborts where it ends amid torch's work in another thread
