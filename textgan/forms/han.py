"""Chinese characters."""

import re

HAN = re.compile(r"[〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")


def is_han(text: str) -> bool:
    """True of a single Chinese character."""
    return len(text) == 1 and bool(HAN.match(text))
