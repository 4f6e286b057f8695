import { connect, type TLSSocket } from 'node:tls'

/** Frames of HTTP/2 as bytes, for what no client library would send (RFC 9113 section 4.1). */
export const FRAME = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  windowUpdate: 8,
  continuation: 9,
}
export const GOAWAY = 7
const END_STREAM = 1
const END_HEADERS = 4

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Literal fields without indexing (RFC 7541 section 6.2.2), names and values shorter than 127 bytes. */
export function fields(all: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')])
  return Buffer.concat(
    Object.entries(all).map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)])),
  )
}

const CALL = {
  ':method': 'POST',
  ':path': '/v1/chat/completions',
  ':scheme': 'https',
  ':authority': 'localhost',
}
const KEY = { authorization: 'Bearer good-key', 'content-type': 'application/json' }

export const callHeaders = (stream: number, { end = false } = {}): Buffer =>
  frame(FRAME.headers, END_HEADERS | (end ? END_STREAM : 0), stream, fields({ ...CALL, ...KEY }))

export const openHeaders = (stream: number): Buffer => frame(FRAME.headers, 0, stream, fields(CALL))

export const reset = (stream: number): Buffer => frame(FRAME.reset, 0, stream, Buffer.from([0, 0, 0, 8]))

export interface RawSession {
  readonly socket: TLSSocket
  /** Error code of the GOAWAY that came, if one came. */
  readonly goaway: number | undefined
  readonly closed: boolean
}

/** A connection with the preface and empty SETTINGS sent, that reads unless it is told to take nothing. */
export async function openFrames(
  port: number,
  { reads = true, settings = Buffer.alloc(0) } = {},
): Promise<RawSession> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  const session = { socket, goaway: undefined as number | undefined, closed: false }
  let buffered = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('close', () => {
    session.closed = true
  })
  if (reads) {
    socket.on('data', chunk => {
      buffered = Buffer.concat([buffered, chunk])
      while (buffered.length >= 9) {
        const length = buffered.readUIntBE(0, 3)
        if (buffered.length < 9 + length) return
        if (buffered[3] === GOAWAY) session.goaway = buffered.readUInt32BE(13)
        buffered = buffered.subarray(9 + length)
      }
    })
  }
  await new Promise(resolve => socket.once('secureConnect', resolve))
  socket.write(
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(FRAME.settings, 0, 0, settings)]),
  )
  return session
}
