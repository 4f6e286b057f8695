/** What a browser says about where a request comes from. */
export interface RequestSource {
  readonly origin: string | undefined
  readonly secFetchSite: string | undefined
  readonly host: string | undefined
}

/**
 * Whether a request that changes something was sent by this dashboard's own page. `ownOrigin` is known where a proxy
 * stands in front; otherwise the origin must name the host that the browser asked.
 */
export function isSameOrigin(source: RequestSource, ownOrigin: string | undefined): boolean {
  // Browsers send it with every request, and pages cannot set it.
  if (source.secFetchSite !== undefined && source.secFetchSite !== 'same-origin') return false
  if (source.origin === undefined) return source.secFetchSite === 'same-origin'
  if (ownOrigin !== undefined) return source.origin === ownOrigin
  return source.host !== undefined && URL.parse(source.origin)?.host === source.host
}
