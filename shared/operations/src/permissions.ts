/** Who gives an order. */
export interface Actor {
  /** As events name them: `admin`, `operator:<user>`, `mcp:<user>`, `file`. */
  readonly name: string
  readonly role: ActorRole
}

/** `operator`: may give every order. `reader`: none. `policy_file`: the file from which a guard takes its policy. */
export type ActorRole = 'operator' | 'reader' | 'policy_file'

export type OrderName =
  | 'pardon'
  | 'throttle'
  | 'acknowledge_incident'
  | 'close_incident'
  | 'replay_dead_letter'
  | 'change_policy'

const ALLOWED: Readonly<Record<ActorRole, readonly OrderName[]>> = Object.freeze({
  operator: [
    'pardon',
    'throttle',
    'acknowledge_incident',
    'close_incident',
    'replay_dead_letter',
    'change_policy',
  ],
  reader: [],
  policy_file: ['change_policy'],
})

/** Whoever holds the admin token of the gateways. */
export const ADMIN: Actor = Object.freeze({ name: 'admin', role: 'operator' })
export const POLICY_FILE: Actor = Object.freeze({ name: 'file', role: 'policy_file' })

/** The one decision about who may order what. */
export function mayOrder({ role }: Actor, order: OrderName): boolean {
  return ALLOWED[role].includes(order)
}
