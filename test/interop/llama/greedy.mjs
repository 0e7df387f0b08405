/**
 * llama.cpp's word for it: reads `{ file, texts, prompts, most }` from stdin, and writes the tokens of each text, and those
 * that llama.cpp, always taking the likeliest, goes on with after each prompt. A process of its own: a native module that
 * crashes must not take the tests along.
 */
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

let input = "";
for await (const piece of process.stdin) input += piece;
const { file, texts, prompts, most } = JSON.parse(input);

const llama = await getLlama({ gpu: false, build: "never", maxThreads: 1, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath: file });
// It keeps keys and values in half precision unless told otherwise, which decides a near tie now and then.
const single = { experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32", flashAttention: false };
const context = await model.createContext({ contextSize: model.trainContextSize, threads: 1, ...single });
const sequence = context.getSequence();

const answers = [];
for (const prompt of prompts) {
  const answer = [];
  for await (const token of sequence.evaluate(prompt, { temperature: 0 })) {
    if (model.isEogToken(token) || answer.push(token) >= most) break;
  }
  answers.push(answer);
  await sequence.clearHistory();
}
process.stdout.write(JSON.stringify({ texts: texts.map((text) => model.tokenize(text, false)), answers }));
process.exit();
