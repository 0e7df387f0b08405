/** A database's client whose connection can be disturbed, without the engine's part. */

/** A host and a password, as a driver's error has them. */
export const SECRETS: readonly string[] = ["db.internal.example", "5432", "hunter2"];

/** The connection at the moment. With `lossy`, requests are carried out, and their answers are lost. */
type State = "connected" | "cut" | "lossy";

/** A client, and the ways to disturb it. */
export interface CutClient<Client> {
  readonly client: Client;
  cut(): void;
  loseAnswers(): void;
  reconnect(): void;
}

/** Returns the client with methods that reject while its connection is disturbed. */
export function cutClient<Client extends object>(client: Client): CutClient<Client> {
  let state: State = "connected";
  const disturbed = async (request: () => unknown): Promise<unknown> => {
    if (state === "cut") throw connectionError();
    const answer = await request();
    if (state === "lossy") throw connectionError();
    return answer;
  };
  return {
    client: new Proxy(client, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (state === "connected") return Reflect.apply(value, target, args);
          if (name !== "pipeline") return disturbed(() => Reflect.apply(value, target, args));
          // A pipeline is made at once, and fails when it is sent.
          return { exec: () => disturbed(() => Reflect.apply(value, target, args).exec()) };
        };
      },
    }),
    cut() {
      state = "cut";
    },
    loseAnswers() {
      state = "lossy";
    },
    reconnect() {
      state = "connected";
    },
  };
}

function connectionError(): Error {
  const message = `connect ECONNREFUSED ${SECRETS[0]}:${SECRETS[1]} (password ${SECRETS[2]})`;
  return Object.assign(new Error(message), { code: "ECONNREFUSED" });
}
