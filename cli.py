"""The commands from a checkout: ``python cli.py pretrain`` is ``textgan pretrain``."""

from textgan.cli import main

main()
