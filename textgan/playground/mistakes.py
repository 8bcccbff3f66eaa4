"""A mistake in the page's words: fields by their names on it, the commonest ones in Chinese."""

import re

from textgan.playground.strings import STRINGS, text

CHINESE = (
    (
        r"(.+) has (\d+) (?:character|letter)s?, (?:an? )?(.+) has (\d+) lines",
        "“{}”有 {} 字，{}有 {} 句",
    ),
    (r"has (\d+) letters, an? (.+) (\d+) lines", "有 {} 个字母，而 {} 有 {} 行"),
    (r"(.+) has (\d+) characters, a line (\d+)", "“{}”有 {} 字，而一句只有 {} 字"),
    (r"(.+) has (\d+) lines, not (\d+)", "{}有 {} 句，不是 {} 句"),
    (r"(.+) mixes scripts; in simplified script it is (.+)", "“{}”繁简混用；简体作：{}"),
    (r"'(.+)' is no Chinese character", "“{}”不是汉字，请去掉"),
    (r"'(.+)' has no Chinese character", "“{}”中没有汉字"),
    (r"(.+) isn't Chinese, as the poem", "“{}”不是汉字，而诗用中文；请改写，或换英文模型 sonnets"),
    (r"(.+) isn't English, as the poem", "“{}”不是英文，而诗用英文；请改写，或换中文模型 shi"),
    (r"'(.+)' is neither a Chinese character nor a gap", "“{}”既非汉字也非空格 _；分行用 /"),
    (r"this model doesn't know (.+); it knows (.), which", "模型不认识“{}”，但认识音近的“{}”"),
    (r"this model doesn't know (.+);", "模型不认识“{}”，请换一字"),
    (r"(.+) has no group '(.+)'; .* one of (.+)", "{}没有韵部“{}”；请写一个韵字，或选：{}"),
    (r"in (.+) (.) .*; take one of (.+)", "{}中不能用“{}”；请选：{}"),
    (r"(.+) can't be rhymed by with all the rest; (.+) can", "不能押“{}”韵；可押：{}"),
    (r"'(.+)' can't begin a poem of that form", "此体裁的诗不能以“{}”开头；请改其一"),
    (r"(.+) can't begin line (\d+) of", "“{}”不能作第 {} 句的首字"),
    (r"without (.+) the rest can't be done", "其他要求少不了“{}”，不能避开"),
    (r"(.+) finds no place", "“{}”放不进诗中"),
    (r".* can't carry English verse", "此模型不写英文诗；请换英文模型，如 sonnets"),
    (r".* can't carry Chinese verse", "此模型不写中文诗；请换中文模型，如 shi"),
    (r"is for English verse", "仅用于英文诗"),
    (r"Input should be less than or equal to (.+), got (.+)", "不得大于 {}；现为 {}"),
    (r"Input should be greater than or equal to (.+), got (.+)", "不得小于 {}；现为 {}"),
    (r"must be from (.+) to (.+), got (.+)", "须在 {} 至 {} 之间；现为 {}"),
    (r"must be between (.+) and (.+), got (.+)", "须大于 {} 且小于 {}；现为 {}"),
    (r"must be (\d+) or more, got (.+)", "不得小于 {}；现为 {}"),
    (r"(\d+) poems from (\d+) each are .* at most (\d+)", "{} 首各选自 {} 首，最多可写 {} 首"),
    (r"no '(.+)';", "没有“{}”，请从单中选"),
    (r"leave no poem together", "合在一起写不成诗；请少提要求"),
    (r"chooses the best of several", "用于多中选优；请先增加“多中选优”的数目"),
    (r"corrects what a form distorts", "校正的是体裁造成的偏差；请先选体裁"),
    (r".* texts are all of one kind", "此模型的文本不分类别；请留空"),
    (r"the shipped model '(.+)' comes without", "自带模型“{}”未附训练文本；请换自己训练的模型"),
    (r"no texts of the same length are left of both", "双方已没有同样长的文本；请重新开始"),
    (r"this session is over", "本次评判已结束；请重新开始"),
    (r"is the model itself", "就是该模型自己；请另选一个"),
)
"""How lines begin behind the option, and what they are in Chinese; others stay in English."""


def worded(line: str, language: str) -> str:
    """A line of a UserError, ``--top-k: must be…``, as ``Top-k: must be…`` or in Chinese."""
    line = re.sub(r"--[a-z][a-z-]*", lambda found: _named(found[0], language), line)
    about, colon, wrong = line.partition(": ")
    about = _named(about, language)  # as pydantic has it, without dashes
    if language == "zh" and colon:
        for pattern, chinese in CHINESE:
            if found := re.match(pattern, wrong):
                return f"{about}：{chinese.format(*found.groups())}。"
    return f"{about}{colon}{wrong}"


def _named(option: str, language: str) -> str:
    """What an option's field is called on the page."""
    key = option.removeprefix("--").replace("-", "_")
    return text(key, language) if key in STRINGS else option
