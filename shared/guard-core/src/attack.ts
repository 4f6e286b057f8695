import { ANONYMOUS, type Identity } from '@fluxgate/contracts'
import type { Attack, RuleState } from './state.ts'

/** A finding about an address so long after the one before belongs to another attack. */
export const ATTACK_GAP_MS = 600_000

/**
 * The attack that a finding belongs to: a stranger has as many addresses as they like, and an incident for each would
 * bury all others. Identities that we know have incidents of their own.
 */
export function attackOf({ attack }: RuleState, identity: Identity, atMs: number): Attack | undefined {
  if (identity.user !== ANONYMOUS || !attack) return undefined
  return atMs - attack.lastMs < ATTACK_GAP_MS ? attack : undefined
}

/** A finding was made at that time, and belongs to that incident. */
export function noteFinding(state: RuleState, identity: Identity, incident: string, atMs: number): void {
  if (identity.user !== ANONYMOUS) return
  const { attack } = state
  if (attack?.incident !== incident) {
    if (!attack || attack.lastMs <= atMs) state.attack = { incident, lastMs: atMs, findings: 1 }
    return
  }
  if (atMs > attack.lastMs) attack.lastMs = atMs
  attack.findings++
}
