"""Lines not to copy, as a tree of words."""

from collections.abc import Iterable

Node = int
"""A beginning of lines, by its number; 0 is the empty one."""


class Lines:
    """Lines of any length, marks left out.

    Args:
        lines: each as tokens.
    """

    def __init__(self, lines: Iterable[tuple[int, ...]]) -> None:
        self.children: list[dict[int, Node]] = [{}]
        self.whole: set[Node] = set()
        for line in lines:
            node = 0
            for token in line:
                if token not in self.children[node]:
                    self.children[node][token] = len(self.children)
                    self.children.append({})
                node = self.children[node][token]
            self.whole.add(node)

    def step(self, node: Node | None, token: int) -> Node | None:
        """The beginning that is one token longer; None if no line begins so."""
        return None if node is None else self.children[node].get(token)
