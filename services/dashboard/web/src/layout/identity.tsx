import type { Names } from '../../../src/accounts/answers.ts'

/** Who pays: the user's address and the key's name where they are known, the ids where not and on hover. */
export function Identity({
  user,
  apiKey,
  names,
  isLink = false,
}: {
  user: string
  apiKey: string
  names?: Names | undefined
  isLink?: boolean
}) {
  const email = names?.users[user]?.email
  const key = names?.keys[apiKey]
  return (
    <span class="identity" title={`${user}.${apiKey}`}>
      {isLink ? (
        <a class="identity-user" href={`/identities/${user}.${apiKey}`}>
          {email ?? user}
        </a>
      ) : (
        <span class="identity-user">{email ?? user}</span>
      )}
      <span class="identity-key">{key ? keyText(key) : apiKey}</span>
    </span>
  )
}

/** A key need not have a name. */
export function keyText({ name, prefix, last4 }: Names['keys'][string]): string {
  return [name, `${prefix}…${last4}`].filter(part => part !== '').join(' · ')
}

export function splitIdentity(identity: string): { user: string; apiKey: string } {
  const dot = identity.indexOf('.')
  return { user: identity.slice(0, dot), apiKey: identity.slice(dot + 1) }
}
