import type { Names } from '../../../src/core/wire.ts'

/** Who pays: the user's address and the key's name where they are known, the ids where not and on hover. */
export function Identity({
  user,
  apiKey,
  names,
}: {
  user: string
  apiKey: string
  names?: Names | undefined
}) {
  const email = names?.users[user]?.email
  const key = names?.keys[apiKey]
  return (
    <span class="identity" title={`${user}.${apiKey}`}>
      <span class="identity-user">{email ?? user}</span>
      <span class="identity-key">{key ? `${key.name} · ${key.prefix}…${key.last4}` : apiKey}</span>
    </span>
  )
}

export function splitIdentity(identity: string): { user: string; apiKey: string } {
  const dot = identity.indexOf('.')
  return { user: identity.slice(0, dot), apiKey: identity.slice(dot + 1) }
}
