/** Little-endian bytes of one file, every read checked against its end. */
import { modelError } from "../../ir/error.ts";

export const damaged = "The file is damaged: export or download it again.";

/** Reads by offset; `format` opens every error. */
export class Bytes {
  readonly format: string;
  readonly data: Uint8Array;
  private readonly view: DataView;

  constructor(data: Uint8Array, format: string) {
    this.data = data;
    this.format = format;
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get length(): number {
    return this.data.length;
  }

  u8(at: number): number {
    return this.view.getUint8(this.inside(at, 1));
  }

  u16(at: number): number {
    return this.view.getUint16(this.inside(at, 2), true);
  }

  u32(at: number): number {
    return this.view.getUint32(this.inside(at, 4), true);
  }

  i32(at: number): number {
    return this.view.getInt32(this.inside(at, 4), true);
  }

  /** An unsigned integer of 1 to 8 bytes, refused from 2^53. */
  uint(at: number, bytes: number): number {
    this.inside(at, bytes);
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = value * 256 + this.data[at + i]!;
    if (value > Number.MAX_SAFE_INTEGER) this.fail(at, `found the number ${value}, expected one below 2^53`);
    return value;
  }

  /** A view, not a copy. */
  slice(at: number, length: number): Uint8Array {
    return this.data.subarray(this.inside(at, length), at + length);
  }

  /** `length` bytes of UTF-8. */
  text(at: number, length: number): string {
    return utf8.decode(this.slice(at, length));
  }

  /** UTF-8 up to a zero byte, which must come. */
  textToZero(at: number, longest = 65536): string {
    this.inside(at, 0);
    const end = this.data.subarray(at, at + longest).indexOf(0);
    return end < 0 ? this.fail(at, "found a text without end, expected a zero byte") : this.text(at, end);
  }

  /** Whether the ASCII letters of `mark` stand at `at`. */
  has(at: number, mark: string): boolean {
    if (at < 0 || at + mark.length > this.length) return false;
    for (let i = 0; i < mark.length; i++) if (this.data[at + i] !== mark.charCodeAt(i)) return false;
    return true;
  }

  expectMark(at: number, mark: string): void {
    if (!this.has(at, mark)) this.fail(at, `expected the mark "${mark}" here`);
  }

  fail(at: number, problem: string, remedy = damaged): never {
    throw modelError("ERR_OCTAVO_FORMAT", this.format, `byte ${at}`, problem, remedy);
  }

  private inside(at: number, length: number): number {
    if (!(at >= 0 && length >= 0 && at + length <= this.length)) {
      this.fail(at, `${length} bytes should be here, expected them inside the ${this.length} bytes of the file`);
    }
    return at;
  }
}

const utf8 = new TextDecoder();
