"""Writes a model as GGUF, matrices in Q8_0: blocks of 32 weights, each a byte, and one half-precision scale.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"""

import struct
import zlib

import torch

import tokenizer as T

F32, Q8_0 = 0, 8
ALIGNMENT = 32
CHECKSUM = "cloudllm.crc32"  # of everything behind it; our own engine checks it, others pass it by
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


def write(path, model, tokenizer, name):
    metadata, tensors = _metadata(model.shape, tokenizer, name), list(_tensors(model))
    counts = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata) + 1)
    head, body = b"".join(metadata), b""
    before = len(counts) + len(_entry(CHECKSUM, 0))
    for tensor_name, weight in tensors:
        data, kind = (_q8_0(weight), Q8_0) if weight.dim() > 1 else (weight.numpy().tobytes(), F32)
        sizes = b"".join(struct.pack("<Q", size) for size in reversed(weight.shape))
        head += _text(tensor_name) + struct.pack("<I", weight.dim()) + sizes + struct.pack("<IQ", kind, len(body))
        body += data + bytes(-len(data) % ALIGNMENT)
    covered = head + bytes(-(before + len(head)) % ALIGNMENT) + body
    with open(path, "wb") as file:
        file.write(counts + _entry(CHECKSUM, zlib.crc32(covered)) + covered)
    return before + len(covered)


def _tensors(model):
    for name, weight in model.named_parameters():
        yield name, weight.detach().float().contiguous()


def _q8_0(weight):
    blocks = weight.reshape(-1, 32)
    scale = (blocks.abs().amax(1, keepdim=True) / 127).half()
    codes = (blocks / scale.float().clamp(min=1e-10)).round().clamp(-127, 127).to(torch.int8)
    return torch.cat([scale.contiguous().view(torch.int8), codes], 1).contiguous().numpy().tobytes()


def _metadata(shape, tokenizer, name):
    pieces = tokenizer.pieces
    kinds = [2] + [3] * (T.FIRST_BYTE - 1) + [6] * 256 + [1] * (len(pieces) - T.FIRST_PIECE)  # unknown, control, byte, normal
    return [
        _entry("general.architecture", "llama"),
        _entry("general.name", name),
        _entry("general.license", "mit"),
        _entry("general.file_type", 7),
        _entry("general.alignment", ALIGNMENT),
        _entry("llama.vocab_size", len(pieces)),
        _entry("llama.context_length", shape.context),
        _entry("llama.embedding_length", shape.width),
        _entry("llama.block_count", shape.layers),
        _entry("llama.feed_forward_length", shape.hidden),
        _entry("llama.attention.head_count", shape.heads),
        _entry("llama.attention.head_count_kv", shape.heads),
        _entry("llama.attention.layer_norm_rms_epsilon", shape.epsilon),
        _entry("llama.rope.dimension_count", shape.head_width),
        _entry("llama.rope.freq_base", shape.rope_base),
        _entry("tokenizer.ggml.model", "llama"),
        _entry("tokenizer.ggml.pre", "default"),
        _list("tokenizer.ggml.tokens", 8, [_text(piece) for piece in pieces]),
        _list("tokenizer.ggml.scores", 6, [struct.pack("<f", -float(rank)) for rank in range(len(pieces))]),
        _list("tokenizer.ggml.token_type", 5, [struct.pack("<i", kind) for kind in kinds]),
        _entry("tokenizer.ggml.bos_token_id", T.BOS),
        _entry("tokenizer.ggml.eos_token_id", T.END),
        _entry("tokenizer.ggml.unknown_token_id", 0),
        _entry("tokenizer.ggml.add_bos_token", True),
        _entry("tokenizer.ggml.add_eos_token", False),
        _entry("tokenizer.ggml.add_space_prefix", False),
        _entry("tokenizer.chat_template", TEMPLATE),
    ]


def _text(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _entry(key, value):
    if isinstance(value, bool):
        return _text(key) + struct.pack("<IB", 7, value)
    if isinstance(value, int):
        return _text(key) + struct.pack("<II", 4, value)
    if isinstance(value, float):
        return _text(key) + struct.pack("<If", 6, value)
    return _text(key) + struct.pack("<I", 8) + _text(value)


def _list(key, kind, items):
    return _text(key) + struct.pack("<IIQ", 9, kind, len(items)) + b"".join(items)
