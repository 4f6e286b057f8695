export { followAddress, matchPath, navigate, useRoute } from './route.ts'
export { SearchField, useSearch } from './search.tsx'
