import type { Identity, StoredEvent } from '@fluxgate/contracts'
import { done, type Outcome, poison } from '@fluxgate/nats'

export interface PardonDeps {
  /** False for an incident of many identities that was opened for another one. */
  readonly isAbout: (incident: string, identity: Identity) => Promise<boolean>
  /** Appends the closing if the incident has none. */
  readonly close: (incident: string, actor: string, reason: string) => Promise<void>
}

/** A pardon ends the incident whose throttle it ended, unless that is a campaign of many addresses. */
export function closePardoned(deps: PardonDeps): (pardoned: StoredEvent) => Promise<Outcome> {
  return async ({ event }) => {
    if (event.type !== 'fluxgate.throttles.pardoned') return poison('not a pardon')
    const { incident, actor, reason } = event.data
    if (incident !== undefined && (await deps.isAbout(incident, event.data)))
      await deps.close(incident, actor, reason === '' ? 'pardoned' : `pardoned: ${reason}`)
    return done
  }
}
