import { openApiDocuments } from '@fluxgate/gateway/api-documents'

/** `infra/docs/reference/api/public.json` and `admin.json`: what the gateway serves, laid out for people and for `git diff`. */
export async function apiReferences(): Promise<Record<string, string>> {
  const documents = Object.entries(await openApiDocuments())
  return Object.fromEntries(
    documents.map(([api, text]) => [`${api}.json`, `${JSON.stringify(JSON.parse(text), null, 1)}\n`]),
  )
}
