import type { EventName } from '@fluxgate/contracts'

/** Every fact there is, and its colour; the compiler sees to it that none is left out. */
export const FACTS = {
  'requests.admitted': '',
  'requests.refused': 'warn',
  'requests.completed': 'good',
  'requests.failed': 'bad',
  'requests.interrupted': 'warn',
  'tokens.progressed': '',
  'tokens.settled': 'good',
  'tokens.budget_crossed': 'warn',
  'auth.registered': '',
  'auth.login_succeeded': 'good',
  'auth.login_failed': 'bad',
  'auth.logged_out': '',
  'auth.key_created': '',
  'auth.key_revoked': 'warn',
  'auth.key_accepted': '',
  'auth.key_rejected': 'bad',
  'auth.tier_changed': '',
  'auth.password_changed': '',
  'auth.user_disabled': 'warn',
  'auth.user_enabled': '',
  'auth.user_erased': 'warn',
  'auth.invitation_created': '',
  'auth.invitation_revoked': '',
  'auth.policy_changed': 'info',
  'auth.operator_ordered': 'info',
  'auth.letter_replayed': 'info',
  'throttles.imposed': 'bad',
  'throttles.pardoned': 'good',
  'throttles.expired': '',
  'throttles.shadowed': 'info',
  'incidents.opened': 'bad',
  'incidents.reported': 'info',
  'incidents.joined': '',
  'incidents.acknowledged': 'info',
  'incidents.closed': 'good',
} as const satisfies Record<EventName, string>

export function toneOf(fact: string): string {
  return FACTS[fact as EventName] ?? ''
}
