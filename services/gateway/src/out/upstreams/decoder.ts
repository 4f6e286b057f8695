import type { Transform } from 'node:stream'
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
  constants as zlib,
} from 'node:zlib'
import {
  type ResponseHeaders,
  type UpstreamControl,
  UpstreamError,
  type UpstreamListener,
} from '../../core/exchange/upstream.ts'

/** A longer answer is a decompression bomb. */
const MAX_DECODED_BYTES = 64 * 1024 * 1024

/** Each piece is flushed as it comes, so that a compressed stream still streams. */
const CODINGS = new Map<string, () => Transform>([
  ['gzip', () => createGunzip({ flush: zlib.Z_SYNC_FLUSH })],
  ['x-gzip', () => createGunzip({ flush: zlib.Z_SYNC_FLUSH })],
  ['deflate', () => createInflate({ flush: zlib.Z_SYNC_FLUSH })],
  ['br', () => createBrotliDecompress({ flush: zlib.BROTLI_OPERATION_FLUSH })],
  ['zstd', () => createZstdDecompress({ flush: zlib.ZSTD_e_flush })],
])

type MakeTransform = () => Transform

/** For an answer in a content coding that can be undone here; others pass as they are (see `isEncoded`). */
export function decodingOf(headers: ResponseHeaders): MakeTransform | undefined {
  const coding = headers['content-encoding']
  return typeof coding === 'string' ? CODINGS.get(coding.trim().toLowerCase()) : undefined
}

/** The headers of the answer as it is without its coding. */
export function decodedHeaders(headers: ResponseHeaders): ResponseHeaders {
  const { 'content-encoding': _coding, 'content-length': _length, ...rest } = headers
  return rest
}

/**
 * Undoes the content coding of an answer. The gateway asks for `identity` and says so in the client's name, who may
 * not be able to read anything else; and usage is read from what passes.
 */
export class Decoder {
  readonly #make: MakeTransform
  readonly #listener: UpstreamListener
  readonly #source: UpstreamControl
  #transform: Transform | undefined
  #bytes = 0
  #isOver = false

  constructor(make: MakeTransform, listener: UpstreamListener, source: UpstreamControl) {
    this.#make = make
    this.#listener = listener
    this.#source = source
  }

  write(chunk: Buffer): void {
    if (this.#isOver) return
    // Made with the first byte: answers without a body may name a coding too.
    this.#transform ??= this.#start()
    if (this.#transform.write(chunk)) return
    this.#source.pause()
    this.#transform.once('drain', () => this.#source.resume())
  }

  end(): void {
    if (this.#isOver) return
    if (this.#transform) this.#transform.end()
    else this.#finish()
  }

  pause(): void {
    this.#transform?.pause()
  }

  resume(): void {
    this.#transform?.resume()
  }

  destroy(): void {
    this.#isOver = true
    this.#transform?.destroy()
  }

  #start(): Transform {
    const transform = this.#make()
    transform.on('data', (chunk: Buffer) => {
      if (this.#isOver) return
      this.#bytes += chunk.length
      if (this.#bytes > MAX_DECODED_BYTES) this.#fail(new Error('more than it may become'))
      else this.#listener.onData(chunk)
    })
    transform.on('end', () => this.#finish())
    transform.on('error', error => this.#fail(error))
    return transform
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#listener.onEnd()
  }

  #fail(cause: Error): void {
    if (this.#isOver) return
    this.destroy()
    this.#source.abort(cause)
    const message = "The model server's answer cannot be decompressed."
    this.#listener.onError(new UpstreamError('upstream_encoding', 'stream', 502, message, { cause }))
  }
}
