/** `cloudllm/testing`: scripts, a client and a server that play them, and the suites that check the contracts. */

export type { Ability, ContractSubject, OpenedSubject } from "./contract/subject.ts";
export { contractSuite } from "./contract/suite.ts";
export type { LawCase } from "./law-case.ts";
export type { LogAbility, LogSubject, LogTimes } from "./log/case.ts";
export { logSuite } from "./log-suite.ts";
export { Gate, type Pause, type Sleep } from "./pause.ts";
export { type RecordedReply, type Recorder, type RecorderOptions, recorder } from "./recorder.ts";
export type {
  ReplyScript,
  ScriptEnding,
  ScriptedError,
  ScriptedFinish,
  ScriptedMedia,
  ScriptedRefusal,
  ScriptedToolCall,
  ScriptedUsage,
  ScriptStep,
} from "./script.ts";
export {
  type ScriptedCall,
  type ScriptedClient,
  type ScriptedClientOptions,
  scriptedClient,
} from "./scripted-client.ts";
export type { Sent } from "./server/delivery.ts";
export { type ProviderServer, type ProviderServerOptions, startProviderServer } from "./server/provider-server.ts";
export type { ProviderRequest } from "./server/received-requests.ts";
export type { Cuts, Pace, Recording } from "./server/recording.ts";
export type { ServerReply } from "./server/replies.ts";
export type { OpenedStore, StoreAbility, StoreSubject } from "./store/case.ts";
export { storeSuite } from "./store-suite.ts";
