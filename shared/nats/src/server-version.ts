import type { LinkLog } from './link.ts'

/**
 * Older servers get no corrections any more; the newest minor and the one before it do. `npm start` and `npm test` take
 * a newer server where the system's is older (infra/local/bootstrap/nats-server.mjs has the same figure).
 */
export const LEAST_SUPPORTED_SERVER = '2.12'

/** Whether `version` (`2.10.27`, `2.12.0-RC.1`) is `least` (`2.12`, `2.12.3`) or newer; parts that are absent count as 0. */
export function isServerAtLeast(version: string, least: string): boolean {
  const parts = (text: string) => text.split(/[.-]/).map(Number)
  const have = parts(version)
  const wanted = parts(least)
  const at = wanted.findIndex((part, i) => (have[i] || 0) !== part)
  return at < 0 || (have[at] || 0) > (wanted[at] ?? 0)
}

/** Warns of a server that is too old each time a connection finds another version than before. */
export function watchServerVersion(log: Pick<LinkLog, 'warn'>): (version: string | undefined) => void {
  let last: string | undefined
  return version => {
    if (version === undefined || version === last) return
    last = version
    if (isServerAtLeast(version, LEAST_SUPPORTED_SERVER)) return
    log.warn(
      { version, leastSupported: LEAST_SUPPORTED_SERVER },
      `nats-server ${version} gets no corrections any more; the least supported version is ${LEAST_SUPPORTED_SERVER}`,
    )
  }
}
