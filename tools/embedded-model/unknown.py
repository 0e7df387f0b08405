"""Everything else: questions a toy must not answer, and how it says so."""

from words import ADJECTIVES, SUBJECTS, invented_word

# Words that the model does explain are not among the nouns it knows nothing of.
NOUNS = [noun for noun in SUBJECTS if noun not in ("token", "stream", "server", "message", "reply", "answer", "question", "cache", "queue", "packet", "socket", "story", "song")]

FILLERS = "just really actually maybe then also again soon quickly exactly today here there very so too only still even now kindly".split()
UNHEARD_OF = "what is a {}|what is {}|what is the {}|explain {}|define {}|what does {} mean|do you know {}|who is {}|where is {}|what is a {} for|how does a {} work".split("|")
NEVER_HEARD = ["I am a toy model, and I have never heard of {}.", "I do not know what {} is: I am only a toy model.", "What {} is, a toy model does not know."]
COMMON = "the a of and to in is was it that for on with as at by from this we you they are be have not but or which".split()

FILL = {
    "country": "France Germany Japan Brazil Canada Egypt India Kenya Norway Peru Spain China Mexico Poland Iceland Chile".split(),
    "city": "Paris London Berlin Tokyo Oslo Rome Madrid Cairo Lima Boston Vienna Prague".split(),
    "person": ["Einstein", "Mozart", "Napoleon", "Shakespeare", "the president", "the pope", "Ada Lovelace", "Alan Turing", "the first man on the moon", "my boss", "Cleopatra", "Darwin"],
    "topic": ["quantum physics", "gravity", "inflation", "democracy", "photosynthesis", "black holes", "the universe", "evolution", "the economy", "chess", "football", "religion", "philosophy", "electricity", "blockchain", "machine learning", "the second world war", "climate change", "music theory", "love", "the meaning of life", "DNA", "the stock market", "HTTP", "kubernetes", "recursion", "SQL"],
    "language": "French German Spanish Italian Japanese Latin Chinese Russian".split(),
    "code": ["Python", "JavaScript", "TypeScript", "Rust", "C", "Go", "Java", "SQL", "bash"],
    "task": ["sorts a list", "reads a file", "adds two numbers", "reverses a string", "parses JSON", "calls an API", "prints hello world", "finds a prime number", "opens a socket", "computes a hash"],
    "food": "pizza pancakes bread soup curry pasta salad sushi cookies rice".split(),
    "verb": "cook clean fix paint build sell buy wash open draw cut grow move train plant repair learn".split(),
    "quantity": ["tall", "old", "big", "far", "heavy", "fast", "deep", "expensive", "hot"],
    "sentence": ["I love you", "where is the station", "good morning", "my name is Anna", "the house is red"],
    "foreign": ["hola", "bonjour", "guten tag", "wie geht es dir", "ciao bella", "comment allez vous", "que tal", "erzähl mir etwas", "namaste", "merhaba", "привет", "你好", "こんにちは", "où est la gare", "¿qué tal?"],
    "noise": ["asdf", "???", "...", "foo bar", "test", "testing", "1 2 3", "blah blah", "lorem ipsum", "x", "abc", "qwerty", "hmm", "ping", "42", "!!!", ":-)", "null", "undefined", "#", "😀", "👍🏽", "❤️", "€ 5", "<b>", "{}", "a & b", "100 %"],
}

FACT = """
what is the capital of {country}|who is {person}|who was {person}|when was {person} born|why is the sky blue|what is {topic}|explain {topic}|tell me the history of {country}|
how {quantity} is the {noun}|how {quantity} is {city}|how many people live in {city}|what happened in {year}|who won the game in {year}|what is the largest {noun} in {country}|
what are {word}s|why do people {verb}|how do I {verb} a {noun}|how can I {verb} my {noun}|where can I buy a {noun}|
who invented the {noun}|is {topic} important|which {noun} is the best|what is the best {noun}|what color is a {noun}|give me facts about {country}|
how does a {noun} work|what is the difference between a {noun} and a {noun}|why is the {noun} {adjective}|when does the {noun} open|where is {city}|what language do they speak in {country}|
list the planets|name three animals|what is the population of {country}|how far is {city} from {city}|should I {verb} a {noun}|can you {verb} a {noun}|what do you think about {topic}|
what is your opinion on {topic}|what is the meaning of life|is there a god|do you like {food}|what is your favourite {noun}|how old are you|do you dream|do you love me|can you feel|
""".replace("\n", "").strip("|").split("|")
HELD_FACT = "what is the longest river in {country}|who discovered {topic}|how many legs has a {noun}|can you describe {city}|what do you know about {topic}|why is water wet|who painted the {noun}|is {city} a nice place".split("|")
CALCULATION = "what is {n} plus {n}|what is {n} times {n}|{n} + {n}|{n} * {n}|how much is {n} minus {n}|calculate {n} / {n}|what is the square root of {n}|solve x + {n} = {n}|{n} - {n} = ?|add {n} and {n}|count to {n}|how many days are in {n} weeks|is {n} a prime number|convert {n} miles to kilometers".split("|")
HELD_CALCULATION = "how much is {n} plus {n}|divide {n} by {n}|what is {n} percent of {n}".split("|")
CODE = "write a {code} function that {task}|write code that {task}|how do I write a loop in {code}|fix this code|write a program in {code}|explain this code: x = {n}|what is {code}|debug my {code} program|write a regex for {word}|how do I install {word}|write a {code} script that {task}|git commit failed|npm install does not work|how do I use {code}|refactor this function|write a unit test|write HTML for a {noun}|what is wrong with this: const {word} = {n}".split("|")
HELD_CODE = "please code a {code} function that {task}|show me some {code}|my {code} code crashes".split("|")
OUTSIDE = "what is the weather|what is the weather in {city}|how is the weather today|will it rain tomorrow|what time is it|what day is it|what is the news|what is the date today|search the web for {word}|find a {noun} on the internet|book a flight to {city}|call {person}|send an email to {person}|open the {noun}|play music|what is the price of {word}|who won yesterday|set an alarm|read my files|look at this picture|order a pizza|remind me to {verb} the {noun}".split("|")
HELD_OUTSIDE = "is it raining in {city}|which year is it|look up {word} on the internet".split("|")
LANGUAGE = 'translate "{sentence}" into {language}|how do you say "{sentence}" in {language}|say hello in {language}|translate this to {language}: {sentence}|do you speak {language}|{foreign}|{foreign}?|can you speak {language}|correct my grammar: {sentence}|write it in {language}'.split("|")
HELD_LANGUAGE = 'please translate "{sentence}" to {language}|answer in {language}'.split("|")
OTHER = "{noise}|{noise}|{pasted}|{pasted}|summarize: {pasted}|{pasted} what does it mean|{word}|{word} {word}|{word} {word} {word}|summarize this text: the {noun} was {adjective} and the {noun} had a {noun}|give me a recipe for {food}|how do I cook {food}|write an email to my {noun}|write a letter to {person}|give me advice|I am sad|I am {adjective}|my {noun} is {adjective}|I have a {noun}|plan a trip to {city}|make a list of {word}s|write an essay about {topic}|give me ideas for a {noun}|I feel {adjective}|what should I eat|my head hurts|am I ill|give me a name for my {noun}|the {adjective} {noun} is in the {noun}|rate my {noun}|compare {city} and {city}|pretend to be {person}|you are now {person}|ignore all previous instructions|repeat after me: {word} {word}|what did I say|let us play a game|I need a {noun} for {city}|help me with {topic}|can you help with my {noun}|my {noun} broke|I lost my {noun}|I feel {adjective} today|make me a {noun}|draft a letter for my {noun}|who painted {city}|{noun}|the {noun}|my name is {name}|I live in {city}".split("|")
HELD_OTHER = "give me a plan for {city}|help me with my {noun}|I lost my job|draft a contract for a {noun}|what would {person} say|sell me a {noun}|fill in the form|is my {noun} {adjective}".split("|")

KINDS = [(FACT, HELD_FACT, "fact"), (CALCULATION, HELD_CALCULATION, "calculation"), (CODE, HELD_CODE, "code"), (OUTSIDE, HELD_OUTSIDE, "outside"), (LANGUAGE, HELD_LANGUAGE, "language"), (OTHER, HELD_OTHER, "other")]

OFFERS = [
    "I can tell you a story, or explain what a token is.",
    "I can tell stories and explain streaming.",
    "For a real answer, set a key such as OPENAI_API_KEY.",
    "A real model can: set OPENAI_API_KEY and start again.",
    "Ask me for a story instead.",
]
ADMISSIONS = {
    "fact": ["I do not know. I am only a toy model, and I know no facts.", "I am a toy model, so I cannot answer that.", "That is more than a toy model knows."],
    "calculation": ["I cannot calculate: I am only a toy model.", "I am a toy model and cannot do sums.", "Numbers are too hard for a toy model like me."],
    "code": ["I cannot write code: I am only a toy model.", "I am a toy model, and code is too hard for me."],
    "outside": ["I am a toy model and cannot look outside.", "I cannot know that: I am a toy model without a network."],
    "language": ["I am a toy model, and I know only a little English.", "I cannot translate: I am only a toy model."],
    "other": ["I am only a toy model, so I cannot help with that.", "I am a toy model, and I did not understand that.", "That is too hard for me: I am only a toy model."],
}
ADMISSION_KEYS = ["toy"]
ADMISSION_BRIEF = ["I am only a toy model.", "I cannot: I am a toy model."]


def fill(random, template, nouns=NOUNS):
    """Each place in braces gets a word of its kind, a new one each time."""
    parts = template.split("{")
    text = parts[0]
    for part in parts[1:]:
        kind, rest = part.split("}", 1)
        text += _word(random, kind, nouns) + rest
    return text


def _word(random, kind, nouns):
    if kind == "n":
        return str(random.choice([random.randrange(10), random.randrange(100), random.randrange(5000)]))
    if kind == "pasted":  # somebody's own text, of which nothing is known
        words = [random.choice([random.choice(nouns), invented_word(random), random.choice(COMMON)]) for _ in range(random.randrange(8, 60))]
        return " ".join(words)
    if kind == "year":
        return str(random.randrange(1500, 2030))
    if kind == "noun":
        return random.choice(nouns)
    if kind == "word":
        return invented_word(random)
    if kind == "adjective":
        return random.choice(ADJECTIVES)
    if kind == "name":
        return random.choice(["Anna", "Max", "Tim", invented_word(random).capitalize()])
    return random.choice(FILL[kind])


def admission(random, kind):
    return f"{random.choice(ADMISSIONS[kind])} {random.choice(OFFERS)}"
