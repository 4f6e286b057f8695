export { followAddress, matchPath, navigate, usePlace } from './route.ts'
export { SearchField, useSearch } from './search.tsx'
