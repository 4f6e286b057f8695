export { overviewRoutes } from './overview.http.ts'
