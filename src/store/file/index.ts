/** Conversations in files: the subpath `cloudllm/store/file`. */

export { FileStore, type FileStoreOptions } from "./store.ts";
