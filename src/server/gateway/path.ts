/** The part of an address that an API's route is read from. */

/** Where the routes of the APIs begin, in an address without a known mount. */
const ROUTES = /\/((?:chat\/completions|responses|messages|models)(?:\/.*)?)$/;

/**
 * Returns the path behind the mount and `v1`, without slashes around it; `undefined` for one outside the mount.
 * Programs are given the base address with and without `/v1`, so both work, also for a program that adds its own.
 * @param mount the path of the gateway, without a slash at its end; absent for any
 */
export function pathOf(url: string, mount: string | undefined): string | undefined {
  const { pathname } = new URL(url);
  if (mount !== undefined && pathname !== mount && !pathname.startsWith(`${mount}/`)) return undefined;
  const inside = mount === undefined ? behindAnyMount(pathname) : pathname.slice(mount.length);
  const path = inside.replace(/^\/+/, "").replace(/^(?:v1(?:\/+|$))+/, "");
  return decoded(path.replace(/\/+$/, ""));
}

function behindAnyMount(pathname: string): string {
  const version = pathname.indexOf("/v1/");
  if (version >= 0) return pathname.slice(version);
  return ROUTES.exec(pathname)?.[1] ?? pathname;
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
