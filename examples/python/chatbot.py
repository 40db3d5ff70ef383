# /// script
# requires-python = ">=3.8"
# ///
"""A generator that greets, is sent questions and answers them at random.

    python chatbot.py [SEED]
"""

import sys

ANSWERS = [
    "It is certain.",
    "Ask again later.",
    "Better not tell you now.",
    "My sources say no.",
    "Outlook good.",
]


def numbers(seed):
    """Endless pseudo-random numbers: the same seed gives the same ones everywhere."""
    while True:
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        yield seed >> 33


def chatbot(seed):
    random = numbers(seed)
    asked = 0
    answer = "Hello! What would you like to know?"
    while (question := (yield answer)) is not None:
        asked += 1
        choice = ANSWERS[next(random) % len(ANSWERS)]
        answer = f"{question} {choice}"
    return asked


seed = int(sys.argv[1]) if len(sys.argv) > 1 else 2015
bot = chatbot(seed)
print(next(bot))
for question in ["Will it compile?", "Will it run?", "Is it fast?", "Is it Python?"]:
    print(bot.send(question))
try:
    bot.send(None)
except StopIteration as stop:
    print(f"Goodbye, that was {stop.value} questions.")
