import { ANONYMOUS, type Identity } from '@fluxgate/contracts'
import type { Campaign, RuleState } from './state.ts'

/** A finding about an address so long after the one before belongs to another attack. */
export const CAMPAIGN_MS = 600_000

/**
 * The campaign that a finding belongs to: a stranger has as many addresses as they like, and an incident for each would
 * bury all others. Identities that we know have incidents of their own.
 */
export function campaignOf({ campaign }: RuleState, identity: Identity, atMs: number): Campaign | undefined {
  if (identity.user !== ANONYMOUS || !campaign) return undefined
  return atMs - campaign.lastMs < CAMPAIGN_MS ? campaign : undefined
}

/** A finding was made at that time, and belongs to that incident. */
export function noteFinding(state: RuleState, identity: Identity, incident: string, atMs: number): void {
  if (identity.user !== ANONYMOUS) return
  const { campaign } = state
  if (campaign?.incident !== incident) {
    if (!campaign || campaign.lastMs <= atMs) state.campaign = { incident, lastMs: atMs, findings: 1 }
    return
  }
  if (atMs > campaign.lastMs) campaign.lastMs = atMs
  campaign.findings++
}
