"""Stories, poems and jokes about a subject. A subject has two forms: how it is introduced, and how it is spoken of after."""

from words import ADJECTIVES, BARE_SUBJECTS, NAMES, OWN_SUBJECTS, article

PLACES = ["the forest", "the river", "the old mill", "the market", "the garden", "the hill", "the beach", "the library", "the harbour", "the bridge"]
TIMES = ["One rainy morning", "One sunny day", "One windy evening", "One cold night", "One day in spring", "Late in the summer", "On a foggy morning", "On the first day of snow"]
THINGS = ["a red ball", "a small key", "a paper boat", "a blue hat", "a warm coat", "a wooden spoon", "an old map", "a silver bell", "a green book"]
FEELINGS = ["happy", "sad", "curious", "brave", "hungry", "proud", "calm", "afraid", "excited", "tired"]
# What a question may add to its subject; the stories do not take it up.
TAILS = ["that could fly", "who could not sleep", "that could not wait", "in the forest", "with a hat", "who wanted to sing", "in space", "at school", "who was afraid", "on an island"]
IRREGULAR = ["mouse", "goose", "child", "snowman", "fisherman", "clockwork", "potato"]
FOODS = ["soup", "bread and cheese", "pancakes", "apple pie", "hot chocolate"]


def after(thing):
    """`a red ball`, once it is known."""
    return "the " + thing.split(" ", 1)[1]


class Subject:
    def __init__(self, asked, first, then, bare=False):
        self.asked, self.first, self.then, self.bare = asked, first, then, bare
        self.own = False  # chosen by who tells, and not by who asks

    @property
    def First(self):
        return capital(self.first)

    @property
    def Then(self):
        return capital(self.then)


def capital(text):
    return text[:1].upper() + text[1:]


def common_subject(random, noun, adjective=None):
    phrase = f"{adjective} {noun}" if adjective else noun
    indefinite = f"{article(phrase)} {phrase}"
    asked = random.choice([indefinite] * 8 + [f"the {phrase}", phrase, f"my {phrase}", f"{indefinite} {random.choice(TAILS)}"])
    return Subject(asked, indefinite, f"the {phrase}" if random.random() < 0.7 or not adjective else f"the {noun}")


def plural_subject(noun):
    return Subject(f"{noun}s", f"two {noun}s", f"the {noun}s", bare=True)


def pair_subject(one, other):
    return Subject(f"{article(one)} {one} and {article(other)} {other}", f"{article(one)} {one} and {article(other)} {other}", f"the {one} and the {other}", bare=True)


def bare_subject(name):
    return Subject(name, name, name, bare=True)


def any_subject(random, nouns, bare_names):
    draw = random.random()
    if draw < 0.12:
        return bare_subject(random.choice(bare_names))
    if draw < 0.2:
        return pair_subject(*random.sample(nouns, 2))
    noun = random.choice(nouns)
    if draw < 0.28 and noun[-1] not in "syxhf" and noun not in IRREGULAR:
        return plural_subject(noun)
    return common_subject(random, noun, random.choice(ADJECTIVES) if random.random() < 0.4 else None)


def own_subject(random):
    """For who leaves the choice to us."""
    subject = any_subject(random, OWN_SUBJECTS, BARE_SUBJECTS)
    subject.own = True
    return subject


def story(random, subject):
    """Five to seven sentences: somebody, somewhere, a wish or a loss, a friend, an end."""
    s = subject
    friend = random.choice([name for name in NAMES if name != s.asked])
    place, other_place = random.sample(PLACES, 2)
    thing = random.choice(THINGS)
    time = random.choice(TIMES)
    feeling, later = random.sample(FEELINGS, 2)
    return random.choice([_lost, _visit, _journey, _secret])(random, s, friend, place, other_place, thing, time, feeling, later)


def _opening(random, s, place):
    options = [f"Once upon a time there was {s.first}, who lived near {place}.", f"Near {place} lived {s.first}."]
    if s.bare:
        options = [f"Once upon a time, {s.first} lived near {place}.", f"This is a story about {s.first}, who lived near {place}."]
    return random.choice(options)


def _ending(random, s, friend):
    return random.choice([
        f"Then they went home and had {random.choice(FOODS)}.",
        f"In the evening {friend} told everybody about {s.then}.",
        f"From that day on, {s.then} and {friend} were the best of friends.",
        f"And {s.then} never forgot {friend}.",
        "It was a good day.",
    ])


def _lost(random, s, friend, place, other_place, thing, time, feeling, later):
    return " ".join([
        _opening(random, s, place),
        f"{time}, {s.then} lost {thing} and felt very {feeling}.",
        random.choice([f'"Can you help me?" {s.then} asked {friend}.', f'"Have you seen {thing}?" {s.then} asked {friend}.']),
        random.choice([f"{friend} looked everywhere, and found {after(thing)} at {other_place}.", f"Together they walked to {other_place}, and there was {after(thing)}, under a tree."]),
        f"{s.Then} felt {later} and thanked {friend}.",
        _ending(random, s, friend),
    ])


def _visit(random, s, friend, place, other_place, thing, time, feeling, later):
    return " ".join([
        f"{time}, {friend} went to {place} and met {s.first}.",
        random.choice([f"{s.Then} looked very {feeling}.", f'"I feel {feeling}," said {s.then}.']),
        random.choice([f'"What do you need?" asked {friend}.', f'"Can I help you?" asked {friend}.']),
        f'"I am looking for {thing}," said {s.then}.',
        f"{friend} had seen {thing} at {other_place}, so they went there together.",
        random.choice([f"Soon {s.then} felt {later}.", f"When they found it, {s.then} felt {later}."]),
        _ending(random, s, friend),
    ])


def _journey(random, s, friend, place, other_place, thing, time, feeling, later):
    return " ".join([
        _opening(random, s, place),
        random.choice([f"Every day, {s.then} dreamed of seeing {other_place}.", f"But {s.then} wanted to see {other_place}."]),
        f"{time}, {s.then} took {thing} and went away.",
        random.choice([f"The way was long, and {s.then} felt {feeling}.", f"On the way, {s.then} met {friend}, who felt {feeling}."]),
        f'"Come with me," said {friend}, "I know the way."',
        f"When they came to {other_place}, {s.then} felt {later}.",
        _ending(random, s, friend),
    ])


def _secret(random, s, friend, place, other_place, thing, time, feeling, later):
    return " ".join([
        f"Nobody knew that {s.first} had a secret." if not s.bare else f"{s.First} had a secret.",
        f"Every night, {s.then} hid {thing} near {place}.",
        f"{time}, {friend} found {after(thing)} and felt {feeling}.",
        random.choice([f'"Is this yours?" {friend} asked {s.then}.', f'"Who put it here?" {friend} asked {s.then}.']),
        f'"Yes," said {s.then}, "but now it is for you."' if random.random() < 0.5 else f'"It is a gift for you," said {s.then}.',
        f"{friend} felt {later}, and {s.then} felt better, too.",
        _ending(random, s, friend),
    ])


def short_story(random, subject):
    """Two sentences."""
    s = subject
    friend = random.choice([name for name in NAMES if name != s.asked])
    place = random.choice(PLACES)
    thing = random.choice(THINGS)
    first, second = random.choice([
        (f"{s.First} lost {thing} near {place}.", f"{friend} found it, and they became friends."),
        (f"{random.choice(TIMES)}, {s.first} met {friend} near {place}.", f"They had {random.choice(FOODS)} and laughed all day."),
        (f"{friend} met {s.first} near {place}.", f"{s.Then} gave {friend} {thing}, and both were happy."),
    ])
    return f"{first} {second}"


def poem(random, subject):
    """Four lines; the second and the fourth rhyme."""
    s = subject
    second, fourth = random.choice([
        ("when the night is long and deep", "and sing the little stars to sleep."),
        ("in the early morning light", "and dream of silver in the night."),
        ("where the quiet waters flow", "and tell the wind what rivers know."),
        ("word by word and line by line", "and every word of it is mine."),
        ("while the summer rain comes down", "and dance through every street in town."),
    ])
    third = random.choice(["I walk with you along the sea", "I wait for you beside the door", "I hear you call, I hear you laugh", "I hold your hand, we look ahead"])
    return f"I think of {s.first}\n{second},\n{third}\n{fourth}"


JOKES = [
    "Why did the token cross the stream? To get to the other side of the sentence.",
    "What did the slow server say to the client? Wait, I am still buffering my thoughts.",
    "Why was the model so calm? It took everything one token at a time.",
    "How does a small model say goodbye? With its last token.",
    "Why did the cache never get lost? It always remembered where it had been.",
    "What is a stream's favourite game? Catch.",
]
