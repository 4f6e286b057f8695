import type { Transform } from 'node:stream'
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  constants as zlib,
} from 'node:zlib'
import type { Boundary, ResponseHeaders } from '../http/index.ts'
import { type UpstreamControl, UpstreamError } from './upstream.ts'

/** A longer answer is a decompression bomb. */
const MAX_DECODED_BYTES = 64 * 1024 * 1024

/** Codings on top of each other that are undone. */
const MAX_CODINGS = 3

const gunzip = () => createGunzip({ flush: zlib.Z_SYNC_FLUSH })

/** Each piece is flushed as it comes, so that a compressed stream still streams. By the first byte of what comes. */
const CODINGS: ReadonlyMap<string, MakeTransform> = new Map<string, MakeTransform>([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  // RFC 9110 section 8.4.1.2 means zlib's format; many servers send the bare one.
  ['deflate', first => ((first & 0x0f) === 8 ? createInflate(SYNC) : createInflateRaw(SYNC))],
  ['br', () => createBrotliDecompress({ flush: zlib.BROTLI_OPERATION_FLUSH })],
  ['zstd', () => createZstdDecompress({ flush: zlib.ZSTD_e_flush })],
])
const SYNC = { flush: zlib.Z_SYNC_FLUSH }

type MakeTransform = (first: number) => Transform

/**
 * For an answer in content codings that can be undone here, the last one applied first (RFC 9110 section 8.4); others
 * pass as they are (see `isEncoded`).
 */
export function decodingOf(headers: ResponseHeaders): readonly MakeTransform[] | undefined {
  const value = headers['content-encoding']
  if (value === undefined) return undefined
  const names = String(value)
    .split(',')
    .map(name => name.trim().toLowerCase())
    .filter(name => name !== '' && name !== 'identity')
  if (names.length === 0 || names.length > MAX_CODINGS) return undefined
  const codings = names.reverse().map(name => CODINGS.get(name))
  return codings.every(coding => coding !== undefined) ? codings : undefined
}

/** The headers of the answer as it is without its coding. */
export function decodedHeaders(headers: ResponseHeaders): ResponseHeaders {
  const { 'content-encoding': _coding, 'content-length': _length, ...rest } = headers
  return rest
}

/** Who gets the answer as it is without its coding. */
export interface DecoderSink {
  onDecoded(chunk: Buffer): void
  onDecodedEnd(): void
  onDecodeError(error: UpstreamError): void
}

/**
 * Undoes the content codings of an answer. The gateway asks for `identity` and says so in the client's name, who may
 * not be able to read anything else; and usage is read from what passes.
 */
export class Decoder {
  readonly #codings: readonly MakeTransform[]
  readonly #sink: DecoderSink
  readonly #source: Pick<UpstreamControl, 'pause' | 'resume'>
  readonly #boundary: Boundary
  /** In the order in which bytes go through them; made with the first byte, for answers without a body name a coding too. */
  #transforms: Transform[] = []
  #bytes = 0
  #isOver = false

  constructor(
    codings: readonly MakeTransform[],
    sink: DecoderSink,
    source: Pick<UpstreamControl, 'pause' | 'resume'>,
    boundary: Boundary,
  ) {
    this.#codings = codings
    this.#sink = sink
    this.#source = source
    this.#boundary = boundary
  }

  write(chunk: Buffer): void {
    if (this.#isOver || chunk.length === 0) return
    const transform = this.#transforms[0] ?? this.#add(chunk[0]!)
    if (transform.write(chunk)) return
    this.#source.pause()
    transform.once('drain', () => this.#boundary.enter('decoder_drained', Decoder.#drained, this, undefined))
  }

  end(): void {
    if (this.#isOver) return
    const [first] = this.#transforms
    if (first) first.end()
    else Decoder.#end(this)
  }

  pause(): void {
    this.#transforms.at(-1)?.pause()
  }

  resume(): void {
    this.#transforms.at(-1)?.resume()
  }

  destroy(): void {
    this.#isOver = true
    for (const transform of this.#transforms) transform.destroy()
  }

  /** The next transform, whose output goes to the one after it or to the sink. */
  #add(first: number): Transform {
    const index = this.#transforms.length
    const transform = this.#codings[index]!(first)
    this.#transforms.push(transform)
    const isLast = index === this.#codings.length - 1
    transform.on('data', (chunk: Buffer) => {
      this.#boundary.enter('decoded_data', isLast ? Decoder.#data : Decoder.#inner, this, { index, chunk })
    })
    transform.on('end', () => {
      this.#boundary.enter('decoded_end', isLast ? Decoder.#end : Decoder.#innerEnd, this, index)
    })
    transform.on('error', error => this.#boundary.enter('decode_error', Decoder.#fail, this, error))
    return transform
  }

  static #inner(self: Decoder, { index, chunk }: Piece): void {
    if (self.#isOver || chunk.length === 0 || !self.#fits(chunk)) return
    const transform = self.#transforms[index]!
    const next = self.#transforms[index + 1] ?? self.#add(chunk[0]!)
    if (next.write(chunk)) return
    transform.pause()
    next.once('drain', () => self.#boundary.enter('decoder_drained', resume, transform, undefined))
  }

  static #innerEnd(self: Decoder, index: number): void {
    if (self.#isOver) return
    const next = self.#transforms[index + 1]
    if (next) next.end()
    else Decoder.#end(self)
  }

  static #data(self: Decoder, { chunk }: Piece): void {
    if (!self.#isOver && self.#fits(chunk)) self.#sink.onDecoded(chunk)
  }

  static #end(self: Decoder): void {
    if (self.#isOver) return
    self.#isOver = true
    self.#sink.onDecodedEnd()
  }

  static #drained(self: Decoder): void {
    if (!self.#isOver) self.#source.resume()
  }

  static #fail(self: Decoder, cause: Error): void {
    if (self.#isOver) return
    self.destroy()
    const message = "The model server's answer cannot be decompressed."
    self.#sink.onDecodeError(new UpstreamError('upstream_encoding', 'stream', 502, message, { cause }))
  }

  #fits(chunk: Buffer): boolean {
    this.#bytes += chunk.length
    if (this.#bytes <= MAX_DECODED_BYTES) return true
    Decoder.#fail(this, new Error('more than it may become'))
    return false
  }
}

interface Piece {
  readonly index: number
  readonly chunk: Buffer
}

function resume(transform: Transform): void {
  transform.resume()
}
