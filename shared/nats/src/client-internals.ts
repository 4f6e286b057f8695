import type { NatsConnection } from 'nats'
import type { MessageParser } from './ack-reader.ts'

/** Takes what a connection brings, and hands on what belongs to the client. */
export type FirstReader = (client: MessageParser) => (bytes: Uint8Array) => void

/** What this package uses of the client beyond its types. */
export interface ClientInternals {
  /** Writes whole protocol commands; while disconnected they are dropped or wait. */
  write(commands: Uint8Array): void
  /** Puts a reader before the client's own, on the present connection. To be repeated after each reconnect. */
  readBefore(reader: FirstReader): void
}

/** Parts of the client's protocol handler: not in its types, and pinned with its version. */
interface Protocol {
  sendCommand(commands: Uint8Array): void
  /** Made anew with each connection. */
  readonly parser: { readonly state: number; parse(bytes: Uint8Array): void }
}

/** `parser.state` between two messages. */
const BETWEEN_MESSAGES = 0

/**
 * The only place where private parts of the `nats` client are touched.
 * @throws Error with what is missing, when another version of the client no longer has them
 */
export function internalsOf(connection: NatsConnection): ClientInternals {
  const { protocol } = connection as unknown as { protocol?: Protocol }
  const missing = [
    typeof protocol?.sendCommand === 'function' ? [] : ['protocol.sendCommand()'],
    typeof protocol?.parser?.parse === 'function' ? [] : ['protocol.parser.parse()'],
    typeof protocol?.parser?.state === 'number' ? [] : ['protocol.parser.state'],
  ].flat()
  if (!protocol || missing.length > 0) {
    throw new Error(
      `The nats client has no ${missing.join(', ')} any more: adapt shared/nats/src/client-internals.ts`,
    )
  }
  return {
    write: commands => protocol.sendCommand(commands),
    readBefore(reader) {
      const { parser } = protocol
      const parse = parser.parse.bind(parser)
      parser.parse = reader({ isBetweenMessages: () => parser.state === BETWEEN_MESSAGES, parse })
    },
  }
}
