"""Byte pair encoding in SentencePiece's manner, as llama.cpp's `llama` tokenizer reads it: a space is U+2581 at the start of
a word, a piece's score is the order in which it was learnt, and a character without a piece is spelt in bytes."""

import collections
import re

SPACE = "\u2581"
SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
BOS, START, END = 1, 3, 4
FIRST_BYTE = len(SPECIAL)
FIRST_PIECE = FIRST_BYTE + 256
# No piece goes over the border of a word, so that a text can be split at its spaces before it is merged.
WORD = re.compile(f"{SPACE}?[A-Za-z']+|{SPACE}?[^A-Za-z{SPACE}]|{SPACE}")


class Tokenizer:
    def __init__(self, pieces):
        self.pieces = pieces
        self.ids = {piece: index for index, piece in enumerate(pieces)}
        self._words = {}

    @property
    def newline(self):
        return FIRST_BYTE + 10

    def encode(self, text):
        ids = []
        for word in re.split(f"(?={SPACE})", text.replace(" ", SPACE)):
            if word not in self._words:
                self._words[word] = self._merge(list(word))
            ids += self._words[word]
        return ids

    def _merge(self, symbols):
        while True:
            # The earliest learnt piece first, the leftmost of equals.
            pairs = [(self.ids.get(a + b, 0), at) for at, (a, b) in enumerate(zip(symbols, symbols[1:]))]
            learnt = [pair for pair in pairs if pair[0] >= FIRST_PIECE]
            if not learnt:
                break
            _, at = min(learnt)
            symbols[at : at + 2] = [symbols[at] + symbols[at + 1]]
        ids = []
        for symbol in symbols:
            known = self.ids.get(symbol, 0)
            ids += [known] if known >= FIRST_PIECE else [FIRST_BYTE + byte for byte in symbol.encode()]
        return ids

    def conversation(self, messages):
        """Token ids, and for each whether the model has to learn to write it: what assistants say, and that they end."""
        ids, learnt = [BOS], [False]
        for role, text in messages:
            head = [START, *self.encode(role), self.newline]
            body = [*self.encode(text), END]
            ids += [*head, *body, self.newline]
            learnt += [False] * len(head) + [role == "assistant"] * len(body) + [False]
        return ids, learnt


def learn(texts, size):
    """The pieces: single characters, then again and again the commonest pair of neighbours."""
    words = collections.Counter(word for text in texts for word in WORD.findall(text.replace(" ", SPACE)))
    # A character seen only now and then (an emoji) is spelt in bytes.
    characters = collections.Counter()
    for word, count in words.items():
        for character in word:
            characters[character] += count
    common = sorted(character for character, count in characters.items() if count >= 200 and character != "\n")
    pieces = SPECIAL + [f"<0x{byte:02X}>" for byte in range(256)] + common
    spelt = {word: list(word) for word in words}
    while len(pieces) < size:
        pairs = collections.Counter()
        for word, count in words.items():
            for pair in zip(spelt[word], spelt[word][1:]):
                if pair[0] in common or len(pair[0]) > 1:
                    pairs[pair] += count
        (a, b), _ = min(pairs.items(), key=lambda item: (-item[1], item[0]))
        pieces.append(a + b)
        for symbols in spelt.values():
            at = 0
            while at < len(symbols) - 1:
                if symbols[at] == a and symbols[at + 1] == b:
                    symbols[at : at + 2] = [a + b]
                at += 1
    return Tokenizer(list(dict.fromkeys(pieces)))
