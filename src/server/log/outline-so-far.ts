/** The entries of a log → the order in which the parts of the reply came. */

import type { AssistantMessage } from "../../contract/message.ts";
import { defaultOutline, inDefaultOrder, OutlineRecorder } from "../../dialects/outline.ts";
import { Fold } from "../../stream/fold.ts";
import type { LogEntry } from "./log.ts";

/** Returns the outline of a reply as far as its entries say, for a process that takes it over. */
export function outlineOf(entries: readonly LogEntry[]): OutlineRecorder {
  let recorder = new OutlineRecorder();
  let fold = emptyFold();
  for (const entry of entries) {
    if (entry.type === "snapshot") {
      recorder = new OutlineRecorder(entry.outline ?? defaultOutline(entry.message, entry.tools));
      fold = emptyFold();
    }
    for (const chunk of entry.type === "snapshot" ? inDefaultOrder(entry.message, entry.tools) : entry.chunks) {
      fold.add(chunk);
      if (chunk.type === "rewind") recorder.rewound(foldedIn(fold));
      else if (entry.type === "chunks") recorder.add(chunk);
    }
  }
  return recorder;
}

function emptyFold(): Fold {
  return new Fold({ provider: "", model: "", attempts: [] });
}

/** Returns the words of a reply so far, for their lengths. */
export function foldedIn(fold: Fold): AssistantMessage {
  return fold.message("running", () => ({ durationMs: 0, chunks: 0, longestGapMs: 0, attempts: [] }));
}
