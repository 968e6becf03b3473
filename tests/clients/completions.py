"""The official Python library of OpenAI against a running server: `python completions.py SCENARIO '{"url":…,"key":…,…}'`.

Each scenario asserts for itself; the exit code is what the test looks at.
"""

import faulthandler
import json
import sys
import threading

import openai
from openai import OpenAI

given = json.loads(sys.argv[2])
url, key, model = given["url"], given["key"], given["model"]
client = OpenAI(base_url=url, api_key=key, timeout=40)
hello = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Good evening"}]


def ask(**more):
    return client.chat.completions.create(**{"model": model, "messages": hello, **more})


def said(stream):
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def talk():
    models = client.models.list()
    assert model in [one.id for one in models.data], models
    one = client.models.retrieve(model)
    assert (one.id, one.object, one.owned_by) == (model, "model", "greenroom"), one
    whole = ask(temperature=0.4, max_tokens=50, user="someone")
    assert whole.choices[0].message.content == "Good evening.", whole
    assert whole.choices[0].finish_reason == "stop" and whole.model == model, whole
    assert whole.usage.prompt_tokens == 42 and whole.usage.prompt_tokens_details.cached_tokens == 32, whole
    chunks = list(ask(stream=True, stream_options={"include_usage": True}))
    assert said(chunks) == "Good evening.", chunks
    assert chunks[-1].usage.total_tokens == 44 and not chunks[-1].choices, chunks[-1]
    assert chunks[-2].choices[0].finish_reason == "stop", chunks[-2]
    stopped = ask(stop=["END"])
    assert stopped.choices[0].message.content == "one ", stopped
    assert said(ask(stop="END", stream=True)) == "one "


def raised(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def errors():
    bad = OpenAI(base_url=url, api_key="gr_nonsense")
    error = raised(openai.AuthenticationError, bad.models.list)
    assert error.code == "invalid_api_key" and error.status_code == 401, error
    error = raised(openai.NotFoundError, lambda: ask(model="gpt-4"))
    assert error.code == "model_not_found" and error.param == "model", error
    raised(openai.NotFoundError, lambda: client.models.retrieve("character/nobody"))
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    error = raised(openai.BadRequestError, lambda: ask(tools=tools))
    assert error.param == "tools" and error.type == "invalid_request_error", error
    # The first answer fails and is asked for again by the library itself: it counts once.
    assert ask().choices[0].message.content == "Hello."
    error = raised(openai.RateLimitError, ask)
    assert error.code == "insufficient_quota", error


def broken():
    heard = []

    def listen():
        for chunk in ask(stream=True):
            heard.append(chunk.choices[0].delta.content)

    error = raised(openai.APIError, listen)
    assert "".join(heard) == "Once upon ", heard
    assert error.code == "interrupted", error


def leave():
    stream = ask(stream=True)
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    stream.close()
    print("left", flush=True)
    assert sys.stdin.readline() == "go\n"


def two():
    heard = {}
    threads = [threading.Thread(target=lambda n=n: heard.update({n: said(ask(stream=True))})) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {0: "word " * 50, 1: "word " * 50}, heard


def picture():
    def look(url, **more):
        parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": url, "detail": "low"}}]
        return ask(messages=[{"role": "user", "content": parts}], **more)

    assert look(given["picture"]).choices[0].message.content == "A boat."
    assert said(look(given["picture"], stream=True)) == "A boat."
    error = raised(openai.BadRequestError, lambda: look("data:image/png;base64,!"))
    assert (error.code, error.param) == ("invalid_base64_image", "messages[0].content[1].image_url.url"), error
    error = raised(openai.BadRequestError, lambda: look("data:image/png;base64,aGVsbG8="))
    assert (error.code, error.type) == ("invalid_image_format", "invalid_request_error"), error


def room():
    metadata = {"conversation_id": given["conversation"]}
    headers = {"Idempotency-Key": "python-1"}
    first = ask(metadata=metadata, extra_headers=headers)
    assert first.choices[0].message.content == "Good evening.", first
    assert first.metadata["conversation_id"] == given["conversation"], first
    again = ask(metadata=metadata, extra_headers=headers)
    assert (again.id, again.metadata) == (first.id, first.metadata), again
    assert said(ask(metadata=metadata, stream=True)) == "Well then."


faulthandler.dump_traceback_later(60, exit=True)
{scenario.__name__: scenario for scenario in [talk, errors, broken, leave, two, picture, room]}[sys.argv[1]]()
print("done")
