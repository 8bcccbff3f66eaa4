"""What a paper is here: how texts are drawn, and a loss for each player."""

from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from textgan import runtime
from textgan.data.sequences import Sequences
from textgan.discriminators.base import Discriminator
from textgan.generators.base import Generator


class Loss(NamedTuple):
    """A loss to step on (this process's share of the global batch's), and what the log shows."""

    total: Tensor
    parts: dict[str, Tensor]
    """Detached scalars by name."""
    terms: Tensor | None = None
    """How many terms ``total`` is a mean over, in the global batch; None: it is a sum. A batch that
    is worked through in parts needs it: parts with more terms weigh more."""


class MethodOptions(BaseModel):
    """What all methods' options have in common; ``name`` says which method it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str


class Method(nn.Module):
    """A text GAN: two players (or more) and what each of them minimises.

    A subclass is one paper. For each player that it trains it has ``<player>_loss(real, fake,
    progress)``. What the paper needs beyond two losses (a lagged policy, a baseline) is a buffer
    of its own: it is saved and resumed without code. ``progress`` runs from 0 to 1 over the phase.
    """

    Options: ClassVar[type[MethodOptions]]
    trains: tuple[str, ...] = ("generator", "discriminator")
    """The players whose weights this method moves; a phase's other players rest. Of a class, all
    that any options ask for."""
    couples: tuple[str, ...] = ()
    """Players whose loss takes a batch's texts together: it can't be worked through in parts."""

    plays: ClassVar[bool] = True
    """False for a method that draws no texts."""
    relaxes: ClassVar[bool] = False
    """True for a method whose texts let a gradient through: V numbers a token, for one update."""

    def __init__(self, options: Any, generator: Generator, discriminator: Discriminator) -> None:
        super().__init__()
        self.options = options
        self.trains = self.players(options)
        self.generator = generator
        self.discriminator = discriminator

    @classmethod
    def players(cls, options: Any) -> tuple[str, ...]:
        """The players that a method of these options moves."""
        return cls.trains

    def told_texts(self, count: int) -> None:
        """Called once, before the first phase: how many training texts there are."""

    def begin(self) -> None:
        """Called at the start of every repetition of a phase (a fresh reference, a new round)."""

    def play(self, real: Sequences, progress: float) -> Sequences:
        """Draw as many texts as there are real ones; the players' losses share them."""
        return self.generator.sample(len(real))

    def loss(self, player: str, real: Sequences, fake: Sequences, progress: float) -> Loss:
        """The loss of the player of that name."""
        loss: Loss = getattr(self, f"{player}_loss")(real, fake, progress)
        return loss

    def log_prob(self, s: Sequences) -> Tensor:
        """log pi(x_t | x_<t) of every token, 0 at padding, with its gradient: (B, T).

        The policy that sampled had its dropout off: so has the one whose gradient is taken.
        """
        with runtime.evaluating(self.generator):
            return self.generator.log_prob(s)

    def after_step(self, player: str) -> None:
        """Called after each update of a player's weights (moving averages, synchronised copies)."""

    def own_state(self) -> dict[str, Tensor]:
        """The buffers and weights that belong to the method itself, not to its two players."""
        players = ("generator.", "discriminator.")
        return {k: v for k, v in self.state_dict().items() if not k.startswith(players)}
