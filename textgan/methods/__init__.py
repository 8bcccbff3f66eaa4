"""One file a paper, and the one table of their names."""

from textgan.methods.base import Loss, Method, MethodOptions
from textgan.methods.controls import (
    ConstantReward,
    FrozenDiscriminator,
    MLEContinued,
    RandomReward,
)
from textgan.methods.cot import CoT
from textgan.methods.ddo import DDO
from textgan.methods.dgsan import DGSAN
from textgan.methods.dpgan import DPGAN
from textgan.methods.gcn import GCN
from textgan.methods.gsgan import GSGAN
from textgan.methods.jsdgan import JSDGAN
from textgan.methods.leakgan import LeakGAN, LeakGANMLE
from textgan.methods.maligan import MaliGAN
from textgan.methods.mle import MLE
from textgan.methods.mpo import MPO
from textgan.methods.pg_bleu import PGBLEU
from textgan.methods.ppo_gan import PPOGAN
from textgan.methods.rankgan import RankGAN
from textgan.methods.relgan import RelGAN
from textgan.methods.residual_ebm import ResidualEBM
from textgan.methods.scheduled_sampling import ScheduledSampling
from textgan.methods.scratchgan import ScratchGAN
from textgan.methods.sentigan import SentiGAN
from textgan.methods.seqgan import SeqGAN
from textgan.methods.spin import SPIN
from textgan.methods.taylorgan import TaylorGAN
from textgan.methods.textgail import TextGAIL
from textgan.methods.textgan import TextGAN
from textgan.methods.wgan_gp import WGANGP

METHODS: dict[str, type[Method]] = {
    "mle": MLE,
    "seqgan": SeqGAN,
    "maligan": MaliGAN,
    "rankgan": RankGAN,
    "leakgan": LeakGAN,
    "leakgan_mle": LeakGANMLE,
    "sentigan": SentiGAN,
    "dpgan": DPGAN,
    "pg_bleu": PGBLEU,
    "ppo_gan": PPOGAN,
    "mpo": MPO,
    "constant_reward": ConstantReward,
    "random_reward": RandomReward,
    "frozen_discriminator": FrozenDiscriminator,
    "mle_continued": MLEContinued,
    "scheduled_sampling": ScheduledSampling,
    "cot": CoT,
    "ddo": DDO,
    "spin": SPIN,
    "dgsan": DGSAN,
    "gcn": GCN,
    "residual_ebm": ResidualEBM,
    "jsdgan": JSDGAN,
    "relgan": RelGAN,
    "gsgan": GSGAN,
    "textgan": TextGAN,
    "wgan_gp": WGANGP,
    "scratchgan": ScratchGAN,
    "textgail": TextGAIL,
    "taylorgan": TaylorGAN,
}

__all__ = ["METHODS", "Loss", "Method", "MethodOptions"]
