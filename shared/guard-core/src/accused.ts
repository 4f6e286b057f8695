import type { Identity } from '@fluxgate/contracts'

/** The identity alone, without the other fields of a fact about it. */
export function identityOf({ user, key }: Identity): Identity {
  return { user, key }
}
