import { MODEL, MODELS, ROUTES, type Route } from './route-table.ts'

/** What a method of a path is here. */
export type Match =
  | { readonly kind: 'route'; readonly route: Route }
  /** The path is served by another method. `allow`: the value of that header (RFC 9110 section 10.2.1). */
  | { readonly kind: 'method'; readonly allow: string }
  | { readonly kind: 'unknown' }

export interface Routes {
  match(method: string, path: string): Match
  /** The value of `Allow`; undefined for a path that is not served. */
  allowed(path: string): string | undefined
}

const UNKNOWN: Match = Object.freeze({ kind: 'unknown' })
const MODEL_PREFIX = `${MODELS}/`

/** A matcher of the table and what an operator has added to it. */
export function routesOf(extra: readonly Route[] = []): Routes {
  const byPath = new Map<string, { byMethod: Map<string, Match>; allow: string; wrong: Match }>()
  for (const route of [...ROUTES, ...extra]) {
    const match: Match = Object.freeze({ kind: 'route', route })
    // HEAD is GET without the answer's body (RFC 9110 section 9.3.2).
    const allow = route.method === 'GET' ? 'GET, HEAD, OPTIONS' : 'POST, OPTIONS'
    const byMethod = new Map([[route.method as string, match]])
    if (route.method === 'GET') byMethod.set('HEAD', match)
    byPath.set(route.path, { byMethod, allow, wrong: Object.freeze({ kind: 'method', allow }) })
  }
  const pathOf = (path: string) =>
    byPath.get(path.startsWith(MODEL_PREFIX) && path.length > MODEL_PREFIX.length ? MODEL : path)
  return {
    match(method, path) {
      const found = path === MODEL ? undefined : pathOf(path)
      return found ? (found.byMethod.get(method) ?? found.wrong) : UNKNOWN
    },
    allowed: path => pathOf(path)?.allow,
  }
}

const STANDARD = routesOf()

/** The route of a call of the standard table; undefined where it has none. */
export function routeOf(method: string, path: string): Route | undefined {
  const match = STANDARD.match(method, path)
  return match.kind === 'route' ? match.route : undefined
}
