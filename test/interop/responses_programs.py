"""Programs that ask a gateway for responses by OpenAI's library for Python: as `responses-programs.mjs`."""


def client_of(args):
    from openai import OpenAI

    where = {"api_key": args["key"], "base_url": args["origin"] + args.get("path", "/v1")} if "origin" in args else {}
    return OpenAI(**where, max_retries=args.get("maxRetries", 0))


def failure(error):
    return {
        "name": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "message": str(error),
        "code": getattr(error, "code", None),
        "type": getattr(error, "type", None),
        "requestID": getattr(error, "request_id", None),
    }


def outcome(response, parsed=None):
    details = response.incomplete_details
    return {
        "text": response.output_text,
        "parsed": parsed,
        "status": response.status,
        "output": [item.model_dump(mode="json") for item in response.output],
        "usage": response.usage.model_dump() if response.usage else None,
        "reason": details.reason if details else None,
    }


def seen_nothing():
    return {"text": "", "types": [], "numbers": []}


def note(seen, event):
    seen["types"].append(event.type)
    seen["numbers"].append(event.sequence_number)
    response = getattr(event, "response", None)
    if response is not None:
        seen.setdefault("id", response.id)
    if event.type == "response.output_text.delta":
        seen["text"] += event.delta
    if response is not None and event.type.endswith(("completed", "incomplete", "failed")):
        seen["response"] = response.model_dump(mode="json")


def raw(args):
    seen = seen_nothing()
    try:
        for event in client_of(args).responses.create(**args["params"], stream=True):
            note(seen, event)
    except Exception as error:
        seen["error"] = failure(error)
    return seen


def helper(args):
    with client_of(args).responses.stream(**args["params"]) as stream:
        for event in stream:
            if event.type == "response.incomplete":
                return outcome(event.response)  # this helper has only one word for the end
        return outcome(stream.get_final_response())


def whole(args):
    return outcome(client_of(args).responses.create(**args["params"]))


def parsed(args):
    """Its library makes the schema of a class."""
    from pydantic import BaseModel

    class Place(BaseModel):
        city: str

    params = {name: value for name, value in args["params"].items() if name != "text"}
    response = client_of(args).responses.parse(**params, text_format=Place)
    return outcome(response, response.output_parsed.model_dump())


def tools(args):
    client = client_of(args)
    response = client.responses.create(**args["params"])
    calls = []
    while True:
        asked = [item for item in response.output if item.type == "function_call"]
        if not asked:
            return {"calls": calls, "text": response.output_text}
        calls += [{"call_id": call.call_id, "tool": call.name, "text": call.arguments} for call in asked]
        results = [{"type": "function_call_output", "call_id": call.call_id, "output": "Rain"} for call in asked]
        params = {**args["params"], "input": results, "previous_response_id": response.id}
        response = client.responses.create(**params)


def cuts(args):
    client = client_of(args)
    texts = []
    cut = 0
    while True:
        cut += 1
        seen = seen_nothing()
        stream = client.responses.create(**args["params"], stream=True, background=True)
        for events, event in enumerate(stream, start=1):
            note(seen, event)
            if events == cut:
                break
        stream.close()
        is_whole = "response" in seen
        after = seen["numbers"][-1]
        for event in client.responses.retrieve(seen["id"], stream=True, starting_after=after):
            note(seen, event)
        numbers = seen["numbers"]
        rising = all(one < other for one, other in zip(numbers, numbers[1:]))
        texts.append({"text": seen["text"], "status": seen["response"]["status"], "isRising": rising})
        if is_whole:
            return {"texts": texts}


def resumed(args):
    client = client_of(args)
    first = client.responses.create(**args["params"], stream=True, background=True)
    response_id = next(iter(first)).response.id
    first.close()
    numbers = []
    with client.responses.stream(response_id=response_id, starting_after=args["after"]) as stream:
        for event in stream:
            numbers.append(event.sequence_number)
        return {**outcome(stream.get_final_response()), "numbers": numbers}


def crowded(args):
    import openai

    client = client_of(args)
    seen = seen_nothing()
    stream = client.responses.create(**args["params"], stream=True, background=True)
    seen["id"] = next(iter(stream)).response.id
    try:
        client.responses.retrieve(seen["id"], stream=True)
    except openai.APIError as error:
        seen["refused"] = {"error": failure(error)}
    stream.close()
    patient = client_of({**args, "maxRetries": 5})
    for event in patient.responses.retrieve(seen["id"], stream=True):
        note(seen, event)
    return seen


def cancelled(args):
    import openai

    client = client_of(args)
    seen = seen_nothing()
    for event in client.responses.create(**args["params"], stream=True, background=True):
        note(seen, event)
        if event.type == "response.output_text.delta":
            client.responses.cancel(seen["id"])
    fetched = client.responses.retrieve(seen["id"])
    client.responses.delete(seen["id"])
    try:
        gone = client.responses.retrieve(seen["id"])
    except openai.NotFoundError as error:
        gone = {"error": failure(error)}
    return {**seen, "fetched": fetched.status, "text": fetched.output_text, "gone": gone}


def polled(args):
    client = client_of(args)
    response = client.responses.create(**args["params"], background=True)
    first = response.status
    while response.status in ("queued", "in_progress"):
        response = client.responses.retrieve(response.id)
    return {"first": first, "status": response.status, "text": response.output_text}


def input_tokens(args):
    count = client_of(args).responses.input_tokens.count(**args["params"])
    return {"object": count.object, "input_tokens": count.input_tokens}


METHODS = {
    "raw": raw,
    "helper": helper,
    "whole": whole,
    "parsed": parsed,
    "tools": tools,
    "crowded": crowded,
    "cuts": cuts,
    "resumed": resumed,
    "cancelled": cancelled,
    "polled": polled,
    "inputTokens": input_tokens,
    "failure": failure,
}
