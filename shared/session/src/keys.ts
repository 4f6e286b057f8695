import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'

/** Sessions are signed with ECDSA on P-256 (RFC 7518 section 3.4): every OpenSSL and LibreSSL can make its keys. */
export const ALGORITHM = 'ES256'
const CURVE = 'prime256v1'

/** Both as one line of base64: PKCS#8 and SubjectPublicKeyInfo, that is PEM without its first and last line. */
export interface SessionKeyPair {
  readonly privateKey: string
  readonly publicKey: string
}

export interface SessionKey {
  readonly kid: string
  readonly key: KeyObject
}

export function makeSessionKeys(): SessionKeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: CURVE })
  return {
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
    publicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
  }
}

/** @throws RangeError when it is no private key for {@link ALGORITHM}; the message never holds the text */
export function readPrivateKey(text: string): SessionKey & { readonly publicKey: SessionKey } {
  const key = parsed('private', () => createPrivateKey({ key: bytesOf(text), format: 'der', type: 'pkcs8' }))
  const publicKey = named(createPublicKey(key))
  return { kid: publicKey.kid, key, publicKey }
}

/** @throws RangeError when it is no public key for {@link ALGORITHM} */
export function readPublicKey(text: string): SessionKey {
  return named(parsed('public', () => createPublicKey({ key: bytesOf(text), format: 'der', type: 'spki' })))
}

/** The public half of a private key, as {@link SessionKeyPair} writes it. */
export function publicKeyOf(privateKey: string): string {
  const { key } = readPrivateKey(privateKey).publicKey
  return key.export({ format: 'der', type: 'spki' }).toString('base64')
}

/** What reads variables and collects what is wrong with them; the EnvReader of the services is one. */
export interface VariableReader {
  optional(name: string): string | undefined
  text(name: string): string
  fault(message: string): void
}

/** The private key that signs sessions; a fault says how to make one. Empty when there was a fault. */
export function readSigningKey(env: VariableReader, name: string): string {
  return readKey(env, name, readPrivateKey)
}

/** A public key that verifies sessions. Empty when there was a fault. */
export function readVerifyingKey(env: VariableReader, name: string): string {
  return readKey(env, name, readPublicKey)
}

const FORMER = 'JWT_SECRET'

function readKey(env: VariableReader, name: string, read: (text: string) => unknown): string {
  if (env.optional(name) === undefined && env.optional(FORMER) !== undefined) {
    env.fault(
      `${FORMER} signs no sessions any more: they have a key pair. Set ${name} (infra/docker/secrets.sh prints a pair) ` +
        `and remove ${FORMER}; everybody logs in once more.`,
    )
    return ''
  }
  const text = env.text(name)
  if (text === '') return ''
  try {
    read(text)
    return text
  } catch (error) {
    env.fault(`${name} ${(error as Error).message}`)
    return ''
  }
}

/** PEM, or its body alone. */
function bytesOf(text: string): Buffer {
  return Buffer.from(text.replaceAll(/-----[A-Z ]+-----|\\n|\s/g, ''), 'base64')
}

function parsed(kind: 'private' | 'public', parse: () => KeyObject): KeyObject {
  let key: KeyObject | undefined
  try {
    key = parse()
  } catch {
    // What it was stays unsaid: it may be a secret.
  }
  if (key?.asymmetricKeyDetails?.namedCurve !== CURVE) {
    const form = kind === 'private' ? 'PKCS#8' : 'SubjectPublicKeyInfo'
    throw new RangeError(`must be a ${kind} key on P-256 (${form}, as PEM or as base64 in one line)`)
  }
  return key
}

/** The name of a key is a hash of its public half, so that both sides give it the same. */
function named(key: KeyObject): SessionKey {
  const kid = createHash('sha256')
    .update('fluxgate session key\0')
    .update(key.export({ format: 'der', type: 'spki' }))
    .digest('base64url')
    .slice(0, 11)
  return { kid, key }
}
