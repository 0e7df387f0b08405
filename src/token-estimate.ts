/** Placeholder until the real estimator lands (same interface). */

export interface TokenCounter {
  count(text: string): number;
  calibrate?(estimated: number, actual: number): void;
}

export function estimateTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

export function createTokenCounter(): TokenCounter {
  return { count: estimateTokens };
}
