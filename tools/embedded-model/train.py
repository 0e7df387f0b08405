"""Trains the model on conversations that are made up as it reads, and writes it: `train.py model.gguf [--steps N] [--decay N] [--seed N]`.

The same numbers on the same versions of torch and BLAS give the same file. Every 250 steps a file to try is written, and beside
it (`.state`) what `--resume` goes on from: with more steps, or with the decay that ends it."""

import argparse
import json
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


def rate(step, steps, decay):
    """Up, level, and at the end down to almost nothing: so the end can be chosen late."""
    return PEAK_RATE * min(1, (step + 1) / WARM_UP, 0.02 + 0.98 * (steps - step) / decay)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("file")
    arguments.add_argument("--steps", type=int, default=7750)
    arguments.add_argument("--decay", type=int, default=1750)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--resume", action="store_true")
    arguments.add_argument("--report")
    given = arguments.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(given.seed)
    random = chance.Random(given.seed)

    tokenizer = T.learn(corpus.text_to_tokenize(random), 1024)
    model = Model(Shape(len(tokenizer.pieces)))
    weights = sum(weight.numel() for weight in model.parameters())
    print(f"{weights} weights, {len(tokenizer.pieces)} pieces", flush=True)
    matrices = [weight for weight in model.parameters() if weight.dim() > 1]
    others = [weight for weight in model.parameters() if weight.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0}], betas=(0.9, 0.98))

    source, check = batches(tokenizer, random, model.shape.context), batches(tokenizer, chance.Random(given.seed + 1_000_003), model.shape.context)
    unseen = [next(check) for _ in range(16)]
    began, tokens, smooth = time.time(), 0, None
    first = 0
    if given.resume:
        first, state, optimizer_state = torch.load(f"{given.file}.state")
        model.load_state_dict(state)
        optimizer.load_state_dict(optimizer_state)
        for _ in range(first):  # what has been read already
            tokens += next(source)[0].numel()
    for step in range(first, given.steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, given.steps, given.decay)
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
            print(f"step {step + 1}  loss {smooth:.3f}  {seconds:.0f} s", flush=True)
        if (step + 1) % 250 == 0 or step + 1 == given.steps:
            size = gguf.write(given.file, model, tokenizer, "CloudLLM toy")
            torch.save((step + 1, model.state_dict(), optimizer.state_dict()), f"{given.file}.state")
    with torch.no_grad():
        final = sum(loss_of(model, *batch).item() for batch in unseen) / len(unseen)
    report = {"weights": weights, "bytes": size, "steps": given.steps, "seed": given.seed, "tokens": tokens, "seconds": round(time.time() - began), "unseenLoss": round(final, 4)}
    print(json.dumps(report))
    if given.report:
        with open(given.report, "w") as file:
            json.dump(report, file, indent=2)


if __name__ == "__main__":
    main()
