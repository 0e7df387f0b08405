/** Programs that ask a gateway for responses by OpenAI's own library: the outcome of each call, as JSON. */

/** OpenAI's library, by the name under which it is installed. */
export const responses = (name) => ({
  /** Reads the stream itself. */
  async raw({ params, ...where }) {
    const seen = { text: "", types: [], numbers: [] };
    try {
      const client = await clientOf(name, where);
      for await (const event of await client.responses.create({ ...params, stream: true })) note(seen, event);
    } catch (error) {
      seen.error = failure(error);
    }
    return seen;
  },
  /** The helper, which is stricter. */
  async helper({ params, ...where }) {
    return outcome(async () => (await clientOf(name, where)).responses.stream(params).finalResponse());
  },
  async whole({ params, ...where }) {
    return outcome(async () => (await clientOf(name, where)).responses.create(params));
  },
  async inputTokens({ params, ...where }) {
    return (await clientOf(name, where)).responses.inputTokens.count(params);
  },
  /** Parses what the schema asks for. */
  async parsed({ params, ...where }) {
    return outcome(async () => (await clientOf(name, where)).responses.parse(params));
  },
  /** Runs the tool for each call, and sends the results, until the model has its answer. */
  async tools({ params, ...where }) {
    const client = await clientOf(name, where);
    let response = await client.responses.create(params);
    const calls = [];
    for (;;) {
      const open = response.output.filter(({ type }) => type === "function_call");
      if (open.length === 0) return { calls, text: response.output_text };
      calls.push(...open.map(({ call_id, name: tool, arguments: text }) => ({ call_id, tool, text })));
      const input = open.map(({ call_id }) => ({ type: "function_call_output", call_id, output: "Rain" }));
      response = await client.responses.create({ ...params, input, previous_response_id: response.id });
    }
  },
  /** Breaks the connection behind each event in turn, and reads the rest by `starting_after`. */
  async cuts({ params, ...where }) {
    const client = await clientOf(name, where);
    const texts = [];
    for (let cut = 1; ; cut++) {
      const seen = { text: "", types: [], numbers: [] };
      const stream = await client.responses.create({ ...params, stream: true, background: true });
      let events = 0;
      for await (const event of stream) {
        note(seen, event);
        if (++events === cut) break;
      }
      const isWhole = seen.response !== undefined;
      const after = seen.numbers.at(-1);
      for await (const event of await client.responses.retrieve(seen.id, { stream: true, starting_after: after }))
        note(seen, event);
      texts.push({ text: seen.text, status: seen.response?.status, isRising: isRising(seen.numbers) });
      if (isWhole) return { texts };
    }
  },
  /** The helper's own way to come back: it reads the complete replay, and shows what is behind a number. */
  async resumed({ params, after, ...where }) {
    return outcome(async () => {
      const client = await clientOf(name, where);
      const first = await client.responses.create({ ...params, stream: true, background: true });
      let id;
      for await (const { response } of first) {
        id = response.id; // the first event has it
        break;
      }
      const runner = client.responses.stream({ response_id: id, starting_after: after });
      const numbers = [];
      runner.on("event", ({ sequence_number }) => numbers.push(sequence_number));
      return { ...(await runner.finalResponse()), numbers };
    });
  },
  /** Reads one response twice at once, and again when the first reader has left. */
  async crowded({ params, ...where }) {
    const client = await clientOf(name, where);
    const seen = { text: "", types: [], numbers: [] };
    for await (const { response } of await client.responses.create({ ...params, stream: true, background: true })) {
      seen.id = response.id;
      seen.refused = await outcome(() => client.responses.retrieve(response.id, { stream: true }));
      break;
    }
    const patient = await clientOf(name, { ...where, maxRetries: 5 });
    for await (const event of await patient.responses.retrieve(seen.id, { stream: true })) note(seen, event);
    return seen;
  },
  /** Begins a response without a connection, cancels it, and fetches and deletes it. */
  async cancelled({ params, ...where }) {
    const client = await clientOf(name, where);
    const stream = await client.responses.create({ ...params, stream: true, background: true });
    const seen = { text: "", types: [], numbers: [] };
    for await (const event of stream) {
      note(seen, event);
      if (event.type === "response.output_text.delta") await client.responses.cancel(seen.id);
    }
    const fetched = await client.responses.retrieve(seen.id);
    await client.responses.delete(seen.id);
    const gone = await outcome(() => client.responses.retrieve(seen.id));
    return { ...seen, fetched: fetched.status, text: fetched.output_text, gone };
  },
  /** Polls a response that is written without a connection. */
  async polled({ params, ...where }) {
    const client = await clientOf(name, where);
    let response = await client.responses.create({ ...params, background: true });
    const first = response.status;
    while (response.status === "queued" || response.status === "in_progress") {
      response = await client.responses.retrieve(response.id);
    }
    return { first, status: response.status, text: response.output_text };
  },
});

async function clientOf(name, { origin, path = "/v1", key, maxRetries = 0 }) {
  const { OpenAI } = await import(name);
  return new OpenAI({ ...(origin !== undefined && { apiKey: key, baseURL: origin + path }), maxRetries });
}

function note(seen, event) {
  seen.types.push(event.type);
  seen.numbers.push(event.sequence_number);
  seen.id ??= event.response?.id;
  if (event.type === "response.output_text.delta") seen.text += event.delta;
  if (/completed|incomplete|failed$/.test(event.type) && event.response) seen.response = event.response;
}

function isRising(numbers) {
  return numbers.every((number, at) => at === 0 || number > numbers[at - 1]);
}

async function outcome(call) {
  try {
    const {
      output_text: text,
      output_parsed: parsed,
      status,
      output,
      usage,
      incomplete_details,
      numbers,
    } = await call();
    return { text, parsed: parsed ?? undefined, status, output, usage, reason: incomplete_details?.reason, numbers };
  } catch (error) {
    return { error: failure(error) };
  }
}

function failure(error) {
  const { status, message, code, type, requestID } = error;
  return { name: error.constructor.name, status, message, code, type, requestID };
}
