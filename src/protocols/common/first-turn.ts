/** A conversation may begin with the model's words, as a greeting does; most servers want the user to begin. */

/** What the user is taken to have said then. */
export const OPENING = "Hello.";
