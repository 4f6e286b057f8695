export { createAdmin } from './admin-server.http.ts'
export { type AdminDeps, registerAdmin } from './routes.http.ts'
