/** The text of `--help`. */

import { LOCAL_SERVERS } from "./local-servers.ts";
import { KEY_LINES } from "./providers.ts";

const LOCAL_LINES = LOCAL_SERVERS.map(({ provider, baseUrl }) => `  ${provider.padEnd(11)} ${baseUrl}`).join("\n");

export const HELP: string = `Usage:
  cloudllm "question"           stream an answer
  … | cloudllm "question"       the question, a blank line, what the pipe brings
  echo question | cloudllm      the pipe alone is the question
  cloudllm chat                 a conversation; /help there
  cloudllm sessions             the conversations that were kept
  cloudllm serve                a chat page in the browser, and endpoints for
                                other front ends, on one port
  cloudllm compare "question"   the same prompt without and with streaming: how
                                long until the first words?

Options:
  -p, --provider NAME    who answers: see below
  -m, --model ID         default: a small, cheap one, which is asked to think
                         little or not at all; or the server's first
      --base-url URL     any server that speaks OpenAI's protocol, such as
                         http://localhost:9000/v1; its key, if it needs one, is
                         CLOUDLLM_API_KEY
      --allow-insecure-http
                         send the key also over http to a public host, where
                         others on the way can read it
  -s, --system TEXT      instructions for the conversation
      --max-tokens N     most tokens to write, thinking included
      --max-cost DOLLARS most that one turn may cost, such as 0.05, by the list
                         of prices; a streamed reply is cut by an estimate
      --max-total-tokens N
                         most tokens of one turn, input and output
  -t, --temperature N    0 to 2
      --timeout SECONDS  longest wait for a complete reply; 0 for no limit
      --session NAME     continue the conversation of this name, or begin it
      --ephemeral        a conversation that is kept nowhere
      --json             every chunk as a line of JSON (one answer only)
      --no-stream        ask for replies in one piece
      --media DIR        where pictures and sounds are saved; default: here
  -q, --quiet            only replies and errors
      --no-color         no colours; NO_COLOR and FORCE_COLOR count as well
      --env PATH         read keys from a .env file; what is set already stays
  -h, --help             this
      --version          print the version

Options of serve:
      --port N           default: 4242; 0 for any free port
      --host ADDRESS     default: this machine alone; others need a token
      --token SECRET     what users and programs must know, at least 16
                         characters; or CLOUDLLM_TOKEN
      --model ID         several times: the models that the page offers
      --also NAME        a provider that the page offers as well, with a model
                         behind a colon; may be given several times
      --fallback NAME    a provider that is asked when the others fail, with a
                         model behind a colon; may be given several times
      --store PLACE      where conversations are kept: a folder, sqlite:FILE,
                         postgres://… or redis://…
      --log PLACE        where running replies are kept: memory, sqlite:FILE or
                         redis://…
      --tools FILE       a module of JavaScript that exports tools

Who answers, unless it is named: the first whose key is set, in this order
(CLOUDLLM_OPENAI_API_KEY and so on go before the names below),
${KEY_LINES.join("\n")}
else the first server on this machine that answers:
${LOCAL_LINES}
else a toy model that is built in (--provider embedded): it shows streaming,
tells small stories and knows nothing.
Also by name: vllm, compatible (with --base-url), grok for xai, claude for
anthropic.

Requests go through the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name;
this machine is asked directly.

Conversations are kept in the user's data folder, or in CLOUDLLM_SESSIONS.
CLOUDLLM_LOG=debug writes each request and response to stderr, without keys.

stdout has the text of replies only; thinking, timing and errors go to stderr.
On a terminal control characters of a reply are shown, not obeyed. A pipe gets
the text as the model wrote it: view it with less, not with less -R.
Exit codes: 0 answered, 1 failed, 2 not understood, 130 Ctrl-C.
`;
