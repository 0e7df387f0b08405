/** Every recorded reply of Responses. */

import { GrokClient, OpenAIClient } from "cloudllm";
import { expect, test } from "vitest";
import { testRecordedReplies } from "../support/recorded-replies.ts";
import { bodiesOf, recordingsMissing, recordingsOf, sha256 } from "../support/recordings.ts";
import { requestRecorder } from "../support/sent-requests.ts";

/** Its source took most deltas out; the events that tell the texts again have all of them. */
const SHORTENED = "openai-responses/openai__openai-phase.1.chunks.txt";

testRecordedReplies({
  protocol: "openai-responses",
  client: (options, { file }) => (file.includes("/xai__") ? new GrokClient(options) : new OpenAIClient(options)),
  usageOf({ usage }) {
    if (!usage?.raw) return undefined;
    const { input, output, total } = usage;
    return {
      ...(input !== null && { inputTokens: input }),
      ...(output !== null && { outputTokens: output }),
      ...(total !== null && { totalTokens: total }),
    };
  },
  compare(message, { signatures = [] }) {
    const data = JSON.stringify(message?.replay?.data ?? null);
    const strings = [...data.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([quoted]) => sha256(JSON.parse(quoted) as string));
    for (const signature of signatures) expect(strings).toContain(signature);
  },
  skipped: { [SHORTENED]: "what is due there is the joined deltas, most of which were taken out; see below" },
});

test.skipIf(recordingsMissing)(
  "a recording without most of its deltas gives the texts that it tells again",
  async () => {
    const recording = recordingsOf("openai-responses").find(({ file }) => file === SHORTENED);
    const [body] = recording ? bodiesOf(recording) : [];
    const texts = [...String(body).matchAll(/^data: (.*"type": ?"response.output_text.done".*)$/gm)].map(
      ([, data = ""]) => (JSON.parse(data) as { readonly text: string }).text,
    );
    await using recorder = await requestRecorder();
    const { content } = await recorder.replied("openai", "m", String(body));
    expect(texts).toHaveLength(2);
    expect(content).toBe(texts.join(""));
  },
);
