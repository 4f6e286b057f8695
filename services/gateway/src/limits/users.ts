import { ANONYMOUS, type Tier } from '@fluxgate/contracts'

/**
 * What a user's bucket may lack when a call is admitted, in tokens or requests: it has the level of the user's only key, but
 * for rounding, and must not refuse what that one allows.
 */
export const USER_SLACK = 0.001

const STRANGERS = `${ANONYMOUS}.`

/** The user whose keys share limits, of an identity's text; undefined for strangers, and for a user's own id. */
export function userOf(identity: string): string | undefined {
  const dot = identity.indexOf('.')
  return dot <= 0 || identity.startsWith(STRANGERS) ? undefined : identity.slice(0, dot)
}

/** True for the id of a user, which has no dot; an identity is `<user>.<key>`. */
export function isUser(id: string): boolean {
  return !id.includes('.')
}

/** What allows all that either allows; what one of them does not limit is not limited. */
export function larger(a: Tier, b: Tier): Tier {
  const requestsPerMinute = largest(a.requestsPerMinute, b.requestsPerMinute)
  const concurrentStreams = largest(a.concurrentStreams, b.concurrentStreams)
  return {
    capacity: Math.max(a.capacity, b.capacity),
    refillRate: Math.max(a.refillRate, b.refillRate),
    ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
    ...(concurrentStreams === undefined ? {} : { concurrentStreams }),
  }
}

function largest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : Math.max(a, b)
}
