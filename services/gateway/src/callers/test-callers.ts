import { createSessions, type Sessions } from '@fluxgate/session'
import { SESSION_KEYS } from '@fluxgate/testing'
import type { KeyAnswer } from '../http/refusal-messages.ts'
import type { CallerTokens } from './caller-tokens.ts'
import type { IssuerKeysLimits } from './issuer-keys.http.ts'
import { type CallersDeps, type OidcConfig, openCallers } from './start-callers.ts'
import { AUDIENCE, startIssuer, type TestIssuer } from './test-issuer.ts'

type Callers = CallerTokens & AsyncDisposable

/** An issuer, who takes its tokens, and clocks that can be put forward. */
export interface CallersScene extends AsyncDisposable {
  readonly issuer: TestIssuer
  readonly sessions: Sessions
  readonly warned: unknown[]
  callers: Callers
  skipMs: number
  epochSkipMs: number
  open(changes?: Partial<OidcConfig>, limits?: Partial<IssuerKeysLimits>): Callers
  ask(token: string): Promise<KeyAnswer>
}

export async function startCallers(): Promise<CallersScene> {
  const toClose: Callers[] = []
  const issuer = await startIssuer()
  const sessions = createSessions({ privateKey: SESSION_KEYS.privateKey })
  const warned: unknown[] = []
  function open(changes: Partial<OidcConfig> = {}, limits: Partial<IssuerKeysLimits> = {}): Callers {
    const config: OidcConfig = {
      issuer: issuer.url,
      jwksUrl: undefined,
      audiences: [AUDIENCE],
      userClaim: 'sub',
      tierClaim: undefined,
      tiers: new Map(),
      ...changes,
    }
    const deps: CallersDeps = {
      sessions,
      live: { known: () => undefined, find: async () => ({ userId: 'usr_ann', tier: 'pro' }) },
      lookup: undefined,
      log: { warn: (...line) => warned.push(line) },
      nowMs: () => performance.now() + scene.skipMs,
      epochMs: () => Date.now() + scene.epochSkipMs,
    }
    const opened = openCallers(config, deps, limits)
    toClose.push(opened)
    return opened
  }
  const scene: Omit<CallersScene, 'callers'> = {
    issuer,
    sessions,
    warned,
    skipMs: 0,
    epochSkipMs: 0,
    open,
    ask: async token => (scene as CallersScene).callers.lookup(token),
    async [Symbol.asyncDispose]() {
      for (const each of toClose) await each[Symbol.asyncDispose]()
      await issuer[Symbol.asyncDispose]()
    },
  }
  return Object.assign(scene, { callers: open() })
}

export const rejected = (reason: string) => ({ kind: 'rejected', reason, credential: 'token' })
export const nowS = () => Math.floor(Date.now() / 1_000)
