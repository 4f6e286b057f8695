import { setTimeout as sleep } from 'node:timers/promises'
import { readJson } from '@fluxgate/contracts'
import { GUARD_POLICY_KEYS, POLICY_FILE, type PolicyBook } from '@fluxgate/operations'
import { type Log, readText, watchFile } from '@fluxgate/runtime'

const POLL_MS = 5_000
const RETRY_MS = 1_000

/**
 * Puts the policy of a file into the bucket, at the start and whenever the file changes. A file that cannot be read, or
 * holds no valid policy, is refused and told, and the policy before stays. While NATS is away it is tried again.
 */
export async function followPolicyFile(
  path: string,
  book: PolicyBook,
  log: Log,
  onRefused: () => void,
): Promise<AsyncDisposable> {
  const stop = new AbortController()
  let wanted: string | undefined
  let applying: Promise<void> | undefined

  const refuse = (reason: string) => {
    onRefused()
    log.error({ path, reason }, 'policy file refused, the policy before stays in force')
  }
  const apply = (text: string) => {
    wanted = text
    applying ??= applyAll().finally(() => {
      applying = undefined
    })
  }
  async function applyAll(): Promise<void> {
    while (wanted !== undefined && !stop.signal.aborted) {
      const text = wanted
      try {
        const policy = parsed(text)
        const outcome = policy.ok
          ? await book.change(POLICY_FILE, GUARD_POLICY_KEYS.live, policy.value)
          : { ok: false as const, error: { message: policy.reason } }
        if (!outcome.ok) refuse(outcome.error.message)
        else log.info({ path, changes: outcome.value.changes }, 'policy file applied')
        if (wanted === text) wanted = undefined
      } catch (error) {
        log.warn({ err: error, path }, 'policy file not applied, trying again')
        await sleep(RETRY_MS, undefined, { signal: stop.signal }).catch(() => {})
      }
    }
  }

  let text = ''
  try {
    text = await readText(path)
    apply(text)
  } catch (error) {
    refuse((error as Error).message)
  }
  const watch = watchFile(path, text, POLL_MS, { onText: apply, onFault: refuse })
  return {
    async [Symbol.asyncDispose]() {
      watch[Symbol.dispose]()
      stop.abort()
      await applying
    },
  }
}

function parsed(text: string): { ok: true; value: unknown } | { ok: false; reason: string } {
  return readJson(text, { maxSize: MAX_FILE_CHARS })
}

const MAX_FILE_CHARS = 16 * 1024 * 1024
