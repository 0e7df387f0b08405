"""Trains the model on conversations that are made up as it reads, and writes it: `train.py model.gguf [--steps N] [--seed N]`.

The same seed, steps and versions of torch and BLAS give the same file. A file to try is written every 500 steps."""

import argparse
import json
import math
import random as chance
import time

import torch
import torch.nn.functional as F

import corpus
import gguf
import tokenizer as T
from model import Model, Shape

BATCH_TOKENS = 2048
POOL = 1024  # conversations that are sorted by length together, so that a batch is hardly padded
PEAK_RATE = 3e-3
WARM_UP = 200


def batches(tokenizer, random, context):
    """Endless: (ids, targets), conversations of like length side by side; -100 where there is nothing to learn."""
    while True:
        pool = [tokenizer.conversation(corpus.training_conversation(random)) for _ in range(POOL)]
        pool = sorted((each for each in pool if len(each[0]) <= context), key=lambda each: len(each[0]))
        groups, group = [], []
        for each in pool:
            if group and len(each[0]) * (len(group) + 1) > BATCH_TOKENS:
                groups.append(group)
                group = []
            group.append(each)
        groups.append(group)
        random.shuffle(groups)
        for group in groups:
            yield _padded(group)


def _padded(group):
    length = max(len(ids) for ids, _ in group)
    ids = torch.zeros(len(group), length, dtype=torch.long)
    targets = torch.full((len(group), length), -100)
    for row, (said, learnt) in enumerate(group):
        ids[row, : len(said)] = torch.tensor(said)
        for at in range(1, len(said)):
            if learnt[at]:
                targets[row, at - 1] = said[at]
    return ids, targets


def loss_of(model, ids, targets):
    wanted = targets != -100
    return F.cross_entropy(model.scores(model(ids)[wanted]), targets[wanted])


def rate(step, steps):
    return PEAK_RATE * min(1, (step + 1) / WARM_UP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("file")
    arguments.add_argument("--steps", type=int, default=7500)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--report")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(given.seed)
    random = chance.Random(given.seed)

    tokenizer = T.learn([text for _ in range(20000) for _, text in corpus.training_conversation(random)], 1024)
    model = Model(Shape(len(tokenizer.pieces)))
    weights = sum(weight.numel() for weight in model.parameters())
    print(f"{weights} weights, {len(tokenizer.pieces)} pieces", flush=True)
    matrices = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0}], betas=(0.9, 0.98))

    source, check = batches(tokenizer, random, model.shape.context), batches(tokenizer, chance.Random(given.seed + 1_000_003), model.shape.context)
    unseen = [next(check) for _ in range(16)]
    began, tokens, smooth = time.time(), 0, None
    for step in range(given.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, given.steps)
        ids, targets = next(source)
        loss = loss_of(model, ids, targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        tokens += ids.numel()
        smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
        if (step + 1) % 50 == 0:
            seconds = time.time() - began
            print(f"step {step + 1}  loss {smooth:.3f}  {seconds:.0f} s  {tokens / seconds:.0f} tokens/s", flush=True)
        if (step + 1) % 500 == 0 or step + 1 == given.steps:
            size = gguf.write(given.file, model, tokenizer, "CloudLLM toy")
    with torch.no_grad():
        final = sum(loss_of(model, *batch).item() for batch in unseen) / len(unseen)
    report = {"weights": weights, "bytes": size, "steps": given.steps, "seed": given.seed, "tokens": tokens, "seconds": round(time.time() - began), "unseenLoss": round(final, 4)}
    print(json.dumps(report))
    if given.report:
        with open(given.report, "w") as file:
            json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
