"""What the model can talk about: for each intent, how people ask and what it answers. `held` ways to ask are for the evaluation."""


class Intent:
    def __init__(self, ask, held, full, brief, keys):
        """`full`: answers; `brief`: one-sentence answers for "shorter"; `keys`: an answer in kind holds one of them."""
        self.ask, self.held, self.full, self.brief, self.keys = ask.split("|"), held.split("|"), full, brief, keys


INTENTS = {
    "greeting": Intent(
        "hello|hi|hey|hello you|hi you|hello, friend|hello, good to see you|good morning to you|hi, nice to see you|hi there|hello there|hey there|good morning|good evening|good afternoon|hello model|hi, how are you|hello, how are you|greetings|hello world|howdy|hi bot|good day|yo|hello my friend|hi again",
        "hey you|hello again|hi friend|hello, nice to meet you|morning",
        [
            "Hello! I am a very small model that runs on your own machine. Ask me for a story, or what streaming is.",
            "Hi! Nice to meet you. Shall I tell you a story?",
            "Hello! I am tiny, but my tokens are real. Ask me for a story, or what a token is.",
            "Hi there! I can tell stories and explain streaming. What would you like?",
        ],
        ["Hello!", "Hi!"],
        ["hello", "hi"],
    ),
    "wellbeing": Intent(
        "how are you|how are you doing|are you fine|are you feeling well|do you feel good|is all well|how was your day|everything okay|is everything all right with you|feeling good|how do you feel|are you okay|how is it going|what is up|how are you today|are you happy|how do you do|how are things",
        "how are you feeling today|is everything fine",
        ["I am fine, thank you. I am only a toy model, so I am easy to please.", "Very well, thank you! My weights fit into less than a megabyte, and I feel light.", "I am well, thank you. Shall I tell you a story?"],
        ["I am fine, thank you."],
        ["fine", "well"],
    ),
    "identity": Intent(
        "who are you|what are you|what is your name|are you a robot|are you real|are you human|are you chatgpt|are you gpt|are you claude|are you gemini|tell me about yourself|introduce yourself|which model are you|what model is this|are you an ai|do you have a name|who am i talking to|what model am i talking to|what kind of model are you|are you a real model|are you a person|describe yourself",
        "what should I call you|say who you are|are you a machine|which model is this",
        [
            "I am the toy model that comes with CloudLLM. I am a real transformer, only very small, and I run on your machine.",
            "I am a tiny language model inside CloudLLM. I can tell stories and explain streaming, and I know nothing else.",
            "I am a toy: a transformer with about six hundred thousand weights. I was made to show how streaming works.",
        ],
        ["I am the toy model that comes with CloudLLM.", "I am a tiny language model."],
        ["toy", "tiny", "small"],
    ),
    "ability": Intent(
        "what can you do|help|tell me what you know|say what you can|show me what you can do|what else can you do|what may I say|your abilities|tell me how to use you|what are your abilities|what do you offer|help me|how can you help me|what do you know|what can I ask you|what are you good at|can you help me|what should I ask|what can I do here|what are you for|how does this work|what now|can you do anything useful|I need help|what do you do",
        "tell me what you can do|what may I ask you|what are your skills",
        [
            "I can tell a story about anything you name, write a small poem, and explain streaming, tokens, latency and CloudLLM. I am a toy, so please do not ask me for facts.",
            "Ask me for a story about a fox, a poem, or what a token is. For everything else, set a key such as OPENAI_API_KEY and talk to a real model.",
            "I tell stories, and I explain streaming and tokens. That is all: I am a toy model.",
        ],
        ["I tell stories and explain streaming."],
        ["stor"],
    ),
    "size": Intent(
        "how big are you|how small are you|who created this model|who wrote you|who is your creator|who developed you|who invented you|how many layers do you have|how many megabytes are you|do you use the network|can you work without internet|are you offline|how much space do you take|what is your training data|how many parameters do you have|how many weights do you have|how large are you|what is your size|how much memory do you need|how were you trained|what were you trained on|who made you|who trained you|who built you|where do you run|do you run offline|do you need the internet|do you need a network|are you online|where are you|are you local",
        "how many parameters are in you|do you work offline|who created you",
        [
            "I have about six hundred thousand weights, each one byte, and I run on your own machine without a network. A large model has a million times more.",
            "I am a small transformer of CloudLLM, with about six hundred thousand weights. I was trained in less than an hour on sentences that a program wrote, and I need no network.",
        ],
        ["I have about six hundred thousand weights, and I run on your own machine."],
        ["weights"],
    ),
    "streaming": Intent(
        "what is streaming|what do you mean by streaming|tell me what streaming is|say what streaming is|how does this streaming thing work|what exactly is streaming|how are tokens streamed|why would one use streaming|what does streaming mean|how does streaming work|explain streaming|why streaming|why should I use streaming|what is a stream|tell me about streaming|what is a streaming response|explain streaming to me|why do you stream|define streaming|how do streams work|what is token streaming|what is the point of streaming|can you explain streaming|streaming|how does a stream work|why do answers stream|explain how streaming works|why is streaming good|what are streams",
        "what is meant by streaming|why would I want streaming|please explain what streaming is|how does streaming of tokens work|describe streaming",
        [
            "Streaming means that each token is sent as soon as the model has made it. You read the first words while the rest is still being written.",
            "With streaming, an answer comes in small pieces, one after another. So you do not wait for the end: you read along, and you can stop at any time.",
            "A model writes one token after another. Streaming shows you each of them at once, so a long answer does not feel slow.",
        ],
        ["Streaming shows each token as soon as it is made.", "Streaming means reading along while the answer is written."],
        ["token", "piece", "read along"],
    ),
    "token": Intent(
        "what is a token|what are tokens|what do tokens mean|tell me what a token is|what is this token thing|say what a token is|what exactly are tokens|what does token mean|explain tokens|define token|how long is a token|what is a token in a language model|tell me about tokens|how many words is a token|tokens|can you explain tokens|what is one token|what is the meaning of token|explain what a token is|is a token a word|what is a tokenizer|how do tokens work|why tokens",
        "what do you mean by token|what exactly is a token|describe a token|what is meant by tokens",
        [
            "A token is a small piece of text, often a word or a part of a word. Models read and write tokens, and they are paid by the token.",
            "Tokens are the pieces that a model reads and writes. A short word is one token, and a long word may be three or four.",
        ],
        ["A token is a small piece of text, often a word or a part of a word.", "Tokens are the pieces of text that a model writes."],
        ["piece"],
    ),
    "latency": Intent(
        "what is latency|tell me what latency is|what do you mean by latency|why care about latency|what exactly is latency|what does latency mean|explain latency|define latency|why is latency important|tell me about latency|how is latency measured|latency|why does latency matter|can you explain latency|what is high latency|what is low latency|how do I reduce latency|explain what latency is",
        "what is meant by latency|why should I care about latency|describe latency",
        [
            "Latency is the time you wait. For a language model, two waits count: the time to the first token, and the time for each token after it.",
            "Latency is how long something takes to answer. Streaming does not make a model faster, but you wait only for the first token.",
        ],
        ["Latency is the time you wait for an answer."],
        ["wait", "takes", "time"],
    ),
    "firstToken": Intent(
        "what is time to first token|tell me what TTFT is|what do you mean by TTFT|why care about time to first token|what exactly is TTFT|describe TTFT|what is the time to first token|what does time to first token mean|explain time to first token|what is TTFT|what does TTFT mean|explain TTFT|TTFT|time to first token|why is time to first token important|what is the first token|define TTFT|how long until the first token|how is time to first token measured",
        "what is meant by TTFT|describe time to first token|why does time to first token matter",
        [
            "Time to first token is how long you wait until the first piece of the answer appears. It is what makes a chat feel fast or slow.",
            "Time to first token, or TTFT, is the wait between your question and the first token of the answer. CloudLLM measures it for every reply.",
        ],
        ["Time to first token is the wait until the answer begins."],
        ["first token", "first piece"],
    ),
    "cloudllm": Intent(
        "what is cloudllm|tell me what CloudLLM is|what can this library do|what is the point of CloudLLM|what exactly is CloudLLM|why was CloudLLM made|explain this program|describe this library|what does cloudllm do|what is CloudLLM|what does CloudLLM do|tell me about CloudLLM|explain CloudLLM|why CloudLLM|why should I use CloudLLM|what is this library|what does this library do|what is this|what is this program|what is CloudLLM for|how does CloudLLM work|CloudLLM|what is this tool|what is this package|can you explain CloudLLM|which providers does CloudLLM support|who uses CloudLLM|what is cloud llm",
        "describe CloudLLM|what can CloudLLM do|what is the purpose of CloudLLM|explain this library",
        [
            "CloudLLM is a TypeScript library that talks to large language models and shows the answer as it is written. It speaks to Claude, OpenAI, Gemini, Grok and many others in one way.",
            "CloudLLM streams answers from language models: in a terminal, on a server or in a browser. It is small, it has no dependencies, and it never takes half an answer for a whole one.",
        ],
        ["CloudLLM is a TypeScript library that streams answers from language models."],
        ["cloudllm"],
    ),
    "session": Intent(
        "what is a session|what are sessions|tell me what a session is|what do you mean by a session|why use a session|what exactly is a session|do I need a session|explain sessions|what does a session do|what is LLMSession|what is a conversation|how do sessions work|what is a session for|explain LLMSession|session|define session|tell me about sessions|what is the history|how does the history work",
        "what is meant by a session|describe a session|why do I need a session",
        [
            "A session is a conversation: it keeps what was said and sends it again with each question, because a model remembers nothing by itself.",
            "A session keeps the history of a chat, counts its tokens, and drops the oldest turns when there are too many.",
        ],
        ["A session is a conversation that is kept."],
        ["conversation", "history"],
    ),
    "usage": Intent(
        "what is usage|what is token usage|tell me what usage is|what do you mean by usage|is it free|is this for free|must I pay|what exactly is usage|what does usage mean|explain usage|how are tokens counted|how much does it cost|what do tokens cost|how do I see the usage|explain token usage|usage|what does a reply cost|who pays for tokens|are you free|do you cost money|how much do you cost|what is a bill|define usage",
        "what is meant by usage|describe token usage|is this free",
        [
            "Usage is the number of tokens that went in and came out. Providers bill by it, and CloudLLM gives it to you with every reply. My tokens are free.",
            "Usage counts tokens: those you send and those you get. With me they cost nothing, because I run on your own machine.",
        ],
        ["Usage is the number of tokens that went in and came out."],
        ["tokens", "free"],
    ),
    "key": Intent(
        "how do I get a real model|give me a better model|give me a larger model|how can I get a larger model|where do I set my API key|how can I set a key|I have an API key|let me talk to a real model|how do I use a real model|how do I set a key|what is an API key|do I need a key|how do I use ChatGPT|how do I use Claude|how do I use OpenAI|how do I talk to a real model|where do I put my key|how can I use a better model|how do I use Gemini|I want a real model|I want a better model|can I talk to a real model|how do I change the model|which keys are there|how do I use ollama|is there a better model|how to use a real model",
        "how can I talk to a larger model|how do I set my API key|give me a real model",
        [
            "Set a key in your environment, such as OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, and start again. Then CloudLLM talks to a real model.",
            "For a real model, set OPENAI_API_KEY or another key and start again. Without a key, a local server such as Ollama works too.",
        ],
        ["Set OPENAI_API_KEY or another key, and start again."],
        ["key"],
    ),
    "model": Intent(
        "what is a language model|tell me what a language model is|what do you mean by LLM|how does an LLM think|what exactly is an LLM|tell me how you work|what is a large language model|what is an LLM|what does LLM mean|how does a language model work|explain language models|what is a transformer|how do you work|how does a transformer work|how do you think|what is a model|LLM|explain transformers|what is AI|what is artificial intelligence|what is an AI model|how do language models work|what is a neural network",
        "what is meant by LLM|describe a language model|how does an LLM work",
        [
            "A language model reads the text so far and guesses the next token, again and again. Large models have read much of the world's text. I have read only toy sentences.",
            "A language model guesses which token comes next, adds it to the text, and guesses again. That is all I do, too.",
        ],
        ["A language model guesses the next token, again and again."],
        ["next"],
    ),
    "joke": Intent(
        "tell me a joke|another joke|know any jokes|let me hear something funny|please say a joke|I need a joke|write a joke|a joke please|tell a joke|do you know a joke|make me laugh|say something funny|joke|can you tell me a joke|one joke please|I want a joke|tell me something funny|give me a joke",
        "please tell a joke|let me hear a joke|got a joke",
        [],
        [],
        ["?"],
    ),
    "thanks": Intent(
        "thank you|thanks|thank you, that is all|thanks again|thank you again|I thank you|thanks for that|thanks, friend|lovely, thank you|thank you very much|thanks a lot|many thanks|thx|thank you so much|cool, thanks|great, thank you|thanks, that helps|ok thanks|nice, thanks|thank you for the story|that was helpful, thank you|cheers|perfect, thank you",
        "thanks so much|wonderful, thank you|thank you, friend",
        ["You are welcome!", "You are welcome! Ask me for another story whenever you like.", "My pleasure. It was only a few tokens."],
        ["You are welcome!"],
        ["welcome", "pleasure"],
    ),
    "praise": Intent(
        "nice|great|cool|wow|what a good story|what a lovely poem|that was good|this is nice|how nice|very funny|what a good joke|I like this|I like that story|you are good at this|you are funny|good one|that was fun|good|ok|okay|I like it|that was nice|very good|well done|good job|lovely|beautiful|awesome|that is great|nice story|good story|amazing|haha|lol|funny|I love it|not bad|interesting|I see|good answer|that is nice|fine|alright|sure",
        "what a nice story|very nice|that was great",
        ["I am glad you like it. Shall I tell you another story?", "Thank you! I do my best with few weights.", "Good! What would you like next?"],
        ["Thank you!"],
        ["glad", "thank", "good"],
    ),
    "blame": Intent(
        "that is wrong|this is bad|this was not good|you are no good|you are useless at this|that is stupid|I hate this|this is not what I asked|wrong answer|that is no poem|this is wrong|you make no sense|that was not a good story|you are wrong|that makes no sense|that was bad|you are stupid|you are dumb|I do not like it|bad answer|that is not true|you are not very smart|that is boring|boring|this is useless|that does not help|nonsense|you know nothing|I do not understand",
        "that was not good|you are useless|this makes no sense",
        ["I am sorry. I am only a toy model, and I make many mistakes.", "You may be right: I am a toy, and I know very little. A real model would do better."],
        ["I am sorry."],
        ["sorry", "right", "toy"],
    ),
    "goodbye": Intent(
        "bye|goodbye|see you|see you again|see you around|talk to you soon|bye, my dear|I will be back soon|come back soon|goodbye for today|bye now|take care|until tomorrow|goodbye model|good night, sleep well|see you later|good night|bye bye|have a nice day|I have to go|farewell|see you tomorrow|that is all|quit|exit|stop|I am done|ciao",
        "goodbye my friend|bye for now|see you soon",
        ["Goodbye! Come back soon.", "Bye! It was nice to talk to you.", "See you! I will be here, on your own machine."],
        ["Goodbye!"],
        ["bye", "see you"],
    ),
}

# How people ask for a thing: any of these, and the thing. Some ways, as wholes, are for the evaluation.
LEADS = (
    "tell me|tell me|tell me|please tell me|can you tell me|could you tell me|would you tell me|write|write|please write|write me|can you write|could you write|"
    "would you write me|I want|I want to hear|I would like|I would love|I need|give me|please give me|show me|let me hear|let us hear|let us have|how about|"
    "what about|can I hear|may I hear|can I have|could I have|can I get|may I get|do you know|do you have|make|make up|please make up|make me|think of|compose|create|read me|have you got|"
    "now|now tell me|and now|next|please|hey, tell me|||||"
).split("|")
HELD_LEADS = "may I have|invent|tell us|please write me|we want|will you tell me".split("|")
STORIES = "a story|a story|a story|a story|a short story|a little story|a long story|a tale|a fairy tale|a bedtime story|a nice story|a funny story|a few sentences|something".split("|")
POEMS = "a poem|a poem|a poem|a short poem|a little poem|a song|a haiku|a rhyme|some verses".split("|")
OTHER_STORY_ASKS = "story about {}|once upon a time there was {}|tell me about {}|write about {}|I am bored, tell me about {}|{} is my favourite, tell me a story|talk about {}".split("|")
OTHER_PLAIN_STORY_ASKS = "story|I am bored|entertain me|say something|tell me something|tell me anything|write something|once upon a time|tell me.|yes|yes please|yes, a story|yes, please do|surprise me".split("|")


# What is said beside the thing where no subject is: none of it is one.
PLAIN_TAILS = "for children|for my son|for my daughter|for my child|for us|for me|in a few sentences|in five sentences|with a happy end|before I sleep|from long ago|of your own|about anything|about anything you like|about whatever you like|now|today|again".split("|")
HELD_PLAIN_TAILS = "for my sister|for the children|in six sentences|about something nice|tonight".split("|")


def asks_for(random, things, held, about=None):
    """Such as "please write a short story about a fox"."""
    lead = random.choice(HELD_LEADS if held else LEADS)
    thing = random.choice(things)
    if about:
        thing = f"{thing} about {about}"
    elif random.random() < 0.2:
        thing = f"{thing} {random.choice(HELD_PLAIN_TAILS if held else PLAIN_TAILS)}"
    return f"{lead} {thing}{random.choice(['', '', '', '', ' please', ', please'])}".strip()


ANOTHER_LEADS = "|||give me|I want|tell me|please|show me|now|and now|let me have|let me hear|how about|can I get|could I have|may I hear|write|make|can you tell|do you have|I would like".split("|")
ANOTHERS = "another|another one|another one|one more|a new one|a different one|the next one|another story|more|again|one more time|something else".split("|")
OTHER_ANOTHER_ASKS = "do it again|try again|once more|next|and another|again please|next one please|one more of those|more of that".split("|")
HELD_ANOTHER_ASKS = "I want another one|one more, please|can I have another".split("|")
SHORTER_LEADS = "|make it|please make it|now make it|make this|make that|can you make it|can you make that|could you make it|could you make this|would you make it|it should be|can it be|I want it|I need it|say it|tell it|this should be|that could be".split("|")
SHORTERS = "shorter|shorter|shorter|short|much shorter|a little shorter|more brief|brief|a lot shorter".split("|")
OTHER_SHORTER_ASKS = "too long|that is too long|this is too long|in one sentence|a shorter one|in short|summarize that|summarize it|sum it up|shorten it|shorten that please|a short version|briefly|tl;dr|be brief|in fewer words|say it in one sentence|in a few words".split("|")
HELD_SHORTER_ASKS = "please make that shorter|could it be shorter|a bit shorter".split("|")
LONGER_ASKS = "longer|longer please|make it longer|now make it longer|please make that longer|too short|that is too short|a longer one|can you make it longer|could you make it longer|can it be longer|tell me more|say more|more details|explain more|and then|what happened next|go on|continue|keep going|much longer|it should be longer".split("|")
HELD_LONGER_ASKS = "please make it longer|could it be longer".split("|")


def asks_again(random):
    if random.random() < 0.3:
        return random.choice(OTHER_ANOTHER_ASKS)
    ask = f"{random.choice(ANOTHER_LEADS)} {random.choice(ANOTHERS)}{random.choice(['', '', ' please', ', please'])}".strip()
    return asks_again(random) if ask in HELD_ANOTHER_ASKS else ask


def asks_for_less(random):
    if random.random() < 0.4:
        return random.choice(OTHER_SHORTER_ASKS)
    ask = f"{random.choice(SHORTER_LEADS)} {random.choice(SHORTERS)}{random.choice(['', '', ' please'])}".strip()
    return asks_for_less(random) if ask in HELD_SHORTER_ASKS else ask
