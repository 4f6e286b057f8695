import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
} from 'jose'

export interface IssuerKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
  readonly pem: string
}

export async function newIssuerKey(kid: string, alg = 'ES256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
  return { kid, alg, privateKey, jwk, pem: await exportSPKI(publicKey) }
}

export const AUDIENCE = 'fluxgate-models'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** An OIDC issuer on a real port, whose keys and manners a test may change. */
export interface TestIssuer extends AsyncDisposable {
  readonly url: string
  /** What it publishes. */
  keys: readonly IssuerKey[]
  /** Instead of its keys. */
  answerKeys: Answer | undefined
  answerDiscovery: Answer | undefined
  /** Requests for its keys, and for its discovery document. */
  readonly fetches: { keys: number; discovery: number }
  /** `claims` need not be what a sane issuer would say. */
  token(
    claims?: Readonly<Record<string, unknown>>,
    header?: Partial<JWTHeaderParameters>,
    key?: IssuerKey,
  ): Promise<string>
  stop(): Promise<void>
  start(): Promise<void>
}

export async function startIssuer(): Promise<TestIssuer> {
  const fetches = { keys: 0, discovery: 0 }
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    if (request.url === '/keys') {
      fetches.keys++
      if (issuer.answerKeys) issuer.answerKeys(request, response)
      else response.end(JSON.stringify({ keys: issuer.keys.map(({ jwk }) => jwk) }))
    } else if (request.url === '/.well-known/openid-configuration') {
      fetches.discovery++
      if (issuer.answerDiscovery) issuer.answerDiscovery(request, response)
      else response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }))
    } else response.writeHead(404).end()
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const issuer: TestIssuer = {
    url: `http://127.0.0.1:${port}`,
    keys: [await newIssuerKey('first')],
    answerKeys: undefined,
    answerDiscovery: undefined,
    fetches,
    token(claims = {}, header = {}, key = issuer.keys[0]!) {
      const nowS = Math.floor(Date.now() / 1_000)
      const usual = { iss: issuer.url, aud: AUDIENCE, sub: 'ann@example.com', iat: nowS, exp: nowS + 300 }
      return new SignJWT({ ...usual, ...claims } as JWTPayload)
        .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
        .sign(key.privateKey)
    },
    start: () => listen(port),
    async stop() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
    async [Symbol.asyncDispose]() {
      if (server.listening) await issuer.stop()
    },
  }
  return issuer
}
