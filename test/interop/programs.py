"""Programs that talk to a gateway by the providers' own libraries for Python: as `programs.mjs`, with the same methods
and outcomes. `python3 programs.py LIBRARY` reads requests from the lines of its input, and prints the outcomes."""

import json
import sys

import responses_programs


def address_of(args, path):
    """Without an origin, the environment says where the server is."""
    where = {"api_key": args["key"], "base_url": args["origin"] + args.get("path", path)} if "origin" in args else {}
    return {**where, "max_retries": args.get("maxRetries", 0)}


def openai_client(args):
    from openai import OpenAI

    return OpenAI(**address_of(args, "/v1"))


def openai_failure(error):
    return {
        "name": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "message": str(error),
        "code": getattr(error, "code", None),
        "type": getattr(error, "type", None),
        "requestID": getattr(error, "request_id", None),
    }


def openai_outcome(completion):
    choice = completion.choices[0]
    message = choice.message
    calls = [
        {"id": call.id, "name": call.function.name, "text": call.function.arguments} for call in message.tool_calls or []
    ]
    parsed = getattr(message, "parsed", None)
    return {
        "text": message.content or "",
        "parsed": parsed.model_dump() if parsed is not None else None,
        "calls": calls,
        "finish": choice.finish_reason,
        "model": completion.model,
        "usage": completion.usage.model_dump() if completion.usage else None,
    }


def openai_raw(args):
    seen = {"text": "", "reasoning": "", "calls": [], "chunks": 0}
    try:
        for chunk in openai_client(args).chat.completions.create(**args["params"], stream=True):
            seen["chunks"] += 1
            seen["model"] = chunk.model
            if chunk.usage:
                seen["usage"] = chunk.usage.model_dump()
            for choice in chunk.choices:
                seen["text"] += choice.delta.content or ""
                seen["reasoning"] += getattr(choice.delta, "reasoning_content", None) or ""
                for call in choice.delta.tool_calls or []:
                    if call.index == len(seen["calls"]):
                        seen["calls"].append({"id": call.id, "name": call.function.name, "text": ""})
                    seen["calls"][call.index]["text"] += call.function.arguments or ""
                if choice.finish_reason:
                    seen["finish"] = choice.finish_reason
    except Exception as error:
        seen["error"] = openai_failure(error)
    return seen


def openai_helper(args):
    with openai_client(args).chat.completions.stream(**args["params"]) as stream:
        return openai_outcome(stream.get_final_completion())


def openai_whole(args):
    return openai_outcome(openai_client(args).chat.completions.create(**args["params"]))


def openai_parsed(args):
    """Its library makes the schema of a class."""
    from pydantic import BaseModel

    class Place(BaseModel):
        city: str

    params = {**args["params"], "response_format": Place}
    return openai_outcome(openai_client(args).chat.completions.parse(**params))


def openai_abort(args):
    stream = openai_client(args).chat.completions.create(**args["params"], stream=True)
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            break
    stream.close()
    return {"isAborted": True}


def models(client, args):
    return {"ids": [model.id for model in client.models.list()], "one": client.models.retrieve(args["model"]).id}


def anthropic_client(args):
    from anthropic import Anthropic

    return Anthropic(**address_of(args, ""))


def anthropic_failure(error):
    body = getattr(error, "body", None)
    inner = body.get("error", {}) if isinstance(body, dict) else {}
    return {
        "name": type(error).__name__,
        "status": getattr(error, "status_code", None),
        "message": str(error),
        "type": inner.get("type"),
        "requestID": getattr(error, "request_id", None),
    }


def anthropic_outcome(message):
    content = [block.model_dump(exclude_none=True) for block in message.content]
    return {"content": content, "stop": message.stop_reason, "usage": message.usage.model_dump(), "model": message.model}


def anthropic_raw(args):
    seen = {"text": "", "thinking": "", "calls": [], "events": []}
    try:
        for event in anthropic_client(args).messages.create(**args["params"], stream=True):
            seen["events"].append(event.type)
            if event.type == "message_start":
                seen["start"] = event.message.model_dump()
            elif event.type == "message_delta":
                seen["stop"] = event.delta.stop_reason
                seen["usage"] = event.usage.model_dump()
            elif event.type == "content_block_start" and event.content_block.type == "tool_use":
                block = event.content_block
                seen["calls"].append({"index": event.index, "id": block.id, "name": block.name, "text": ""})
            elif event.type == "content_block_delta":
                delta = event.delta
                seen["text"] += getattr(delta, "text", "")
                seen["thinking"] += getattr(delta, "thinking", "")
                if delta.type == "input_json_delta":
                    [call] = [call for call in seen["calls"] if call["index"] == event.index]
                    call["text"] += delta.partial_json
    except Exception as error:
        seen["error"] = anthropic_failure(error)
    return seen


def anthropic_helper(args):
    with anthropic_client(args).messages.stream(**args["params"]) as stream:
        return anthropic_outcome(stream.get_final_message())


def anthropic_whole(args):
    return anthropic_outcome(anthropic_client(args).messages.create(**args["params"]))


def anthropic_beta(args):
    return anthropic_outcome(anthropic_client(args).beta.messages.create(**args["params"]))


def anthropic_abort(args):
    stream = anthropic_client(args).messages.create(**args["params"], stream=True)
    for event in stream:
        if event.type == "content_block_delta":
            break
    stream.close()
    return {"isAborted": True}


def anthropic_count_tokens(args):
    return anthropic_client(args).messages.count_tokens(**args["params"]).model_dump()


LIBRARIES = {
    "openAi": {
        "raw": openai_raw,
        "helper": openai_helper,
        "whole": openai_whole,
        "parsed": openai_parsed,
        "abort": openai_abort,
        "models": lambda args: models(openai_client(args), args),
        "failure": openai_failure,
    },
    "responses": responses_programs.METHODS,
    "anthropic": {
        "raw": anthropic_raw,
        "helper": anthropic_helper,
        "whole": anthropic_whole,
        "beta": anthropic_beta,
        "abort": anthropic_abort,
        "countTokens": anthropic_count_tokens,
        "models": lambda args: models(anthropic_client(args), args),
        "failure": anthropic_failure,
    },
}


methods = LIBRARIES[sys.argv[1].split(":")[0]]
for line in sys.stdin:
    request = json.loads(line)
    try:
        outcome = methods[request["method"]](request["args"])
    except Exception as error:
        outcome = {"error": methods["failure"](error)}
    print(json.dumps(outcome), flush=True)
