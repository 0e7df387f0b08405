"""The words of the grammar, ours alone. What is HELD out is asked for by the evaluation and never by the training data."""

NAMES = "Anna Ben Clara David Emma Felix Grace Hugo Iris Jack Kim Leo Mia Noah Olga Paul Rosa Sam Tom Vera Will Zoe".split()

SUBJECTS = """
cat dog fox owl bear duck frog horse mouse rabbit turtle bird wolf lion tiger goat sheep cow pig hen goose swan eagle
crow snail spider ant bee butterfly beetle whale dolphin seal fish crab snake lizard monkey camel deer squirrel bat
dragon witch wizard giant ghost knight king queen prince princess pirate robot monster fairy mermaid unicorn alien
baker farmer teacher doctor sailor pilot painter singer dancer writer gardener shepherd fisherman clown thief judge
grandmother grandfather boy girl baby child brother sister neighbour stranger traveller student programmer
house castle tower bridge ship boat train bus car bicycle wagon kite balloon rocket lamp candle lantern mirror clock
watch key lock box bottle cup spoon plate kettle chair table bed door window carpet blanket pillow hat coat shoe sock
button needle book letter map pencil brush drum violin flute bell whistle coin ring necklace crown sword shield rope
apple pear orange cherry cake loaf soup pie egg potato onion carrot mushroom pumpkin tree leaf flower rose seed garden
forest river lake mountain hill valley cave island beach village market school library museum cloud star moon planet
storm snowman shadow dream secret song story word computer phone camera radio machine engine clockwork toy doll puppet
token stream server cable message reply question answer socket packet queue cache
""".split()

HELD_SUBJECTS = """
penguin hedgehog parrot otter elephant kangaroo tailor blacksmith vampire astronaut lighthouse windmill umbrella ladder
trumpet teapot suitcase feather pebble lemon waterfall desert comet rainbow telescope sandwich carpenter goblin raven sparrow
""".split()

ADJECTIVES = "little old young brave lonely lazy clever quiet red blue green golden silver tiny huge shy funny strange lost hungry".split()

# Proper names and words without an article, asked for as they are.
BARE_SUBJECTS = NAMES + "Max Lena Otto Nina Luca Ella Oscar Maya".split()
HELD_BARE_SUBJECTS = "Greta Ivan Ruby Simon Alma Victor".split()

SYSTEM_PROMPTS = [
    "You are a helpful assistant.",
    "You are a friendly assistant. Answer briefly.",
    "Answer in one sentence.",
    "You are a poet.",
    "Be concise.",
    "You are a storyteller for children.",
    "You are a senior software engineer. Answer with code.",
    "Use simple words and be kind.",
]

_ONSETS = "b br c cl d dr f fl g gr h j k l m n p pl r s sl st t tr v w z".split()
_VOWELS = "a e i o u ee oo ai".split()
_CODAS = "b d g k l m n p r s t x sh nd rk st".split()


def invented_word(random):
    """A word that is in no list, so that the model learns to repeat what it is asked about and not to know it."""
    syllables = random.choice([1, 2, 2, 3])
    word = "".join(random.choice(_ONSETS) + random.choice(_VOWELS) for _ in range(syllables))
    word += random.choice(_CODAS + [""])
    return invented_word(random) if word in HELD_SUBJECTS else word


def article(word):
    return "an" if word[0] in "aeiou" else "a"
