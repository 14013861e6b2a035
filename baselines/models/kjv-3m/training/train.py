#!/usr/bin/env python3
"""Train kjv-3m: a small BitNet b1.58 language model, quantization-aware, on a text file.

usage: train.py TEXT OUT_DIR [--steps N] [--minutes M] [--vocabulary N]

Writes OUT_DIR/bpe.json (vocabulary and merges; learnt first where absent), OUT_DIR/checkpoint.npz (float32 master weights
at the best validation loss) and OUT_DIR/log.txt. The seed is fixed; the learning rate ends at whichever of --steps and
--minutes comes first, so a run that the clock ends depends on the machine.
"""
import argparse
import math
import pathlib
import time

import numpy
import torch
import torch.nn.functional as F
from torch import nn

import bpe
from prepare import training_cut

BLOCKS, WIDTH, FEED_FORWARD, HEADS, KV_HEADS, CONTEXT = 4, 256, 768, 4, 2, 256
HEAD_SIZE = WIDTH // HEADS
ROPE_THETA, NORM_EPSILON = 10000.0, 1e-5
BATCH, PEAK_LEARNING_RATE, WARM_UP_STEPS, WEIGHT_DECAY = 16, 1.5e-3, 200, 0.05
EVALUATE_EVERY = 100


def quantize_weights(w):
    """Absmean ternary, with the gradient passed straight through."""
    scale = w.abs().mean().clamp(min=1e-5)
    return w + ((w / scale).round().clamp(-1, 1) * scale - w).detach()


def quantize_activations(x):
    """Absmax int8 per token, with the gradient passed straight through."""
    scale = 127.0 / x.abs().amax(-1, keepdim=True).clamp(min=1e-5)
    return x + ((x * scale).round().clamp(-128, 127) / scale - x).detach()


class BitLinear(nn.Linear):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, bias=False)
        nn.init.normal_(self.weight, std=0.02 * 3)

    def forward(self, x):
        return F.linear(quantize_activations(x), quantize_weights(self.weight))


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + NORM_EPSILON) * self.weight


def rotate(x, cos, sin):
    """NeoX-style rotary embedding: halves are rotated against each other."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Block(nn.Module):
    # Submodules bear the names of GGUF; the order in which they are made is the order in which they draw their weights.
    def __init__(self):
        super().__init__()
        self.attn_norm, self.ffn_norm = RmsNorm(WIDTH), RmsNorm(WIDTH)
        self.attn_sub_norm, self.ffn_sub_norm = RmsNorm(WIDTH), RmsNorm(FEED_FORWARD)
        self.attn_q = BitLinear(WIDTH, WIDTH)
        self.attn_k = BitLinear(WIDTH, KV_HEADS * HEAD_SIZE)
        self.attn_v = BitLinear(WIDTH, KV_HEADS * HEAD_SIZE)
        self.attn_output = BitLinear(WIDTH, WIDTH)
        self.ffn_gate = BitLinear(WIDTH, FEED_FORWARD)
        self.ffn_up = BitLinear(WIDTH, FEED_FORWARD)
        self.ffn_down = BitLinear(FEED_FORWARD, WIDTH)

    def attention(self, x, cos, sin, mask):
        batch, length, _ = x.shape

        def heads(y, count):
            return y.view(batch, length, count, HEAD_SIZE).transpose(1, 2)

        y = self.attn_norm(x)
        q = rotate(heads(self.attn_q(y), HEADS), cos, sin)
        k = rotate(heads(self.attn_k(y), KV_HEADS), cos, sin).repeat_interleave(HEADS // KV_HEADS, 1)
        v = heads(self.attn_v(y), KV_HEADS).repeat_interleave(HEADS // KV_HEADS, 1)
        mixed = (q @ k.transpose(-1, -2) / math.sqrt(HEAD_SIZE) + mask).softmax(-1) @ v
        return self.attn_output(self.attn_sub_norm(mixed.transpose(1, 2).reshape(batch, length, WIDTH)))

    def feed_forward(self, x):
        y = self.ffn_norm(x)
        return self.ffn_down(self.ffn_sub_norm(F.relu(self.ffn_gate(y)).pow(2) * self.ffn_up(y)))

    def forward(self, x, cos, sin, mask):
        x = x + self.attention(x, cos, sin, mask)
        return x + self.feed_forward(x)


class Model(nn.Module):
    def __init__(self, vocabulary_size):
        super().__init__()
        self.token_embd = nn.Embedding(vocabulary_size, WIDTH)
        nn.init.normal_(self.token_embd.weight, std=0.05)
        self.blk = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.output_norm = RmsNorm(WIDTH)

    def forward(self, ids):
        length = ids.shape[1]
        frequencies = ROPE_THETA ** (-torch.arange(0, HEAD_SIZE, 2).float() / HEAD_SIZE)
        angles = torch.arange(length).float()[:, None] * frequencies
        mask = torch.full((length, length), float("-inf")).triu(1)
        x = self.token_embd(ids)
        for block in self.blk:
            x = block(x, angles.cos(), angles.sin(), mask)
        return F.linear(self.output_norm(x), self.token_embd.weight)


def draw_batch(tokens, bos):
    """BATCH random windows of CONTEXT tokens and their successors; about half the windows start with BOS."""
    starts = torch.randint(len(tokens) - CONTEXT, (BATCH,))
    x = torch.stack([tokens[k : k + CONTEXT] for k in starts])
    y = torch.stack([tokens[k + 1 : k + CONTEXT + 1] for k in starts])
    with_bos = (torch.rand(BATCH) < 0.5)[:, None]
    x = torch.where(with_bos, torch.cat([torch.full((BATCH, 1), bos), x[:, :-1]], 1), x)
    y = torch.where(with_bos, torch.cat([x[:, 1:], y[:, -2:-1]], 1), y)
    return x, y


def loss_of(model, batch):
    x, y = batch
    logits = model(x)
    return F.cross_entropy(logits.view(-1, logits.shape[-1]), y.reshape(-1))


def validation_loss(model, tokens, bos, step):
    """The mean over four batches, the same ones every time; training's random sequence goes on from `step` afterwards."""
    with torch.no_grad():
        torch.manual_seed(99)
        loss = sum(loss_of(model, draw_batch(tokens, bos)).item() for _ in range(4)) / 4
        torch.manual_seed(step)
    return loss


def train(model, training, validation, bos, arguments, say):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1, betas=(0.9, 0.95), weight_decay=WEIGHT_DECAY)
    start, best = time.time(), math.inf
    for step in range(arguments.steps):
        progress = max(step / arguments.steps, (time.time() - start) / (arguments.minutes * 60))
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = PEAK_LEARNING_RATE * min(1, (step + 1) / WARM_UP_STEPS) * (1 - 0.98 * progress)
            group["weight_decay"] = WEIGHT_DECAY if progress < 0.5 else 0.0
        loss = loss_of(model, draw_batch(training, bos))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % EVALUATE_EVERY and step + 1 != arguments.steps:
            continue
        validated = validation_loss(model, validation, bos, step)
        say(f"step {step + 1} train {loss.item():.3f} validation {validated:.3f} {time.time() - start:.0f} s")
        if validated < best:
            best = validated
            weights = {name: value.detach().numpy() for name, value in model.state_dict().items()}
            numpy.savez(arguments.out_dir / "checkpoint.npz", **weights)
    say(f"best validation loss {best:.4f}, perplexity {math.exp(best):.2f} per token")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("out_dir", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=2600)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--vocabulary", type=int, default=2048 - len(bpe.SPECIAL), help="without special tokens")
    arguments = parser.parse_args()
    arguments.out_dir.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1234)
    torch.set_num_threads(2)

    text = arguments.text.read_text(encoding="utf-8")
    cut = training_cut(text)
    bpe_path = arguments.out_dir / "bpe.json"
    if not bpe_path.exists():
        bpe.save(bpe_path, *bpe.train(text[:cut], arguments.vocabulary))
    vocabulary, merges = bpe.load(bpe_path)
    encoder = bpe.Encoder(vocabulary, merges)
    training, validation = torch.tensor(encoder.encode(text[:cut])), torch.tensor(encoder.encode(text[cut:]))

    model = Model(len(vocabulary) + len(bpe.SPECIAL))
    with open(arguments.out_dir / "log.txt", "a", encoding="utf-8") as log:

        def say(line):
            print(line, flush=True)
            print(line, file=log, flush=True)

        parameters = sum(p.numel() for p in model.parameters())
        say(f"{len(training)} training tokens, {len(validation)} validation tokens, {parameters} parameters")
        train(model, training, validation, bos=len(vocabulary), arguments=arguments, say=say)


if __name__ == "__main__":
    main()
