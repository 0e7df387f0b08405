/** A client whose replies are written in this process. */

import type { ClientWrapper } from "../contract/client.ts";
import { withFacts } from "../contract/error-copies.ts";
import { SendError } from "../contract/errors.ts";
import type { AssistantMessage, Message } from "../contract/message.ts";
import { checkGiven } from "../contract/option-faults.ts";
import type { SendOptions } from "../contract/options.ts";
import { limitsOf, type ReplyForm } from "../contract/timeouts.ts";
import { checkCall, optionsFault } from "../contract/validate.ts";
import { systemClock } from "../platform/clock.ts";
import { withoutUndefined } from "../platform/without-undefined.ts";
import type { MessageStream } from "../stream/message-stream.ts";
import { openStream } from "../stream/open-stream.ts";
import { LocalReply } from "./local-reply.ts";
import { reportUnsupported } from "./unsupported-options.ts";
import type { Engine } from "./writer.ts";

/** A client of an engine. Subclasses say which. */
export class LocalClient implements ClientWrapper {
  readonly provider: string = "embedded";
  readonly model: string;
  readonly #engine: Engine;
  readonly #defaults: SendOptions;

  /** @throws {TypeError} when an option is invalid */
  constructor(model: string, engine: Engine, defaults: SendOptions) {
    const fault = optionsFault({ ...defaults });
    if (fault) throw new TypeError(fault);
    this.model = model;
    this.#engine = engine;
    this.#defaults = defaults;
  }

  /** Returns the constructor's defaults for all calls. */
  get defaults(): SendOptions {
    return this.#defaults;
  }

  async sendMessage(messages: readonly Message[], options: SendOptions = {}): Promise<AssistantMessage> {
    return (await this.#send(messages, options, "nonStreamed")).finalMessage();
  }

  sendMessageStream(messages: readonly Message[], options: SendOptions = {}): Promise<MessageStream> {
    return this.#send(messages, options, "streamed");
  }

  async #send(messages: readonly Message[], given: SendOptions, form: ReplyForm): Promise<MessageStream> {
    const now = systemClock();
    const startedAt = now();
    const { provider, model } = this;
    checkGiven(given);
    const options: SendOptions = { ...this.#defaults, ...withoutUndefined(given) };
    try {
      checkCall(messages, options);
      if (options.signal?.aborted)
        throw new SendError("aborted", "The caller's signal ended the call.", { cause: options.signal.reason });
      reportUnsupported(messages, options, model);
    } catch (error) {
      throw error instanceof SendError ? withFacts(error, { provider, model }) : error;
    }
    const limits = limitsOf(form, this.#defaults.timeouts, given.timeouts);
    const call = { provider, model, engine: this.#engine, messages: [...messages], options, limits, now, startedAt };
    return openStream(new LocalReply(call), { now, startedAt });
  }
}
