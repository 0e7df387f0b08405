"""A transformer of the llama family: RMS norm, rotary positions, SwiGLU, and one matrix for tokens in and tokens out."""

import dataclasses
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclasses.dataclass(frozen=True)
class Shape:
    vocabulary: int
    context: int = 512
    width: int = 128
    layers: int = 3
    heads: int = 4
    hidden: int = 256
    epsilon: float = 1e-5
    rope_base: float = 10000.0

    @property
    def head_width(self):
        return self.width // self.heads


class Norm(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(shape.width))
        self.epsilon = shape.epsilon

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


class Rotation(nn.Module):
    """Turns neighbouring pairs by an angle that grows with the position, as llama.cpp does for this family."""

    def __init__(self, shape):
        super().__init__()
        speed = shape.rope_base ** (-torch.arange(0, shape.head_width, 2).float() / shape.head_width)
        angle = torch.outer(torch.arange(shape.context).float(), speed)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(self, x):
        a, b = x[..., 0::2], x[..., 1::2]
        cos, sin = self.cos[: x.shape[-2]], self.sin[: x.shape[-2]]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        matrix = lambda rows, columns: nn.Linear(columns, rows, bias=False)
        self.heads = shape.heads
        self.attn_norm, self.ffn_norm = Norm(shape), Norm(shape)
        self.attn_q, self.attn_k, self.attn_v, self.attn_output = (matrix(shape.width, shape.width) for _ in range(4))
        self.ffn_gate, self.ffn_up = matrix(shape.hidden, shape.width), matrix(shape.hidden, shape.width)
        self.ffn_down = matrix(shape.width, shape.hidden)

    def forward(self, x, rotate, mask):
        batch, length, width = x.shape
        split = lambda y: y.view(batch, length, self.heads, -1).transpose(1, 2)
        h = self.attn_norm(x)
        q, k, v = rotate(split(self.attn_q(h))), rotate(split(self.attn_k(h))), split(self.attn_v(h))
        weights = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + mask).softmax(-1)
        x = x + self.attn_output((weights @ v).transpose(1, 2).reshape(batch, length, width))
        h = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(h)) * self.ffn_up(h))


class Model(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.rotate = Rotation(shape)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = Norm(shape)
        self.register_buffer("mask", torch.triu(torch.full((shape.context, shape.context), -1e9), 1))
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                deep = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(weight, 0, 0.05 / math.sqrt(2 * shape.layers) if deep else 0.05)

    def forward(self, ids):
        """Hidden states; `scores` of those that matter are dearer than all the rest."""
        x = self.token_embd(ids)
        mask = self.mask[: ids.shape[1], : ids.shape[1]]
        for block in self.blk:
            x = block(x, self.rotate, mask)
        return self.output_norm(x)

    def scores(self, hidden):
        return hidden @ self.token_embd.weight.T
