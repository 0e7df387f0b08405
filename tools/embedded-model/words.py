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
pony donkey kitten puppy lamb calf ox moose deer reindeer beaver badger mole rat hamster swallow pigeon robin stork heron gull
salmon shark octopus lobster shrimp moth worm cricket dinosaur troll elf dwarf wolfhound guard hunter driver postman nurse clerk
builder smith miller weaver hermit monk scholar poet captain soldier sheriff detective wanderer beggar merchant aunt uncle cousin
twin friend hero villain island harbour port canal road path street corner wall fence gate roof chimney attic cellar barn stable
palace temple tent cabin hut igloo tunnel maze mill factory bakery theatre circus zoo park meadow field swamp jungle ocean wave
sand stone rock crystal diamond pearl gold iron wood paper ink paint glue thread wool silk leather basket bucket barrel ladle pan
oven fridge sofa shelf drawer curtain towel soap comb razor glove scarf belt jacket dress skirt shirt trousers boot slipper purse
wallet ticket stamp parcel postcard diary notebook poster photo statue fountain bench swing slide ball bat net racket puzzle card
dice chess piano guitar harp horn tuba engineer pepper garlic bean pea corn wheat rice bread butter cheese milk honey sugar salt
tea coffee juice wine grape plum peach melon banana berry nut walnut oak pine willow cactus tulip daisy lily ivy moss grass wind
rain snow ice fire smoke fog thunder lightning earth sky sun night morning winter summer spring autumn year day hour minute idea
thought memory riddle promise wish voice whisper laugh smile tear kiss race battle journey adventure game dance party wedding
token stream server cable message reply question answer socket packet queue cache
""".split()

HELD_SUBJECTS = """
penguin hedgehog parrot otter elephant kangaroo tailor blacksmith vampire astronaut lighthouse windmill umbrella ladder
trumpet teapot suitcase feather pebble lemon waterfall desert comet rainbow telescope sandwich carpenter goblin raven sparrow
""".split()

ADJECTIVES = "little old young brave lonely lazy clever quiet red blue green golden silver tiny huge shy funny strange lost hungry".split()

# Whom a story is about when nobody has said: few enough that the model knows each of them by heart.
OWN_SUBJECTS = """
cat dog fox owl bear duck frog horse mouse rabbit turtle wolf lion goat hen goose swan whale dragon witch wizard giant ghost
knight king queen princess pirate robot baker farmer sailor painter gardener fisherman grandmother boy girl snowman star
""".split()

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

_CONSONANTS = (
    "b c d f g h j k l m n p r s t v w z b d g l m n p r s t br cr dr fr gr pr tr bl cl fl gl pl sl sc sk sm sn sp st sw tw "
    "ch sh th wh qu str spr thr mb mp nd nt ng nk lt lk lm rd rk rm rn rt st sk ck dge tt ll rr ss pp mm nn x y gh ph v f"
).split()
_VOWELS = "a e i o u a e i o u a e i o u ai au ea ee ei ia ie io oa oi oo ou ow ue ui y".split()


def invented_word(random):
    """A word that is in no list, so that the model learns to repeat what it is asked about and not to know it."""
    word = "" if random.random() < 0.15 else random.choice(_CONSONANTS[:54])
    for _ in range(random.choice([1, 2, 2, 2, 3])):
        word += random.choice(_VOWELS) + random.choice(_CONSONANTS)
    if random.random() < 0.4:
        word += random.choice("a e o y er el et in on".split())
    return invented_word(random) if word in HELD_SUBJECTS or len(word) > 12 else word


def article(word):
    return "an" if word[0] in "aeiou" else "a"
