/** What every contender asks. */

export const model = "gpt-4o-mini";
export const question = "Explain streaming to me, with an example.";
