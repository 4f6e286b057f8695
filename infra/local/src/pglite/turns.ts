import type { Socket } from 'node:net'
import type { PGlite } from '@electric-sql/pglite'
import type { EngineWatch } from './engine-watch.ts'
import { becomeStatements, restrictionFault, revokeVolatileFunctions } from './restricted.ts'
import { errorResponse, queryMessage, startupMessage, type Unit } from './wire.ts'

export interface Session {
  readonly socket: Socket
  readonly user: string
  readonly database: string
}

interface Work {
  readonly session: Session
  readonly unit: Unit
}

export interface TurnLimits {
  /** A connection that holds the engine, in a transaction or before its Sync, and sends nothing for so long is ended. */
  readonly idleInTransactionMs: number
}

export const SUPERUSER = 'postgres'

/** Who may use the one session of a PGlite next. */
export class TurnQueue {
  readonly #database: PGlite
  readonly #limits: TurnLimits
  readonly #watch: EngineWatch | undefined
  #waiting: Work[] = []
  /** The connection whose transaction or unsynced messages must go on before anyone else's. */
  #owner: Session | undefined
  #ownerTimer: NodeJS.Timeout | undefined
  #running = false
  /** Whose rights the engine's session has now. */
  #user = SUPERUSER
  #isRestricted = false

  constructor(database: PGlite, limits: TurnLimits, watch: EngineWatch | undefined) {
    this.#database = database
    this.#limits = limits
    this.#watch = watch
  }

  add(work: Work): void {
    this.#waiting.push(work)
    void this.#run()
  }

  leave(session: Session): void {
    this.#waiting = this.#waiting.filter(work => work.session !== session)
    if (this.#owner !== session) return
    this.#waiting.unshift({ session, unit: { kind: 'turn', bytes: queryMessage('rollback'), ends: true } })
    void this.#run()
  }

  async #run(): Promise<void> {
    if (this.#running) return
    this.#running = true
    for (let work = this.#next(); work; work = this.#next()) {
      await this.#turn(work).catch(error => refuse(work.session, 'XX000', (error as Error).message))
      // A turn blocks this thread: let the sockets be read in between.
      await new Promise(setImmediate)
    }
    this.#running = false
  }

  async #turn({ session, unit }: Work): Promise<void> {
    const isOther = session.user !== SUPERUSER
    const fault = isOther && unit.kind === 'turn' ? restrictionFault(unit.bytes) : undefined
    if (fault !== undefined) return refuse(session, '42501', fault)
    if (this.#user !== session.user && !(await this.#become(session))) return
    const answer: Buffer[] = []
    const bytes =
      isOther && unit.kind === 'startup' ? startupMessage(SUPERUSER, session.database) : unit.bytes
    if (isOther) this.#watch?.begin()
    try {
      await this.#database.execProtocolRawStream(bytes, { onRawData: data => answer.push(Buffer.from(data)) })
    } finally {
      if (isOther) this.#watch?.end()
    }
    if (session.socket.writable) session.socket.write(Buffer.concat(answer))
    const holds = (unit.kind === 'turn' && !unit.ends) || this.#database.isInTransaction()
    this.#owner = holds ? session : undefined
    clearTimeout(this.#ownerTimer)
    if (this.#owner) this.#endWhenIdle(this.#owner)
  }

  /** Outside of transactions: a turn of another connection is only begun there. */
  async #become(session: Session): Promise<boolean> {
    if (session.user !== SUPERUSER && !this.#isRestricted) {
      await revokeVolatileFunctions(this.#database)
      this.#isRestricted = true
    }
    try {
      if (this.#user !== SUPERUSER) await this.#database.exec(becomeStatements(SUPERUSER, SUPERUSER))
      this.#user = SUPERUSER
      if (session.user !== SUPERUSER) await this.#database.exec(becomeStatements(session.user, SUPERUSER))
      this.#user = session.user
      return true
    } catch {
      await this.#database.exec(becomeStatements(SUPERUSER, SUPERUSER))
      refuse(session, '28000', `role "${session.user}" does not exist`)
      return false
    }
  }

  #endWhenIdle(owner: Session): void {
    this.#ownerTimer = setTimeout(() => {
      refuse(owner, '25P03', 'terminating connection due to idle-in-transaction timeout')
    }, this.#limits.idleInTransactionMs)
    this.#ownerTimer.unref()
  }

  #next(): Work | undefined {
    const owner = this.#owner
    if (!owner) return this.#waiting.shift()
    const index = this.#waiting.findIndex(work => work.session === owner)
    return index < 0 ? undefined : this.#waiting.splice(index, 1)[0]
  }
}

/** Its socket's `close` gives back what it held. */
function refuse({ socket }: Session, code: string, message: string): void {
  if (socket.writable) socket.write(errorResponse('FATAL', code, message), () => socket.destroy())
  else socket.destroy()
}
