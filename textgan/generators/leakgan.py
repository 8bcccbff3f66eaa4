"""LeakGAN's generator (Guo et al., arXiv 1709.08624, section 3): a manager and a worker.

The manager reads what the discriminator sees in the prefix (``leak``) and says in which direction
of that space the text should go; the worker chooses words that the last c goals ask for.

    g_t = M(f_t) / |M(f_t)|                                          (eqs. 3, 4)
    w_t = W_psi sum_{i=1..c} g_{t-i}                                 (eq. 5)
    pi(x_t | x_<t) = softmax(O_t w_t), O_t = reshape(W h_t + b)      (eqs. 6, 7)

A text's t-th token is chosen under the goals g_{t-1} .. g_{t-c} behind its last c prefixes (g_0 is
the empty one's); the same goals later reward the worker for it (eq. 10). O_t w_t is linear in the
outer product of w_t and (h_t, 1): this is the output, and the matrix (W, b) its projection.
"""

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from textgan.data.sequences import Sequences
from textgan.features import FeatureOptions
from textgan.first_weights import normal_
from textgan.generators.base import Generator
from textgan.generators.causal import State
from textgan.generators.config import GeneratorConfig, GeneratorOptions
from textgan.generators.leak import Leak
from textgan.generators.likelihood import token_log_prob


class LeakGANOptions(GeneratorOptions):
    """A manager and a worker; the defaults are the official ones for texts of 20 words."""

    name: Literal["leakgan"] = "leakgan"
    """Which generator."""
    embedding_size: int = Field(default=32, ge=1)
    """Size of the worker's word vectors."""
    hidden_size: int = Field(default=32, ge=1)
    """Units of the manager and of the worker."""
    goal_size: int = Field(default=16, ge=1)
    """k: numbers in which goals reach the worker."""
    horizon: int = Field(default=4, ge=1)
    """c: words that a goal looks ahead."""
    features: FeatureOptions = FeatureOptions()
    """Sizes of the discriminator's features; as the discriminator section has them."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the worker's word vectors' and outputs' elements dropped while training."""
    init_std: float = Field(default=0.1, gt=0)
    """Standard deviation of the first weights; they are normal, as in the official code."""


class LeakGANConfig(GeneratorConfig):  # type: ignore[no-untyped-call]
    """config.json of LeakGAN's generator."""

    model_type = "textgan_leakgan"


class Reading(NamedTuple):
    """What the generator thought of texts of T tokens."""

    features: Tensor
    """(B, T + 1, F) f_0 .. f_T of all prefixes, without gradient."""
    goals: Tensor
    """(B, T, F) g_0 .. g_{T-1}, with the manager's gradient."""
    log_prob: Tensor
    """(B, T) of the tokens, 0 at padding, with the worker's gradient."""


class TwoVectors(nn.Module):
    """A token enters as two word vectors: the worker's and, behind it, the discriminator's."""

    def __init__(self, worker: nn.Embedding, leaked: nn.Embedding) -> None:
        super().__init__()
        self.worker, self.leaked = worker, leaked

    @property
    def weight(self) -> Tensor:
        """(V, E + the discriminator's E)."""
        return torch.cat([self.worker.weight, self.leaked.weight], dim=1)

    def forward(self, ids: Tensor) -> Tensor:
        """Token ids (...,) -> (..., E + the discriminator's E)."""
        return torch.cat([self.worker(ids), self.leaked(ids)], dim=-1)


class LeakGANGenerator(Generator):  # type: ignore[no-untyped-call]
    """The manager learns by its own loss alone: goals reach the worker without their gradient.

    The state is the LSTM states of manager and worker, each (B, H), the last c - 1 goals as the
    worker sees them (B, c - 1, k), and the leak's (``LeakState``).
    """

    config_class = LeakGANConfig
    Options = LeakGANOptions

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__(config)
        o = self.options = LeakGANOptions.model_validate(config.options)
        config.tie_word_embeddings = False
        self.leak = Leak(config.vocab_size, o.features)
        size = self.leak.convolution.size
        self.manager = nn.LSTM(size, o.hidden_size, batch_first=True)
        self.goal = nn.Linear(o.hidden_size, size)
        self.embedding = nn.Embedding(config.vocab_size, o.embedding_size)
        self.dropout = nn.Dropout(o.dropout)
        self.worker = nn.LSTM(o.embedding_size, o.hidden_size, batch_first=True)
        self.psi = nn.Linear(size, o.goal_size, bias=False)
        self.output = nn.Linear(o.goal_size * (o.hidden_size + 1), config.vocab_size, bias=False)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_input_embeddings(self) -> nn.Module:
        return TwoVectors(self.embedding, self.leak.embedding)

    def get_output_embeddings(self) -> nn.Linear:
        return self.output

    def _init_weights(self, module: nn.Module) -> None:
        normal_(module, self.options.init_std)

    def initial_state(self, size: int) -> State:
        o = self.options
        zeros = self.output.weight.new_zeros(size, o.hidden_size)
        goals = self.output.weight.new_zeros(size, o.horizon - 1, o.goal_size)
        return (zeros,) * 4 + (goals, *self.leak.begin(size))

    def hidden(self, embedded: Tensor, state: State) -> tuple[Tensor, State]:
        _, _, output, state = self._think(embedded, state)
        return output, state

    def _think(self, embedded: Tensor, state: State) -> tuple[Tensor, Tensor, Tensor, State]:
        """Features and goals behind each token, (B, T, F) each, outputs (B, T, H), last state."""
        manager, worker, earlier, leak = state[0:2], state[2:4], state[4], state[5:]
        size = self.options.embedding_size
        words, vectors = embedded[..., :size], embedded[..., size:]
        features, leak = self.leak(vectors, leak)
        with torch.backends.cudnn.flags(enabled=self.training):  # else it has no gradient
            m, manager = self.manager(features, tuple(part[None] for part in manager))
            h, worker = self.worker(self.dropout(words), tuple(part[None] for part in worker))
        goals = F.normalize(self.goal(m), dim=2)  # (B, T, F)
        # W_psi of a sum is the sum of W_psi's: only k numbers a goal are remembered.
        seen = torch.cat([earlier, self.psi(goals.detach())], dim=1)  # (B, c - 1 + T, k)
        w = seen.unfold(1, self.options.horizon, 1).sum(dim=3)  # (B, T, k)
        h = F.pad(self.dropout(h), (0, 1), value=1.0)  # (B, T, H + 1)
        output = (w[..., :, None] * h[..., None, :]).flatten(2)
        behind = (*manager, *worker)
        return (
            features,
            goals,
            output,
            (*(part[0] for part in behind), seen[:, words.shape[1] :], *leak),
        )

    def read(self, s: Sequences) -> Reading:
        """Features, goals and log-probabilities of texts, in one pass."""
        bos = s.ids.new_full((len(s), 1), self.config.bos_token_id)
        embedded = self.get_input_embeddings()(torch.cat([bos, s.ids], dim=1))
        features, goals, output, _ = self._think(embedded, self.start_of(s))
        hidden = output[:, :-1].flatten(0, 1)
        log_prob = token_log_prob(hidden, *self.output_layer(), s.ids.flatten(), self.bounded())
        return Reading(features, goals[:, :-1], log_prob.view_as(s.ids) * s.mask)
