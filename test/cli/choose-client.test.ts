import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { chooseClient } from "../../src/cli/choose-client.ts";
import { findServers, type LocalServer } from "../../src/cli/local-servers.ts";
import { HOSTED, PROVIDER_NAMES, PROVIDERS } from "../../src/cli/providers.ts";
import type { Settings } from "../../src/cli/settings.ts";
import { closedServer, startModelServer } from "./command.ts";

const NO_SETTINGS: Settings = { quiet: false, nonStreamed: false };
const SECRET = "sk-0123456789";

function settings(more: Partial<Settings>): Settings {
  return { ...NO_SETTINGS, ...more };
}

function local(baseUrl: string, provider: LocalServer["provider"] = "ollama"): LocalServer {
  return { provider, label: "Here", baseUrl };
}

let nobody: LocalServer;
beforeAll(async () => {
  nobody = local((await closedServer()).baseUrl);
});

describe("without a provider and an address", () => {
  const everyKey = Object.fromEntries(HOSTED.flatMap((name) => PROVIDERS[name].keyNames.map((key) => [key, SECRET])));

  test("providers are tried in the documented order", () => {
    expect(HOSTED).toEqual(["openai", "xai", "anthropic", "gemini", "openrouter", "groq", "deepseek", "mistral"]);
  });

  test.each(HOSTED)("%s answers when those before it have no key", async (name) => {
    const earlier = HOSTED.slice(0, HOSTED.indexOf(name)).flatMap((each) => PROVIDERS[each].keyNames);
    const env = { ...everyKey, ...Object.fromEntries(earlier.map((key) => [key, ""])) };
    const { client, models } = await chooseClient(NO_SETTINGS, env, []);
    expect(client).toMatchObject({ provider: name, model: PROVIDERS[name].defaultModel });
    expect(models, "nobody is asked for models").toBeUndefined();
  });

  test.each(["azure", "bedrock", "vertex"] as const)("%s is asked by its name, with a model", async (provider) => {
    vi.stubEnv("AZURE_OPENAI_ENDPOINT", "https://res.openai.azure.com");
    vi.stubEnv("AWS_REGION", "us-east-1");
    vi.stubEnv("GOOGLE_CLOUD_PROJECT", "p");
    const { client } = await chooseClient(settings({ provider, model: "mine" }), { CLOUDLLM_API_KEY: SECRET }, []);
    expect(client).toMatchObject({ provider, model: "mine" });
    await expect(chooseClient(settings({ provider }), {}, [])).rejects.toThrow("needs --model");
    vi.unstubAllEnvs();
  });

  test("a key beats a server on this machine, and --model is passed on", async () => {
    await using server = await startModelServer(["llama"]);
    const env = { MISTRAL_API_KEY: SECRET };
    const { client } = await chooseClient(settings({ model: "ministral" }), env, [local(server.baseUrl)]);
    expect(client).toMatchObject({ provider: "mistral", model: "ministral" });
    expect(server.keys).toEqual([]);
  });

  test("without a key, the first server that answers and has a model is taken, with its first model", async () => {
    await using empty = await startModelServer([]);
    await using full = await startModelServer(["nomic-embed-text:latest", "llama3.2:3b", "qwen3"]);
    await using other = await startModelServer(["phi"]);
    const servers = [nobody, local(empty.baseUrl), local(full.baseUrl, "lmstudio"), local(other.baseUrl, "llamacpp")];
    const { client, models } = await chooseClient(NO_SETTINGS, {}, servers);
    expect(client).toMatchObject({ provider: "lmstudio", model: "llama3.2:3b" });
    expect(await models?.()).toEqual(["llama3.2:3b", "qwen3"]);
  });

  test("with a model named, the server that has it is taken", async () => {
    await using one = await startModelServer(["llama"]);
    await using two = await startModelServer(["qwen3"]);
    const servers = [local(one.baseUrl), local(two.baseUrl, "llamacpp")];
    const { client } = await chooseClient(settings({ model: "qwen3" }), {}, servers);
    expect(client).toMatchObject({ provider: "llamacpp", model: "qwen3" });
  });

  test("without a server, the built-in model answers, and says which key would get a real one", async () => {
    await using empty = await startModelServer([]);
    const { client, note, models } = await chooseClient(NO_SETTINGS, {}, [nobody, local(empty.baseUrl)]);
    expect(client).toMatchObject({ provider: "embedded", model: "cloudllm-toy" });
    expect(note).toMatch(
      /^no key found: talking to the built-in toy model; set OPENAI_API_KEY [^\n]* for a real one[^\n]*$/,
    );
    expect(await models?.()).toEqual(["cloudllm-toy"]);
  });

  test("without a server for the named model, all keys and servers are named", async () => {
    const failure = chooseClient(settings({ model: "qwen3" }), {}, [nobody]);
    await expect(failure).rejects.toMatchObject({ exitCode: 1 });
    const message = await failure.catch((error: Error) => error.message);
    for (const key of Object.keys(everyKey)) if (!key.startsWith("CLOUDLLM_")) expect(message).toContain(key);
    expect(message).toContain(nobody.baseUrl);
  });
});

describe("the built-in model by its name", () => {
  test("answers also where there is a key, without a word about it", async () => {
    const choice = await chooseClient(settings({ provider: "embedded" }), { OPENAI_API_KEY: SECRET }, []);
    expect(choice.client.provider).toBe("embedded");
    expect(choice.note).toBeUndefined();
  });

  test.each([
    ["another model", { model: "gpt-5" }, "There is only one model built in, cloudllm-toy"],
    ["an address", { baseUrl: "http://localhost/v1" }, "asks no server"],
  ])("has no %s", async (_name, more, message) => {
    const failure = chooseClient(settings({ provider: "embedded", ...more }), {}, []);
    await expect(failure).rejects.toThrow(
      expect.objectContaining({ exitCode: 2, message: expect.stringContaining(message) }),
    );
  });
});

describe("looking for servers on this machine", () => {
  test("what answers something else is none of them, nor is what does not answer in time", async () => {
    await using page = await startModelServer([], { body: "<html>my web site</html>" });
    await using refusing = await startModelServer(["x"], { status: 401 });
    await using good = await startModelServer(["m"]);
    const servers = [nobody, local(page.baseUrl), local(refusing.baseUrl), local(good.baseUrl)];
    expect(await findServers(servers)).toEqual([{ ...local(good.baseUrl), models: ["m"] }]);
    await using silent = await startModelServer(["m"], { isSilent: true });
    expect(await findServers([local(silent.baseUrl)], 50)).toEqual([]);
  });
});

describe("with an address", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test("--base-url alone is any compatible server; its first model is asked for, with CLOUDLLM_API_KEY", async () => {
    await using server = await startModelServer(["mine", "other"]);
    const env = { OPENAI_API_KEY: SECRET, CLOUDLLM_API_KEY: "own" };
    const { client } = await chooseClient(settings({ baseUrl: server.baseUrl }), env, []);
    expect(client).toMatchObject({ provider: "compatible", model: "mine" });
    expect(server.keys).toEqual(["Bearer own"]);
  });

  test("another's key does not go there", async () => {
    await using server = await startModelServer(["mine"]);
    await chooseClient(settings({ baseUrl: server.baseUrl }), { OPENAI_API_KEY: SECRET, GROQ_API_KEY: SECRET }, []);
    expect(server.keys).toEqual([undefined]);
  });

  test.each<[string, Partial<Settings>, Readonly<Record<string, string>>]>([
    ["a key for the address", {}, { CLOUDLLM_API_KEY: SECRET }],
    ["a key of the provider", { provider: "ollama" }, { OLLAMA_API_KEY: SECRET }],
    ["a key, with a model", { model: "m" }, { CLOUDLLM_API_KEY: SECRET }],
  ])("%s is not sent in clear to a public host, not even for its list of models", async (_name, more, env) => {
    vi.stubEnv("OLLAMA_API_KEY", SECRET); // as the process has it
    const given = settings({ baseUrl: "http://llm.example.com/v1", ...more });
    await expect(chooseClient(given, env, [])).rejects.toThrow(/readable on the way.*allowInsecureHttp/);
    const { client } = await chooseClient({ ...given, model: "m", allowInsecureHttp: true }, env, []);
    expect(client.model).toBe("m");
  });

  test("a provider with a model of its own is not asked", async () => {
    const { client } = await chooseClient(settings({ provider: "claude", baseUrl: nobody.baseUrl }), {}, []);
    expect(client).toMatchObject({ provider: "anthropic", model: PROVIDERS.anthropic.defaultModel });
  });

  test.each([
    ["nothing listens", undefined, {}, "nothing listens there. Is the server running?"],
    ["there is no list", "/v2", {}, "it answered 404. Does its address end in /v1?"],
    ["it wants a key", "/v1", { status: 401 }, "it answered 401."],
    ["it is a web site", "/v1", { body: "<html>" }, "its answer is not a list of models."],
    ["it has no models", "/v1", { body: '{"data":[]}' }, "has no model yet"],
  ])("%s", async (_name, path, answer, message) => {
    await using server = await startModelServer([], answer);
    const baseUrl = path === undefined ? nobody.baseUrl : server.baseUrl.replace("/v1", path);
    const failure = chooseClient(settings({ baseUrl }), {}, []);
    await expect(failure).rejects.toThrow(
      expect.objectContaining({ exitCode: 1, message: expect.stringContaining(message) }),
    );
  });

  test("an address that is none is refused before anybody is asked", async () => {
    await expect(chooseClient(settings({ baseUrl: "localhost" }), {}, [])).rejects.toThrow(TypeError);
  });

  test("compatible without one says so", async () => {
    await expect(chooseClient(settings({ provider: "compatible" }), {}, [])).rejects.toThrow("needs --base-url");
  });
});

describe("the table of providers says what the clients do", () => {
  afterEach(() => vi.unstubAllEnvs());

  const named = PROVIDER_NAMES.filter((name) => name !== "grok" && name !== "claude");

  test.each(named.flatMap((name) => PROVIDERS[name].keyNames.map((key) => [name, key] as const)))(
    "%s reads %s",
    async (name, key) => {
      for (const other of PROVIDER_NAMES.flatMap((each) => PROVIDERS[each].keyNames)) vi.stubEnv(other, "");
      vi.stubEnv(key, SECRET);
      vi.stubEnv("AZURE_RESOURCE_NAME", "res");
      vi.stubEnv("AWS_REGION", "us-east-1");
      expect(await authorizationOf(name)).toContain(SECRET);
    },
  );

  test.each(named.filter((name) => PROVIDERS[name].localUrl !== undefined))(
    "%s listens where it says",
    async (name) => {
      const { localUrl = "" } = PROVIDERS[name];
      const url = name === "ollama" ? `${new URL(localUrl).origin}/api/chat` : `${localUrl}/chat/completions`;
      expect((await requestOf(name)).url).toBe(url);
    },
  );

  async function authorizationOf(name: (typeof named)[number]): Promise<string> {
    return JSON.stringify([...(await requestOf(name)).headers]);
  }

  async function requestOf(name: (typeof named)[number]): Promise<Request> {
    let request: Request | undefined;
    const client = PROVIDERS[name].create({
      model: "m",
      retries: 0,
      fetch: async (url, init) => {
        request = new Request(url, init as RequestInit);
        return new Response("", { status: 500 });
      },
    });
    await client.sendMessage([{ role: "user", content: "Hi" }]).catch(() => undefined);
    if (!request) throw new Error(`${name} sent nothing`);
    return request;
  }
});
