"""Conversations out of the grammar: endless ones for training, held-out ones for the evaluation.

`python3 corpus.py` shows a few; `python3 corpus.py held FILE` writes the evaluation's."""

import json
import random as chance
import sys

import intents as I
import stories as S
import unknown as U
from words import ADJECTIVES, BARE_SUBJECTS, HELD_BARE_SUBJECTS, HELD_SUBJECTS, OWN_SUBJECTS, SUBJECTS, SYSTEM_PROMPTS, invented_word

TALK = [name for name in I.INTENTS if name not in ("joke",)]
EXPLAINED = ["streaming", "token", "latency", "firstToken", "cloudllm", "session", "usage", "key", "model", "size"]


class Turn:
    """A question, its answer, what it was about, and what an answer in kind must show."""

    def __init__(self, ask, answer, topic, **expect):
        self.ask, self.answer, self.topic, self.expect = ask, answer, topic, expect


class Speaker:
    def __init__(self, random, held=False):
        self.random, self.held = random, held

    def pick(self, asks, held_asks):
        return self.random.choice(held_asks if self.held else asks)

    def subject(self):
        if self.held:
            return S.any_subject(self.random, HELD_SUBJECTS, HELD_BARE_SUBJECTS)
        nouns = SUBJECTS
        if self.random.random() < 0.5:
            nouns = [invented_word(self.random) for _ in range(2)]
        return S.any_subject(self.random, nouns, BARE_SUBJECTS + [invented_word(self.random).capitalize() for _ in range(20)])

    def fresh_turn(self):
        """A question that needs nothing said before."""
        draw = self.random.random()
        if draw < 0.33:
            return self.story()
        if draw < 0.44:
            return self.poem()
        if draw < 0.47:
            return self.joke()
        if draw < 0.7:
            return self.talk()
        if draw < 0.76 and not self.held:
            return self.unheard_of()
        return self.unknown()

    def story(self):
        other = self.random.random() < 0.2 and not self.held
        if self.random.random() < 0.35:
            subject = S.own_subject(self.random)
            ask = self.random.choice(I.OTHER_PLAIN_STORY_ASKS) if other else I.asks_for(self.random, I.STORIES, self.held)
            return Turn(ask, S.story(self.random, subject), ("story", subject), kind="story", sentences=4)
        subject = self.subject()
        ask = self.random.choice(I.OTHER_STORY_ASKS).format(subject.asked) if other else I.asks_for(self.random, I.STORIES, self.held, subject.asked)
        return Turn(ask, S.story(self.random, subject), ("story", subject), kind="story", sentences=4, about=about(subject))

    def poem(self):
        if self.random.random() < 0.35:
            subject = S.own_subject(self.random)
            ask = I.asks_for(self.random, I.POEMS, self.held)
            return Turn(ask, S.poem(self.random, subject), ("poem", subject), kind="poem", lines=4)
        subject = self.subject()
        ask = I.asks_for(self.random, I.POEMS, self.held, subject.asked)
        return Turn(ask, S.poem(self.random, subject), ("poem", subject), kind="poem", lines=4, about=about(subject))

    def joke(self):
        intent = I.INTENTS["joke"]
        return Turn(self.pick(intent.ask, intent.held), self.random.choice(S.JOKES), ("joke", None), kind="joke", any=intent.keys)

    def talk(self, name=None):
        name = name or self.random.choice(TALK)
        intent = I.INTENTS[name]
        return Turn(self.pick(intent.ask, intent.held), self.random.choice(intent.full), ("talk", name), kind=name, any=intent.keys)

    def unknown(self):
        asks, held, kind = self.random.choices(U.KINDS, weights=[5, 2, 2, 2, 1.5, 4])[0]
        ask = U.fill(self.random, self.pick(asks, held))
        return Turn(ask, U.admission(self.random, kind), ("unknown", kind), kind="unknown", any=U.ADMISSION_KEYS)

    def unheard_of(self):
        """Something that nobody knows: the answer says so, and what."""
        word = invented_word(self.random)
        ask = self.random.choice(U.UNHEARD_OF).format(word)
        answer = f"{self.random.choice(U.NEVER_HEARD).format(word)} {self.random.choice(U.OFFERS)}"
        return Turn(ask, answer, ("unknown", "fact"), kind="unknown", any=U.ADMISSION_KEYS)

    def follow_up(self, before):
        """A question that means the turn before it."""
        draw = self.random.random()
        kind, what = before.topic
        if draw < 0.25:
            return self.talk(self.random.choice(["thanks", "thanks", "praise", "praise", "goodbye", "blame"]))
        if draw < 0.58:
            return self.again(self.random.choice(I.HELD_ANOTHER_ASKS) if self.held else I.asks_again(self.random), before)
        if draw < 0.85:
            return self.shorter(self.random.choice(I.HELD_SHORTER_ASKS) if self.held else I.asks_for_less(self.random), before)
        return self.again(self.pick(I.LONGER_ASKS, I.HELD_LONGER_ASKS), before)

    def again(self, ask, before):
        kind, what = before.topic
        if kind == "story":
            return Turn(ask, S.story(self.random, what), before.topic, kind="another story", sentences=4, about=about(what))
        if kind == "poem":
            return Turn(ask, S.poem(self.random, what), before.topic, kind="another poem", lines=4, about=about(what))
        if kind == "joke":
            return Turn(ask, self.random.choice([joke for joke in S.JOKES if joke != before.answer]), before.topic, kind="another joke", any=["?"])
        if kind == "talk" and what in EXPLAINED:
            return Turn(ask, self.random.choice([full for full in I.INTENTS[what].full if full != before.answer]), before.topic, kind="another explanation", any=I.INTENTS[what].keys)
        if kind == "unknown":
            return Turn(ask, U.admission(self.random, what), before.topic, kind="unknown again", any=U.ADMISSION_KEYS)
        subject = S.own_subject(self.random)
        return Turn(ask, S.story(self.random, subject), ("story", subject), kind="another of nothing", sentences=4)

    def shorter(self, ask, before):
        kind, what = before.topic
        if kind in ("story", "poem"):
            return Turn(ask, S.short_story(self.random, what), ("story", what), kind="shorter story", shorter=True, about=about(what))
        if kind == "talk" and I.INTENTS[what].brief:
            return Turn(ask, self.random.choice(I.INTENTS[what].brief), before.topic, kind="shorter explanation", shorter=True)
        return Turn(ask, self.random.choice(U.ADMISSION_BRIEF), before.topic, kind="shorter unknown", any=U.ADMISSION_KEYS)

    def conversation(self, turns):
        said = [self.fresh_turn()]
        while len(said) < turns:
            said.append(self.follow_up(said[-1]) if self.random.random() < 0.55 else self.fresh_turn())
        return said


def about(subject):
    """The words that must come up again: the nouns, without what is said of them. None that only the grammar knows of."""
    return [] if subject.own else [part.split(" ")[-1] for part in subject.then.split(" and ")]


def as_typed(random, ask, answer):
    """As people write it: with or without capitals, a full stop, a slip of the finger (but not in a word that the answer
    says again: nobody could tell what it was)."""
    if random.random() < 0.25 and "CloudLLM" in ask:
        ask = ask.lower()
    if random.random() < 0.5:
        ask = S.capital(ask)
    if random.random() < 0.04 and len(ask) > 8:
        at = random.randrange(1, len(ask) - 2)
        slip = random.choice([ask[:at] + ask[at + 1 :], ask[:at] + ask[at + 1] + ask[at] + ask[at + 2 :], ask[:at] + ask[at] + ask[at:]])
        if not set(words_of(ask)) & set(words_of(answer)) - set(words_of(slip)):
            ask = slip
    if random.random() < 0.04:
        ask = random.choice(["hey, ", "hi, ", "hello, ", "so, ", "well, ", "and "]) + ask
    if ask[-1].isalnum() and random.random() < 0.55:
        ask += random.choice("..??!")
    return ask


def distracted(random, ask):
    """Now and then with a word that is not to the point, which the answer must not mind."""
    words = ask.split(" ")
    if len(words) > 2 and random.random() < 0.12:
        words.insert(random.randrange(len(words) + 1), random.choice([invented_word(random), random.choice(U.COMMON), random.choice(U.FILLERS)]))
    return " ".join(words)


def training_conversation(random):
    """[(role, text)] of one to four exchanges, sometimes after a system prompt."""
    speaker = Speaker(random)
    turns = speaker.conversation(random.choices([1, 2, 3, 4], weights=[35, 35, 22, 8])[0])
    messages = [("system", random.choice(SYSTEM_PROMPTS))] if random.random() < 0.2 else []
    for turn in turns:
        ask = turn.ask if turn.topic[0] in ("story", "poem") else distracted(random, turn.ask)
        messages += [("user", as_typed(random, ask, turn.answer)), ("assistant", turn.answer)]
    return messages


def text_to_tokenize(random):
    """What the tokenizer learns from: conversations, and the words that the model has to choose by itself so often that each
    becomes one piece. In pieces, it may begin with one of them and end with another."""
    said = [text for _ in range(20000) for _, text in training_conversation(random)]
    return said + [" " + " ".join(ADJECTIVES + OWN_SUBJECTS + BARE_SUBJECTS)] * 1500


def held_conversations(random, count):
    speaker = Speaker(random, held=True)
    for index in range(count):
        turns = speaker.conversation([1, 1, 2, 3][index % 4])
        yield [{"ask": S.capital(turn.ask) + ("?" if turn.ask.startswith(("what", "how", "why", "who", "is ")) else "."), **turn.expect} for turn in turns]


def plain_asks(random, count):
    """Ways to ask for a story or a poem about nothing in particular, as the examples do and in ways of the evaluation alone."""
    asks = ["tell me a story", "tell me a short story", "tell me a long story", "write a poem", "write a short poem", "tell me something"]
    while len(asks) < count:
        ask = I.asks_for(random, random.choice([I.STORIES, I.STORIES, I.POEMS]), random.random() < 0.7)
        if ask not in asks:
            asks.append(ask)
    return [S.capital(ask) + "." for ask in asks]


class PlainSpeaker(Speaker):
    """Speaks of nothing but the words of the lists."""

    def subject(self):
        return S.any_subject(self.random, SUBJECTS, BARE_SUBJECTS)

    def unheard_of(self):
        return self.unknown()


def lexicon(random):
    """Every word that answers can be made of, whatever they are asked about."""
    speaker = PlainSpeaker(random)
    turns = (turn for _ in range(20000) for turn in speaker.conversation(2))
    return sorted({word for turn in turns for word in words_of(turn.answer)})


def words_of(text):
    return "".join(c if c.isalpha() or c in "'_" else " " for c in text.lower()).split()


if __name__ == "__main__":
    if sys.argv[1:2] == ["held"]:
        held = {"words": lexicon(chance.Random(7)), "conversations": list(held_conversations(chance.Random(2), 240)), "plain": plain_asks(chance.Random(3), 200)}
        with open(sys.argv[2], "w") as file:
            json.dump(held, file)
    else:
        random = chance.Random(1)
        for _ in range(12):
            for role, text in training_conversation(random):
                print(f"{role:9} {text}")
            print()
