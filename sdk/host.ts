/** What a target gives to the SDK: the kernels it ships and how it reads a source that is not bytes. */
import type { Build } from "./build.ts";

/** What `load` takes; a string means what the target says. */
export type Source = string | URL | Response | Promise<Response> | Blob | ArrayBuffer | ArrayBufferView | { arrayBuffer(): Promise<ArrayBuffer> };

export interface Host {
  /** Best first; the first that the engine supports is taken. */
  builds: readonly Build[];
  /** SHA-256, where the host has one that starts sooner than WebCrypto. */
  sha256?: (bytes: Uint8Array) => Uint8Array;
  /** The engine checks the address of every load by code, as workerd does; kernels then load in another way. */
  checkedLoads?: boolean;
  /** Bytes behind a path or URL. */
  read: (location: string | URL, signal?: AbortSignal) => Promise<Uint8Array>;
}
