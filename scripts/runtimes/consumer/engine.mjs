/** How engines differ for the checks. */

/** An error with its message and its stack: the stack of Firefox and of WebKit does not have the message. */
export function told(error) {
  const stack = String(error?.stack ?? "");
  return stack.includes(String(error)) ? stack : `${error}\n${stack}`;
}

/** Whether a stream can be handed over to another thread. WebKit cannot. */
export function passesStreams() {
  const stream = new ReadableStream();
  try {
    structuredClone(stream, { transfer: [stream] });
    return true;
  } catch {
    return false;
  }
}
