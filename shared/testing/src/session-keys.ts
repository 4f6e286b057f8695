import { generateKeyPairSync } from 'node:crypto'

/** Keys for portal sessions, as the gateway's and the dashboard's environment have them; made anew by each process. */
export interface SessionKeyTexts {
  readonly privateKey: string
  readonly publicKey: string
}

export function newSessionKeys(): SessionKeyTexts {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  return {
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
    publicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
  }
}

export const SESSION_KEYS: SessionKeyTexts = Object.freeze(newSessionKeys())
