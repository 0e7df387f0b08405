/** A database's client whose connection can be cut, without the engine's part. */

/** A host and a password, as a driver's error has them. */
export const SECRETS: readonly string[] = ["db.internal.example", "5432", "hunter2"];

/** A client, and the ways to disturb it. */
export interface CutClient<Client> {
  readonly client: Client;
  cut(): void;
  reconnect(): void;
}

/** Returns the client with methods that reject while it is cut off. */
export function cutClient<Client extends object>(client: Client): CutClient<Client> {
  let isCut = false;
  const failed = () =>
    Promise.reject(
      Object.assign(new Error(`connect ECONNREFUSED ${SECRETS[0]}:${SECRETS[1]} (password ${SECRETS[2]})`), {
        code: "ECONNREFUSED",
      }),
    );
  return {
    client: new Proxy(client, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        // A pipeline is made at once, and fails when it is sent.
        const cutOff = () => (name === "pipeline" ? { exec: failed } : failed());
        return (...args: unknown[]) => (isCut ? cutOff() : Reflect.apply(value, target, args));
      },
    }),
    cut() {
      isCut = true;
    },
    reconnect() {
      isCut = false;
    },
  };
}
