/** The contract of limits that several processes share. */

/** A call at the head of its process's queue. */
export interface SharedCall {
  /** Random. The call keeps its id while it asks again. */
  readonly id: string;
  /** The estimated tokens of the call, 0 when they do not count. */
  readonly tokens: number;
  readonly requestsPerMinute?: number | undefined;
  readonly tokensPerMinute?: number | undefined;
}

/** The answer to a call that wants to begin. */
export interface SharedAnswer {
  /** Time until it is worth asking again, in milliseconds. 0: the call begins, and is counted. */
  readonly waitMs: number;
  /** Time until the provider may be asked again, by any process, in milliseconds; 0 when it may be now. */
  readonly closedMs: number;
}

/**
 * Counts the calls of several processes in one place: `redisWindow` (`cloudllm/store/redis`), or your own. Every method
 * may reject when the place cannot be reached: then the process keeps the limits for itself.
 */
export interface SharedWindow {
  /**
   * Asks whether a call may begin. A call that must wait is in the line from then on, until it begins, leaves, or has
   * not asked for some seconds. It asks again after `waitMs`, and after a second at the latest. A call begins when
   * there is room for it and for all calls before it.
   */
  ask(call: SharedCall): Promise<SharedAnswer>;
  /** Takes a call out of the line. */
  leave(id: string): Promise<void>;
  /** Corrects the tokens of a call that began, once they are known. */
  settle(id: string, tokens: number): Promise<void>;
  /** Lets no call of any process begin for so long: the provider has asked for it. */
  close(forMs: number): Promise<void>;
}
