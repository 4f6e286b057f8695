export type Role = 'developer' | 'operator'

export interface SessionView {
  readonly user: string
  readonly email: string | null
  readonly role: Role
  readonly tier: string
  readonly expiresAt: number
  /** Where clients send model requests. */
  readonly gatewayUrl: string
  /** The gateway's certificate is its own: clients need it to trust the gateway, and get it from here. */
  readonly hasOwnCertificate: boolean
  /** A model to try: the one that was asked the most of late. */
  readonly model: string
}
